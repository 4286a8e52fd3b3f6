"""Masked tokens: the same for a seed, counted by a loop of one's own, padding without effect."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from lmkit import tasks
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import ModelSection

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32}  # fmt: skip
ARCHITECTURES = {
    "bert": SMALL,
    "roberta": SMALL,
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "electra": SMALL | {"embedding_size": 8},
    "modernbert": SMALL,
}


def masked(**options):
    return tasks.build(MaskedLMOptions(name="masked_lm", **{"block_size": 32, **options}))


def new(architecture):
    section = ModelSection(architecture=architecture, config=ARCHITECTURES[architecture])
    return ModelLoader(section)


def read(examples, epoch=0):
    return [examples[epoch, index] for index in range(len(examples))]


def same(one, other):
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(a[k], b[k]) for a, b in pairs for k in ("input_ids", "labels"))


def test_masks_are_those_of_the_seed(tiny_bert_tokenizer, listed, texts):
    def made(seed, *, training):
        task = masked()
        return task.examples(listed(texts), tiny_bert_tokenizer, seed=seed, training=training)

    for training in (True, False):
        first = made(1, training=training)
        assert same(read(first), read(made(1, training=training)))
        assert not same(read(first), read(made(2, training=training)))
    assert not same(read(made(1, training=True)), read(made(1, training=True), epoch=1))
    assert same(read(made(1, training=False)), read(made(1, training=False), epoch=1))


@pytest.mark.parametrize("training", [True, False])
def test_inputs_with_their_labels_put_back_are_the_text(
    tiny_bert_tokenizer, listed, texts, training
):
    task = masked(packing="none")
    examples = task.examples(listed(texts), tiny_bert_tokenizer, seed=0, training=training)
    found = Counter()
    for features in read(examples):
        whole = np.where(features["labels"] == IGNORED, features["input_ids"], features["labels"])
        assert (whole[0], whole[-1]) == tuple(tiny_bert_tokenizer("").input_ids)
        found.update(whole[1:-1].tolist())
    ids = [
        i for text in texts for i in tiny_bert_tokenizer(text, add_special_tokens=False).input_ids
    ]
    assert found == Counter(ids)


def test_the_share_and_the_kinds_are_those_of_the_paper(tiny_bert_tokenizer, listed):
    words = " ".join(["the cat sat on the mat"] * 5)
    task = masked(block_size=64)
    examples = task.examples(listed([words] * 200), tiny_bert_tokenizer, seed=0, training=True)
    kinds, total = Counter(), 0
    for features in read(examples):
        chosen = features["labels"] != IGNORED
        ids, gold = features["input_ids"][chosen], features["labels"][chosen]
        masks = ids == tiny_bert_tokenizer.mask_token_id
        kinds["mask"] += int(masks.sum())
        kinds["random"] += int((~masks & (ids != gold)).sum())
        kinds["kept"] += int((ids == gold).sum())
        total += len(chosen) - 2
    count = kinds.total()
    assert count / total == pytest.approx(0.15, abs=0.02)
    assert kinds["mask"] / count == pytest.approx(0.8, abs=0.05)
    assert kinds["random"] / count == pytest.approx(0.1, abs=0.04)


def test_a_mask_only_where_there_is_padding(tiny_bert_tokenizer, listed, texts):
    task = masked()
    features = read(task.examples(listed(texts), tiny_bert_tokenizer, seed=0, training=False))
    batch = task.collate(features)
    lengths = [len(f["input_ids"]) for f in features]
    assert batch["attention_mask"].sum(1).tolist() == lengths
    assert task.tokens(batch) == sum(lengths)
    padded = batch["attention_mask"] == 0
    assert (batch["input_ids"][padded] == tiny_bert_tokenizer.pad_token_id).all()
    assert (batch["labels"][padded] == IGNORED).all()
    alone = task.collate([features[2], features[2]])
    assert "attention_mask" not in alone
    assert task.tokens(alone) == 2 * lengths[2]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_no_logit(architecture, tiny_bert_tokenizer, listed, texts):
    task = masked()
    torch.manual_seed(0)
    model = task.build_model(new(architecture), tiny_bert_tokenizer).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # away from the small initial weights
            if parameter.ndim == 2:
                parameter.mul_(4)
        features = read(task.examples(listed(texts), tiny_bert_tokenizer, seed=0, training=False))
        together = task.forward(model, task.collate(features)).logits
        for row, feature in zip(together, features, strict=True):
            alone = model(input_ids=torch.tensor(feature["input_ids"])[None]).logits[0]
            torch.testing.assert_close(row[: len(alone)], alone, atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 8, 64])
def test_loss_and_accuracy_are_those_of_a_plain_loop(
    tiny_bert, tiny_bert_tokenizer, listed, texts, batch_size
):
    task = masked(mlm_probability=0.4)
    examples = task.examples(listed(texts), tiny_bert_tokenizer, seed=0, training=False)
    words = tiny_bert_tokenizer.convert_tokens_to_ids(["the", "and", "hill", "cat"])
    with torch.no_grad():
        tiny_bert.cls.predictions.bias[words] += 0.2  # so that some guesses are right
        nats, count, right = 0.0, 0, 0
        for features in read(examples):
            logits = tiny_bert(input_ids=torch.tensor(features["input_ids"])[None]).logits[0]
            for row, label in zip(logits.double(), features["labels"], strict=True):
                if label != IGNORED:
                    nats -= torch.log_softmax(row, -1)[label].item()
                    count += 1
                    right += int(max(range(len(row)), key=row.tolist().__getitem__) == label)
    task.attach(tiny_bert)
    rows = score(tiny_bert, task, examples, batch_size=batch_size)
    task.detach(tiny_bert)
    found = task.metrics(rows)
    assert 0 < right < count == sum(rows["count"])
    assert found["loss"] == pytest.approx(nats / count, rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(nats / count), rel=1e-5)
    assert found["accuracy"] == right / count
    intervals = task.intervals(rows, seed=0)
    assert set(intervals) == set(found)
    assert intervals["accuracy"][0] <= found["accuracy"] <= intervals["accuracy"][1]


def test_the_loss_is_summed_over_masked_tokens(tiny_bert, tiny_bert_tokenizer, listed, texts):
    task = masked()
    batch = task.collate(
        read(task.examples(listed(texts), tiny_bert_tokenizer, seed=0, training=True))
    )
    logits = task.forward(tiny_bert, batch).logits
    expected = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), batch["labels"], reduction="sum", label_smoothing=0.1
    )
    task.attach(tiny_bert)
    found = task.loss(task.forward(tiny_bert, batch), batch, 0.1)
    task.detach(tiny_bert)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.equal(task.forward(tiny_bert, batch).logits, logits)


def test_the_baseline_is_counted_here_anew(tiny_bert_tokenizer, listed, texts):
    train, held = listed(texts[:6]), listed(texts[4:], "validation")
    task = masked(mlm_probability=0.5)
    examples = task.examples(held, tiny_bert_tokenizer, seed=0, training=False)
    found = task.baselines(train, held, examples, tiny_bert_tokenizer)["unigram"]
    special = set(tiny_bert_tokenizer.all_special_ids)
    seen = Counter(
        i for text in texts[:6] for i in tiny_bert_tokenizer(text).input_ids if i not in special
    )
    gold = [int(i) for f in read(examples) for i in f["labels"] if i != IGNORED]
    total = seen.total() + len(tiny_bert_tokenizer)
    nats = -sum(math.log((seen[i] + 1) / total) for i in gold)
    assert found["loss"] == pytest.approx(nats / len(gold))
    commonest = min(seen, key=lambda token: (-seen[token], token))
    assert found["accuracy"] == pytest.approx(gold.count(commonest) / len(gold))
    assert set(found) == {"loss", "perplexity", "accuracy"}
    assert task.baselines(None, held, examples, tiny_bert_tokenizer) == {}


def test_the_definition_has_the_sizes():
    told = masked(block_size=48, mlm_probability=0.3).definition()
    assert "pieces of 48 tokens; 30% of the tokens are predicted" in told
