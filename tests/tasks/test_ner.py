"""Named entities: loss and metrics by hand, windows and batches, foreign models, any text."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForTokenClassification, pipeline

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.sections import ModelSection

BERT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.3,
}  # fmt: skip
SENTENCES = (
    ("the cat sat on the mat and looked at the dog", "O B-pet O O O O O O O O B-pet"),
    ("a dog", "O B-pet"),
    ("the red house on the hill", "O B-place I-place O O B-place"),
    ("she reads", "O O"),
)


class Tagged:
    """Sentences of words and tags, in memory."""

    def __init__(self, sentences=SENTENCES, name="train"):
        self.name = name
        self.sentences = sentences

    def rows(self):
        for number, (text, tags) in enumerate(self.sentences, start=1):
            yield Row({"tokens": text.split(), "tags": tags.split()}, f"{self.name}:{number}")


@pytest.fixture
def ner(tiny_bert_tokenizer):
    """A function from options to a task, its model and its tokenizer."""

    def build(**options):
        task = tasks.build(NerOptions(name="ner", **options))
        task = tasks.build(task.resolve(Tagged()))
        torch.manual_seed(0)
        loader = ModelLoader(ModelSection(architecture="bert", config=BERT))
        model = task.build_model(loader, tiny_bert_tokenizer).eval()
        return task, model, tiny_bert_tokenizer

    return build


def answered(task, model, tokenizer, rows):
    features = task.encode_inputs(rows, tokenizer)
    with torch.no_grad():
        batch = task.collate(features)
        return task.answers(rows, task.decode(task.infer(model, batch), batch))


def test_the_model_knows_its_tags(ner):
    task, model, _ = ner()
    assert task.options.labels == ["pet", "place"]
    assert model.config.id2label == {
        0: "O", 1: "B-pet", 2: "I-pet", 3: "B-place", 4: "I-place"
    }  # fmt: skip
    assert model.config.label2id["I-place"] == 4


def test_the_loss_is_that_of_the_first_token_of_each_word(ner):
    task, model, tokenizer = ner()
    examples = task.examples(Tagged(), tokenizer, seed=0, training=True)
    filler = {**examples[0, 0], "labels": np.full_like(examples[0, 0]["labels"], IGNORED)}
    batch = task.collate([*(examples[0, i] for i in range(4)), filler])
    with torch.no_grad():
        outputs = task.forward(model, batch)
    nll = 0.0
    for row, (text, tags) in enumerate(SENTENCES):
        ids = tokenizer(text.split(), is_split_into_words=True)
        for word, tag in enumerate(tags.split()):
            place = ids.word_ids().index(word)
            nll -= float(outputs.logits[row, place].log_softmax(-1)[task.tags.ids[tag]])
    assert task.loss(outputs, batch).item() == pytest.approx(nll, rel=1e-5)
    assert task.count(batch) == 21
    assert task.tokens(batch) == int(batch["attention_mask"][:4].sum())


@pytest.mark.parametrize(("max_length", "stride"), [(512, None), (8, None), (8, 1), (9, 7)])
def test_metrics_do_not_depend_on_the_batch(ner, max_length, stride):
    task, model, tokenizer = ner(max_length=max_length, stride=stride)
    examples = task.examples(Tagged(SENTENCES * 3), tokenizer, seed=0, training=False)
    found = [
        task.metrics(score(model, task, examples, batch_size=size)) for size in (1, 2, 7, 50)
    ]  # fmt: skip
    for other in found[1:]:
        assert other == pytest.approx(found[0], abs=1e-6)
    rows = score(model, task, examples, batch_size=5)
    assert sum(rows["count"]) == 63
    assert found[0]["loss"] == pytest.approx(math.fsum(rows["nll"]) / 63, abs=1e-6)
    assert list(found[0]) == [
        "loss", "precision", "recall", "f1", "accuracy", "f1_pet", "f1_place"
    ]  # fmt: skip
    intervals = task.intervals(rows, 0)
    assert intervals.keys() == found[0].keys()
    assert all(low <= found[0][name] <= high for name, (low, high) in intervals.items())


def test_right_tags_score_one(ner):
    task, _, tokenizer = ner(max_length=8)
    examples = task.examples(Tagged(), tokenizer, seed=0, training=False)
    batch = task.collate([examples[0, index] for index in range(len(examples))])
    logits = torch.nn.functional.one_hot(batch["labels"].clamp(min=0), 5).float() * 50
    rows = task.reduce(type("Outputs", (), {"logits": logits}), batch)
    found = task.metrics(rows)
    assert (found["precision"], found["recall"], found["f1"], found["accuracy"]) == (1, 1, 1, 1)
    assert found["loss"] == pytest.approx(0.0, abs=1e-12)


def test_a_type_that_is_not_learned_and_broken_tags_are_told(ner):
    task, _, _ = ner()
    with pytest.raises(DataError, match="test:1: the entity type `plce` is none of those"):
        task.check(Tagged([("a", "B-plce")], "test"))
    with pytest.raises(DataError, match="test:2: token 1 has the tag `I-pet` with no span open"):
        task.check(Tagged([("a", "O"), ("b", "I-pet")], "test"))


def test_answers_are_those_of_a_pipeline(ner, tmp_path):
    """Word by word, where each word is one token and its likeliest tags write spans."""
    task, model, tokenizer = ner()
    with torch.no_grad():
        model.classifier.bias[:] = torch.tensor([0.0, 1, -9, 1, -9])
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ask = pipeline(
        "token-classification", model=str(tmp_path), device="cpu", aggregation_strategy="simple"
    )
    spans = 0
    for text, _ in SENTENCES:
        (ours,) = answered(task, model, tokenizer, [Row({"text": text}, "x:1")])
        theirs = ask(text)
        spans += len(theirs)
        assert [(s["start"], s["end"], s["label"]) for s in ours["spans"]] == [
            (int(s["start"]), int(s["end"]), s["entity_group"]) for s in theirs
        ]
        for mine, other in zip(ours["spans"], theirs, strict=True):
            assert mine["score"] == pytest.approx(float(other["score"]), abs=1e-6)
    assert spans > 3


def test_a_long_text_is_answered_through_windows(ner):
    task, model, tokenizer = ner(max_length=12)
    text = " ".join(text for text, _ in SENTENCES * 3)
    rows = [Row({"text": "a dog"}, "x:1"), Row({"text": text}, "x:2"), Row({"text": "q"}, "x:3")]
    answers = answered(task, model, tokenizer, rows)
    assert len(answers) == 3
    assert answers[0] == answered(task, model, tokenizer, rows[:1])[0]
    for answer, row in zip(answers, rows, strict=True):
        ends = [span["end"] for span in answer["spans"]]
        assert ends == sorted(ends)
        assert all(0 < span["score"] <= 1 for span in answer["spans"])
        assert all(span["end"] <= len(row.values["text"]) for span in answer["spans"])
    assert max(span["end"] for span in answers[1]["spans"]) > 100


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_offsets_match_any_text(ner, texts):
    task, model, tokenizer = ner(max_length=12)
    rows = [Row({"text": text}, "x:1") for text in texts]
    for text, answer in zip(texts, answered(task, model, tokenizer, rows), strict=True):
        last = 0
        for span in answer["spans"]:
            named = text[span["start"] : span["end"]]
            assert named == named.strip() != ""
            assert span["start"] >= last
            assert span["label"] in ("pet", "place")
            last = span["end"]


def test_rows_of_words_get_the_text_of_the_offsets(ner):
    task, model, tokenizer = ner()
    (answer,) = answered(task, model, tokenizer, [Row({"tokens": ["the", "dog's", "hill"]}, "x:1")])
    assert answer["text"] == "the dog's hill"
    edges = {0, 3, 4, 9, 10, 14}
    assert all({span["start"], span["end"]} <= edges for span in answer["spans"])
    assert "no entity" in task.shown({"spans": []})
    told = task.shown({"spans": [{"start": 0, "end": 3, "label": "pet", "score": 0.5}]})
    assert told == "pet 0-3 (0.50)"


def test_a_foreign_model_keeps_its_own_order_of_tags(tiny_bert_tokenizer, tmp_path):
    names = ["B-place", "I-place", "O", "B-pet", "I-pet"]
    config = BertConfig(
        **BERT, vocab_size=len(tiny_bert_tokenizer), max_position_embeddings=40,
        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
    )  # fmt: skip
    saved = BertForTokenClassification(config)
    saved.save_pretrained(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    task = tasks.for_model(config, 40)
    assert (task.options.name, task.options.labels) == ("ner", ["place", "pet"])
    model = task.build_model(ModelLoader(ModelSection(source=str(tmp_path))), tiny_bert_tokenizer)
    assert task.tags.names == names
    assert torch.equal(model.classifier.weight, saved.classifier.weight)
    examples = task.examples(Tagged(), tiny_bert_tokenizer, seed=0, training=False)
    assert examples[0, 1]["gold"].tolist() == [2, 3]
    assert not task.tags.strict  # nothing says that it learned IOB2
    assert "an I- may begin an entity" in task.definition()
    assert not hasattr(model.config, "tag_scheme")
    config.id2label = {0: "NOUN", 1: "VERB"}
    assert tasks.for_model(config, 40) is None


def test_a_model_of_ones_own_is_known_to_have_learned_iob2(ner, tiny_bert_tokenizer, tmp_path):
    _, model, _ = ner()
    model.save_pretrained(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    assert config.tag_scheme == "iob2"
    task = tasks.for_model(config, 40)
    task.build_model(ModelLoader(ModelSection(source=str(tmp_path))), tiny_bert_tokenizer)
    assert task.tags.strict


def test_baselines_and_definition(ner):
    task, _, tokenizer = ner()
    scored = Tagged([("the dog and the red house", "O B-pet O O B-place I-place")], "test")
    examples = task.examples(scored, tokenizer, seed=0, training=False)
    found = task.baselines(Tagged(), scored, examples, tokenizer)
    assert found["gazetteer"]["f1"] == 1.0
    assert found["majority"]["accuracy"] == 0.5
    assert task.baselines(None, scored, examples, tokenizer) == {}
    assert "seqeval" in task.definition()
