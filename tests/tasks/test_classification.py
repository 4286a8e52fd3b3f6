"""Classification: against sums and formulas of its own, over encoders and decoders."""

import copy
import logging
import math

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast, pipeline

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.errors import DataError, ModelError, TokenizerError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.classification import Classification, give_padding

TEXTS = (
    "the cat sat on the mat and looked at the dog and ran up the hill",
    "a dog",
    "the house on the hill",
    "one cat and one dog live in the red house by the door of the house",
    "she reads",
)
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
ARCHITECTURES = {
    "bert": SIZES | NO_DROPOUT,
    "roberta": SIZES | NO_DROPOUT,
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "dropout": 0.0},
    "modernbert": SIZES,
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "llama": SIZES,
    "opt": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64,
            "word_embed_proj_dim": 32},
}  # fmt: skip
DECODERS = ("gpt2", "llama", "opt")


class Listed:
    """Rows in memory."""

    def __init__(self, texts, labels, name="train"):
        self.name = name
        self.values = [
            {"text": text, "label": label} for text, label in zip(texts, labels, strict=True)
        ]

    def rows(self):
        for number, values in enumerate(self.values, start=1):
            yield Row(values, f"{self.name}.csv:{number}")

    def fingerprint(self):
        return ""

    def describe(self):
        return []


SOURCE = Listed(TEXTS, ["b", "a", "c", "b", "a"])


def task_with(**options):
    task = tasks.build(ClassificationOptions(name="classification", **options))
    return tasks.build(task.resolve(SOURCE))


def built(architecture, request, task=None, **config):
    """A task, its model with the weights of one seed made larger, and the tokenizer."""
    name = "tiny_tokenizer" if architecture in DECODERS else "tiny_bert_tokenizer"
    tokenizer = copy.deepcopy(request.getfixturevalue(name))  # it is given padding
    task = task or task_with(max_length=32)
    section = ModelSection(architecture=architecture, config=ARCHITECTURES[architecture] | config)
    torch.manual_seed(0)
    model = task.build_model(ModelLoader(section), tokenizer).eval()
    with torch.no_grad():  # so that logits are apart, also through the initial small weights
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4)
    return task, model, tokenizer


@pytest.fixture
def bert(request):
    return built("bert", request)


def logits_alone(task, model, examples):
    """(N, C), a text at a time."""
    with torch.no_grad():
        return torch.cat(
            [
                task.forward(model, task.collate([examples[0, index]])).logits
                for index in range(len(examples))
            ]
        )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_no_logit(architecture, request):
    task, model, tokenizer = built(architecture, request)
    examples = task.examples(SOURCE, tokenizer, seed=0, training=False)
    batch = task.collate([examples[0, index] for index in range(5)])
    assert not bool(batch["attention_mask"].all())
    with torch.no_grad():
        together = task.forward(model, batch).logits
    alone = logits_alone(task, model, examples)
    assert together.shape == (5, 3)
    torch.testing.assert_close(together, alone, atol=2e-6, rtol=1e-5)
    assert float((alone[0] - alone[1]).abs().max()) > 1e-3  # texts are told apart at all


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_configuration_knows_padding_and_names(architecture, request):
    _, model, tokenizer = built(architecture, request)
    assert model.config.pad_token_id == tokenizer.pad_token_id is not None
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.label2id == {"a": 0, "b": 1, "c": 2}
    assert model.config.num_labels == 3


def test_an_end_token_pads_where_nothing_else_does(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    assert give_padding(tokenizer) == tokenizer.eos_token_id
    assert tokenizer.pad_token == tokenizer.eos_token


def test_no_token_to_pad_with_is_an_error():
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")))
    with pytest.raises(TokenizerError, match="neither a padding token nor an end token"):
        give_padding(bare)


def test_found_labels_are_written_into_the_options():
    assert task_with().options.labels == ["a", "b", "c"]


def test_given_labels_keep_their_order_and_are_checked():
    assert task_with(labels=["c", "b", "a", "d"]).options.labels == ["c", "b", "a", "d"]
    with pytest.raises(DataError, match=r"train\.csv:3: the label `c` is none of"):
        task_with(labels=["a", "b"])


def test_a_split_with_another_label_is_refused():
    with pytest.raises(DataError, match=r"test\.csv:2: the label `d` is none of .*: a, b, c;"):
        task_with().check(Listed(["x", "y"], ["a", "d"], name="test"))


def test_a_max_length_of_ones_own_beyond_the_positions_is_an_error(request):
    with pytest.raises(ModelError, match=r"65 tokens are asked for.*64 positions.*max_length"):
        built("bert", request, task_with(max_length=65), max_position_embeddings=64)


@pytest.mark.parametrize(("architecture", "key"), [("bert", "max_position_embeddings"),
                                                   ("gpt2", "n_positions")])  # fmt: skip
def test_a_max_length_left_out_is_at_most_the_positions(architecture, key, request):
    task, _, _ = built(architecture, request, task_with(), **{key: 48})
    assert task.options.max_length == 48
    task, _, _ = built(architecture, request, task_with())
    assert task.options.max_length == 512


def test_the_share_of_cut_texts_is_told(bert, caplog):
    task, _, tokenizer = bert
    task.options = task.options.model_copy(update={"max_length": 8})
    with caplog.at_level(logging.INFO, logger="lmkit"):
        examples = task.examples(SOURCE, tokenizer, seed=0, training=True)
    assert "40 % of the train texts are cut at 8 tokens" in caplog.text
    assert examples.lengths.max() == 8


def test_the_loss_is_the_sum_over_counted_rows(bert):
    task, model, tokenizer = bert
    examples = task.examples(SOURCE, tokenizer, seed=0, training=True)
    features = [examples[0, index] for index in range(4)]
    filler = {**features[0], "labels": IGNORED}
    batch = task.collate([*features, filler])
    outputs = task.forward(model, batch)
    shares = outputs.logits[:4].softmax(-1)
    nll = -torch.stack([shares[row, label] for row, label in enumerate([1, 0, 2, 1])]).log()
    torch.testing.assert_close(task.loss(outputs, batch), nll.sum())
    assert task.count(batch) == 4
    assert task.tokens(batch) == sum(len(feature["input_ids"]) for feature in features)
    smooth = 0.9 * nll.sum() + 0.1 * -shares.log().mean(-1).sum()
    torch.testing.assert_close(task.loss(outputs, batch, label_smoothing=0.1), smooth)


def test_a_batch_of_fillers_costs_nothing(bert):
    task, model, tokenizer = bert
    examples = task.examples(SOURCE, tokenizer, seed=0, training=True)
    batch = task.collate([{**examples[0, 0], "labels": IGNORED}] * 2)
    loss = task.loss(task.forward(model, batch), batch)
    loss.backward()
    assert loss.item() == 0.0
    assert (task.count(batch), task.tokens(batch)) == (0, 0)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 50])
def test_metrics_do_not_depend_on_the_batch(bert, batch_size):
    task, model, tokenizer = bert
    source = Listed(TEXTS * 4, ["b", "a", "c", "b", "a"] * 4)
    examples = task.examples(source, tokenizer, seed=0, training=False)
    rows = score(model, task, examples, batch_size=batch_size)
    found = task.metrics(rows)
    logits = logits_alone(task, model, examples).double()
    gold = [1, 0, 2, 1, 0] * 4
    nll = [
        -math.log(float(row.softmax(-1)[label])) for row, label in zip(logits, gold, strict=True)
    ]
    assert found["loss"] == pytest.approx(sum(nll) / 20, abs=1e-6)
    assert rows["predicted"] == logits.argmax(-1).tolist()
    assert list(found) == ["loss", "accuracy", "macro_f1"]


def test_accuracy_and_macro_f1_by_hand():
    rows = {
        "nll": [1.0, 2.0, 3.0, 4.0], "count": [1, 1, 1, 1],
        "gold": [0, 0, 1, 1], "predicted": [0, 1, 1, 1],
    }  # fmt: skip
    found = task_with().metrics(rows)
    # class a: precision 1, recall 1/2; class b: precision 2/3, recall 1; class c: never met
    assert found == {"loss": 2.5, "accuracy": 0.75, "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 3)}


def test_intervals_hold_the_metrics():
    random = np.random.default_rng(0)
    gold = random.integers(0, 3, 200)
    predicted = np.where(random.random(200) < 0.7, gold, random.integers(0, 3, 200))
    rows = {
        "nll": random.random(200).tolist(), "count": [1] * 200,
        "gold": gold.tolist(), "predicted": predicted.tolist(),
    }  # fmt: skip
    task = task_with()
    metrics, intervals = task.metrics(rows), task.intervals(rows, 1)
    assert set(intervals) == {"loss", "accuracy", "macro_f1"}
    for name, (low, high) in intervals.items():
        assert low < metrics[name] < high
        assert high - low < 0.15


def test_the_majority_is_that_of_the_training_data(bert):
    task, _, tokenizer = bert
    test = Listed(["x", "y", "z"], ["c", "b", "b"], name="test")
    examples = task.examples(test, tokenizer, seed=0, training=False)
    found = task.baselines(SOURCE, test, examples, tokenizer)["majority"]
    assert found["accuracy"] == 0.0  # `a` and `b` are as common: the first is guessed
    assert task.baselines(None, test, examples, tokenizer) == {}


def test_answers_are_those_of_a_pipeline(bert, tmp_path):
    task, model, tokenizer = bert
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ask = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)
    features = task.encode_inputs([Row({"text": text}, "") for text in TEXTS], tokenizer)
    batch = task.collate(features)
    with torch.no_grad():
        answers = task.decode(task.forward(model, batch), batch)
    for text, answer in zip(TEXTS, answers, strict=True):
        theirs = {found["label"]: found["score"] for found in ask(text)[0]}
        assert answer["scores"] == pytest.approx(theirs, abs=1e-6)
        assert answer["label"] == max(theirs, key=lambda name: theirs[name])
        assert sum(answer["scores"].values()) == pytest.approx(1.0)


def test_a_saved_classifier_tells_its_labels(bert, tmp_path, tiny_bert):
    _, model, _ = bert
    model.save_pretrained(tmp_path)
    config = AutoModelForSequenceClassification.from_pretrained(tmp_path).config
    found = Classification.options_for(config, 48)
    assert found is not None
    assert (found.labels, found.max_length) == (["a", "b", "c"], 48)
    assert Classification.options_for(tiny_bert.config, 48) is None
    config.problem_type = "multi_label_classification"
    assert Classification.options_for(config, 48) is None


def test_macro_f1_chooses_the_best():
    assert (Classification.best_metric, Classification.greater_is_better) == ("macro_f1", True)
    assert Classification.verb == ClassificationOptions.verb == "finetune"


def test_the_definition_names_the_limit():
    told = task_with(max_length=24).definition()
    assert "all 3 labels" in told
    assert "24 tokens" in told
