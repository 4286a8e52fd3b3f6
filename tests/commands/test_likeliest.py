"""Labels by likelihood, beside a sum over the logits of prompts that the test puts together."""

from itertools import chain

import pytest
import torch
from transformers import GPT2Tokenizer

from lmkit.commands.few_shot import Example
from lmkit.commands.likeliest import Likeliest
from lmkit.data.rows import Row
from lmkit.errors import UsageError

EXAMPLES = [Example("the cat sat", "cat"), Example("a dog ran", "red dog"), Example("he", "cat")]


def rows(*texts):
    return [Row({"text": text}, f"f:{n}") for n, text in enumerate(texts)]


def made(labels=("cat", "red dog"), template="it is {}.", examples=(), positions=64):
    return Likeliest(labels, template, examples, "text", positions=positions)


def ids(tokenizer, *pieces):
    return [i for piece in pieces for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]


@torch.no_grad()
def log_likelihood(model, prompt, continuation):
    logits = model(torch.tensor([prompt + continuation])).logits[0].double().log_softmax(-1)
    start = len(prompt) - 1
    return sum(logits[start + at, token].item() for at, token in enumerate(continuation))


@pytest.mark.parametrize("examples", [(), EXAMPLES])
def test_scores_are_likelihoods_that_share_a_probability(tiny_gpt2, tiny_tokenizer, examples):
    with torch.no_grad():
        for parameter in tiny_gpt2.parameters():
            parameter.mul_(3)
    answerer, texts = made(examples=examples), ["the cat", "a dog on the hill"]
    features = answerer.encode_inputs(rows(*texts), tiny_tokenizer)
    with torch.no_grad():
        found = answerer.infer(tiny_gpt2, answerer.collate(features))
    answers = answerer.decode(found, {})
    for text, answer in zip(texts, answers, strict=True):
        shown = [
            piece for one in examples for piece in (one.text, "\n", f"it is {one.label}.", "\n\n")
        ]
        prompt = [tiny_tokenizer.eos_token_id, *ids(tiny_tokenizer, *shown, text, "\n")]
        sums = torch.tensor(
            [
                log_likelihood(tiny_gpt2, prompt, ids(tiny_tokenizer, f"it is {label}."))
                for label in ("cat", "red dog")
            ]
        )
        expected = sums.softmax(0).tolist()
        assert list(answer["scores"].values()) == pytest.approx(expected, abs=1e-5)
        assert answer["label"] == ("cat", "red dog")[expected.index(max(expected))]


def test_a_label_that_begins_another_is_asked_for_with_its_end(tiny_tokenizer):
    answerer = made(labels=("cat", "cats"), template="{}")
    answerer.encode_inputs(rows("a"), tiny_tokenizer)
    first, second = answerer._pieces.continuations
    assert second[: len(first)] != first
    assert first[-1:] == second[-1:] == ids(tiny_tokenizer, "\n")


def test_a_blank_line_is_the_tokens_that_it_is_between_texts(test_data):
    """GPT-2 has a token for two line ends, which it does not use before a word."""
    folder = test_data / "tokenizers" / "gpt2"
    tokenizer = GPT2Tokenizer.from_pretrained(folder)
    answerer = made(examples=EXAMPLES[:1])
    (feature,) = answerer.encode_inputs(rows("a dog ran"), tokenizer)
    text = "<|endoftext|>the cat sat\nit is cat.\n\na dog ran\nit is"
    assert feature["input_ids"] == tokenizer(text)["input_ids"]


def test_examples_that_do_not_fit_are_dropped_from_the_front(tiny_tokenizer, caplog):
    caplog.set_level("INFO", logger="lmkit")
    texts = ["a", "he ran up the hill and looked", "x" * 90]
    positions = 48
    answerer = made(examples=EXAMPLES, positions=positions)
    features = answerer.encode_inputs(rows(*texts), tiny_tokenizer)
    blocks = [
        ids(tiny_tokenizer, one.text, "\n", f"it is {one.label}.", "\n\n") for one in EXAMPLES
    ]
    longest = len(ids(tiny_tokenizer, "it is red dog."))
    counts = []
    for text, feature in zip(texts, features, strict=True):
        asked = ids(tiny_tokenizer, text, "\n")
        lengths = [1 + sum(map(len, blocks[3 - n :])) + len(asked) + longest for n in range(4)]
        count = max((n for n in range(4) if lengths[n] <= positions), default=0)
        counts.append(count)
        shown = [tiny_tokenizer.eos_token_id, *chain.from_iterable(blocks[3 - count :])]
        assert feature["input_ids"][: len(shown)] == shown
        if text == texts[2]:
            assert len(feature["input_ids"]) + max(map(len, answerer._pieces.continuations)) == 48
        else:
            assert feature["input_ids"][len(shown) :][: len(asked)] == asked
    assert counts == sorted(counts, reverse=True)
    assert counts[0] in (1, 2)
    assert counts[2] == 0
    assert "1 of 3 texts are cut at" in caplog.text
    assert "prompts have fewer than the 3 examples: the first are dropped" in caplog.text


def test_sentences_without_room_for_a_text_are_refused(tiny_tokenizer):
    with pytest.raises(UsageError, match=r"--hypothesis: sentence and labels take \d+ tokens"):
        made(template="{}" + " the cat" * 30, positions=20).encode_inputs(rows("a"), tiny_tokenizer)
