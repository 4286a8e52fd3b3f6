"""Next-token prediction against plain logits, one token and one document at a time."""

import math
import zlib
from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedTokenizerFast

from lmkit import tasks
from lmkit.data.tokenizer import end_token_id, start_token_id
from lmkit.errors import ModelError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.causal_lm import sees_later_tokens

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
CAUSAL = {
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2},
    "llama": SMALL | {"intermediate_size": 32},
    "opt": SMALL | {"ffn_dim": 32, "word_embed_proj_dim": 16},
    "bert": SMALL | {"intermediate_size": 32, "is_decoder": True},
}


def causal(**options):
    return tasks.build(CausalLMOptions(name="causal_lm", **options))


def new(architecture, config):
    return ModelLoader(ModelSection(architecture=architecture, config=config))


def scored(task, model, source, tokenizer, batch_size=8):
    examples = task.examples(source, tokenizer, seed=0, training=False)
    task.attach(model)
    try:
        return score(model, task, examples, batch_size=batch_size)
    finally:
        task.detach(model)


@torch.no_grad()
def surprise(model, tokenizer, texts, size, stride):
    """Nats and tokens of all documents: the model sees one prefix at a time, and no padding.

    A token at position p of [start] document [end] is read through the first window that holds it.
    """
    nats, count = 0.0, 0
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        stream = [start_token_id(tokenizer), *ids, end_token_id(tokenizer)]
        for place in range(1, len(stream)):
            begin = max(0, math.ceil((place - size) / stride)) * stride
            logits = model(input_ids=torch.tensor([stream[begin:place]])).logits[0, -1].double()
            nats -= torch.log_softmax(logits, -1)[stream[place]].item()
            count += 1
    return nats, count


@pytest.mark.parametrize(("size", "stride"), [(64, None), (16, None), (16, 16), (16, 5)])
def test_the_loss_is_that_of_plain_logits_whatever_the_batch(
    tiny_gpt2, tiny_tokenizer, listed, texts, size, stride
):
    task = causal(block_size=size, stride=stride)
    nats, count = surprise(tiny_gpt2, tiny_tokenizer, texts, size, stride or size // 2)
    size_in_bytes = sum(len(text.encode()) for text in texts)
    for batch_size in (1, 2, 8, 64):
        rows = scored(task, tiny_gpt2, listed(texts), tiny_tokenizer, batch_size)
        found = task.metrics(rows)
        assert sum(rows["count"]) == count
        assert found["loss"] == pytest.approx(nats / count, rel=1e-6)
        assert found["perplexity"] == pytest.approx(math.exp(nats / count), rel=1e-5)
        assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / size_in_bytes, rel=1e-6)


def test_what_is_unknown_is_counted_and_leaves_no_bits_per_byte(listed):
    """A vocabulary of two words predicts `<unk>` well, and no byte of what it stands for."""
    vocabulary = {"<unk>": 0, "</s>": 1, "a": 2, "b": 3}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="</s>")
    task = causal(block_size=8)
    model = task.build_model(new("gpt2", CAUSAL["gpt2"]), tokenizer).eval()
    known, lossy = listed(["a b a"]), listed(["a b a", "b far a word", "a"])
    rows = scored(task, model, known, tokenizer)
    assert set(task.metrics(rows)) == {"loss", "perplexity", "bits_per_byte"}
    assert set(task.baselines(known, known, task.examples(known, tokenizer, seed=0, training=False),
                              tokenizer)) == {"zlib", "unigram"}  # fmt: skip
    rows = scored(task, model, lossy, tokenizer)
    assert rows["unknown"] == [0, 2, 0]
    assert set(task.metrics(rows)) == set(task.intervals(rows, 0)) == {"loss", "perplexity"}
    examples = task.examples(lossy, tokenizer, seed=0, training=False)
    found = task.baselines(known, lossy, examples, tokenizer)
    assert {name: set(numbers) for name, numbers in found.items()} == {
        "unigram": {"loss", "perplexity"}
    }


@pytest.mark.parametrize("packing", ["joined", "none"])
def test_training_predicts_each_token_once_and_pads_nothing_else(
    tiny_tokenizer, listed, texts, packing
):
    task = causal(block_size=16, packing=packing)
    examples = task.examples(listed(texts), tiny_tokenizer, seed=0, training=True)
    batch = task.collate([examples[0, index] for index in range(len(examples))])
    expected = Counter()
    for text in texts:
        expected.update(tiny_tokenizer(text).input_ids)
        expected[end_token_id(tiny_tokenizer)] += 1
    labels = batch["labels"]
    assert Counter(labels[labels != IGNORED].tolist()) == expected
    assert task.count(batch) == task.tokens(batch) == expected.total() == examples.lengths.sum()
    assert set(batch) == {"input_ids", "labels"}  # no mask
    assert batch["input_ids"].shape[1] <= 16


@pytest.mark.parametrize("architecture", CAUSAL)
def test_padding_changes_no_loss_or_gradient(architecture, tiny_tokenizer, listed, texts):
    """Without an attention mask: a batch against its documents alone, through plain logits."""
    task = causal(block_size=32, packing="none")
    torch.manual_seed(0)
    model = task.build_model(new(architecture, CAUSAL[architecture]), tiny_tokenizer).eval()
    examples = task.examples(listed(texts), tiny_tokenizer, seed=0, training=True)
    features = [examples[0, index] for index in range(len(examples))]
    total = 0.0
    for feature in features:
        logits = model(input_ids=torch.tensor(feature["input_ids"])[None]).logits[0]
        total = total + torch.nn.functional.cross_entropy(
            logits, torch.tensor(feature["labels"]), reduction="sum"
        )
    gradients = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
    batch = task.collate(features)
    task.attach(model)
    loss = task.loss(task.forward(model, batch), batch)
    loss.backward()
    assert loss.item() == pytest.approx(total.item(), rel=1e-6)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        if gradient is not None:
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-4)


def test_logits_are_back_after_detaching(tiny_gpt2):
    ids = torch.tensor([[1, 2, 3]])
    before = tiny_gpt2(input_ids=ids).logits
    task = causal()
    task.attach(tiny_gpt2)
    assert tiny_gpt2(input_ids=ids).logits.shape == (1, 3, 32)
    task.detach(tiny_gpt2)
    assert torch.equal(tiny_gpt2(input_ids=ids).logits, before)


def test_baselines_are_counted_here_anew(tiny_tokenizer, tiny_gpt2, listed, texts):
    train, held = listed(texts[:6]), listed(texts[4:], "validation")
    task = causal(block_size=16)
    examples = task.examples(held, tiny_tokenizer, seed=0, training=False)
    found = task.baselines(train, held, examples, tiny_tokenizer)
    assert set(found) == {"zlib", "unigram"}

    size = sum(len(text.encode()) for text in texts[4:])
    packed = sum(len(zlib.compress(text.encode(), 9)) for text in texts[4:])
    assert found["zlib"] == {"bits_per_byte": pytest.approx(8 * packed / size)}

    end, vocabulary = end_token_id(tiny_tokenizer), len(tiny_tokenizer)
    seen = Counter(i for t in texts[:6] for i in [*tiny_tokenizer(t).input_ids, end])
    wanted = [i for t in texts[4:] for i in [*tiny_tokenizer(t).input_ids, end]]
    nats = -sum(math.log((seen[i] + 1) / (seen.total() + vocabulary)) for i in wanted)
    assert found["unigram"]["loss"] == pytest.approx(nats / len(wanted))
    assert found["unigram"]["bits_per_byte"] == pytest.approx(nats / math.log(2) / size)

    without = task.baselines(None, held, examples, tiny_tokenizer)
    assert set(without) == {"zlib"}
    metrics = task.metrics(scored(task, tiny_gpt2, held, tiny_tokenizer))
    assert set(found["unigram"]) == set(metrics)  # the same names, to be compared


def test_intervals_hold_their_metrics(tiny_gpt2, tiny_tokenizer, listed, texts):
    task = causal(block_size=16)
    rows = scored(task, tiny_gpt2, listed(texts), tiny_tokenizer)
    metrics, intervals = task.metrics(rows), task.intervals(rows, seed=0)
    assert set(intervals) == set(metrics)
    for name, (low, high) in intervals.items():
        assert low < metrics[name] < high
    assert intervals == task.intervals(rows, seed=0)


def test_the_definition_has_the_sizes():
    assert "context 16, stride 8" in causal(block_size=16).definition()
    assert "context 16, stride 3" in causal(block_size=16, stride=3).definition()


@pytest.mark.parametrize("architecture", CAUSAL)
@pytest.mark.parametrize("size", [2, 5, 40])
def test_a_new_model_reads_a_block_of_any_size(architecture, size, tiny_tokenizer):
    task = causal(block_size=size)
    model = task.build_model(new(architecture, CAUSAL[architecture]), tiny_tokenizer)
    task.attach(model)
    assert model(input_ids=torch.full((1, size), 5)).logits.shape == (1, size, 16)
    assert model.training


@pytest.mark.parametrize("architecture", ["bert", "roberta", "electra"])
def test_a_model_that_sees_later_tokens_is_refused(architecture, tiny_bert_tokenizer):
    config = SMALL | {"intermediate_size": 32}
    told = rf"model: {architecture} lets a token see .*model\.config\.is_decoder: true"
    with pytest.raises(ModelError, match=told):
        causal(block_size=16).build_model(new(architecture, config), tiny_bert_tokenizer)
    causal(block_size=16).build_model(
        new(architecture, config | {"is_decoder": True}), tiny_bert_tokenizer
    )


@pytest.mark.parametrize("vocabulary", [5, 7, 8, 300])
def test_whatever_the_vocabulary_the_probe_sees(vocabulary):
    for auto, sees in ((AutoModelForCausalLM, False), (AutoModelForMaskedLM, True)):
        config = SMALL | {"intermediate_size": 32, "vocab_size": vocabulary, "pad_token_id": 0}
        config |= {"is_decoder": not sees, "max_position_embeddings": 16}
        torch.manual_seed(0)
        model = auto.from_config(
            ModelLoader(ModelSection(architecture="bert", config=config)).config()
        )
        assert sees_later_tokens(model) is sees
