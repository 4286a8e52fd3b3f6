"""Log-likelihoods of continuations: the definition, lm-evaluation-harness, any batch size."""

import copy
import importlib

import numpy as np
import pytest
import torch

from lmkit.errors import DataError
from lmkit.evaluation.scoring import score
from lmkit.generation.continuations import Continuations, encode_pairs

PAIRS = [
    ("the cat sat on", " the mat"),
    ("the cat sat on", " a hat"),
    ("one two three ", "four"),
    ("", "the dog"),
    ("  ", "the dog"),
    ("a much longer context, with many words in it, that comes before", " it"),
    ("<|endoftext|>the bird", " sang"),
]
LIMIT = 64


@pytest.fixture
def model(tiny_gpt2):
    return tiny_gpt2.double()


def scored(model, tokenizer, pairs, batch_size=3, limit=LIMIT):
    requests = encode_pairs(pairs, tokenizer, limit)
    return score(model, Continuations(), requests, batch_size=batch_size)


def test_it_is_the_sum_of_the_tokens_log_probabilities(model, tiny_tokenizer):
    found = scored(model, tiny_tokenizer, PAIRS)
    for at, (context, continuation) in enumerate(PAIRS):
        bare = context.rstrip()
        before = tiny_tokenizer(bare)["input_ids"] or [tiny_tokenizer.bos_token_id]
        ids = tiny_tokenizer(context + continuation)["input_ids"]
        ids = ids if bare else [*before, *ids]
        with torch.no_grad():
            logs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        wanted = ids[len(before) :]
        places = range(len(before) - 1, len(ids) - 1)
        expected = sum(float(logs[p, t]) for p, t in zip(places, wanted, strict=True))
        assert -found["nll"][at] == pytest.approx(expected, abs=1e-10)
        assert found["count"][at] == len(wanted)
        greedy = [int(logs[p].argmax()) for p in places] == wanted
        assert found["greedy"][at] == greedy


def test_the_harness_says_the_same(model, tiny_tokenizer):
    pytest.importorskip("lm_eval")
    harness = importlib.import_module("lm_eval.models.huggingface")
    instance = importlib.import_module("lm_eval.api.instance").Instance
    own = copy.deepcopy(tiny_tokenizer)  # it changes the tokenizer
    theirs = harness.HFLM(pretrained=model, tokenizer=own, batch_size=2, max_length=12)
    pairs = [pair for pair in PAIRS if pair[0] != "  "]  # theirs has no answer to white space
    asked = [instance("loglikelihood", {}, pair, at) for at, pair in enumerate(pairs)]
    wanted = theirs.loglikelihood(asked, disable_tqdm=True)
    found = scored(model, tiny_tokenizer, pairs, limit=12)  # most contexts lose their beginning
    np.testing.assert_allclose(found["nll"], [-one for one, _ in wanted], rtol=1e-12)
    assert found["greedy"] == [greedy for _, greedy in wanted]


def test_the_batch_size_changes_no_number(model, tiny_tokenizer):
    one = scored(model, tiny_tokenizer, PAIRS, batch_size=1)
    for size in (2, 64):
        other = scored(model, tiny_tokenizer, PAIRS, batch_size=size)
        np.testing.assert_allclose(other["nll"], one["nll"], rtol=1e-10)
        assert other["greedy"] == one["greedy"]


def test_what_cannot_be_asked_is_told(tiny_tokenizer):
    with pytest.raises(DataError, match="is no token of its own"):
        encode_pairs([("the cat", "")], tiny_tokenizer, LIMIT)
    with pytest.raises(DataError, match="is longer than the model reads"):
        encode_pairs([("the", " cat sat" * 40)], tiny_tokenizer, 8)
