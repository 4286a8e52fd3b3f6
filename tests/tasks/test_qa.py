"""Questions: loss and metrics whatever the batch, answers that stand in the text, thresholds."""

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.errors import DataError, ModelError
from lmkit.evaluation.answers import RightAnswers
from lmkit.evaluation.scoring import score
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.qa import QAOptions
from lmkit.recipe.sections import ModelSection

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
BERT = SIZES | {"intermediate_size": 64, "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0}  # fmt: skip
MODELS = {
    "bert": BERT,
    "roberta": BERT | {"type_vocab_size": 1},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "dropout": 0.0},
    "modernbert": SIZES | {"intermediate_size": 64},
}
LONG = "one cat and one dog live in the red house by the door of the house on the hill "
ROWS = (
    ("where is the cat", "the cat sat on the mat", ["the mat"]),
    ("where do they live", LONG, ["the red house"]),
    ("who ran", "a dog ran up the hill", ["a dog", "dog"]),
    ("what is on the hill", LONG * 2, ["the house"]),
)


class Asked:
    """Questions in memory, as a split."""

    def __init__(self, *rows, name="train"):
        self.name, self.asked = name, rows

    def rows(self):
        for number, (question, context, texts) in enumerate(self.asked, start=1):
            starts = [context.find(text) for text in texts]
            answers = {"text": texts, "answer_start": starts}
            values = {"question": question, "context": context, "answers": answers, "id": number}
            yield Row(values, f"{self.name}.jsonl:{number}")


NONE = ("who sat on the moon", "the cat sat on the mat", [])
SOURCE, WITH_NONE = Asked(*ROWS), Asked(*ROWS, NONE)


@pytest.fixture
def made(tiny_bert_tokenizer):
    """A function to a task with its model and tokenizer, weights large enough to differ."""

    def make(architecture="bert", source=SOURCE, **options):
        tokenizer = copy.deepcopy(tiny_bert_tokenizer)
        wanted = QAOptions(**{"name": "qa", "max_length": 24, "max_answer_length": 6} | options)
        task = tasks.build(tasks.build(wanted).resolve(source))
        torch.manual_seed(0)
        section = ModelSection(architecture=architecture, config=MODELS[architecture])
        model = task.build_model(ModelLoader(section), tokenizer).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(4)
        return task, model, tokenizer

    return make


@pytest.mark.parametrize("architecture", MODELS)
def test_nothing_depends_on_the_batch(made, architecture):
    task, model, tokenizer = made(architecture, source=WITH_NONE)
    assert task.options.no_answer is True
    examples = task.examples(WITH_NONE, tokenizer, seed=0, training=False)
    assert len(examples) > 8
    alone = score(model, task, examples, batch_size=1)
    metrics = task.metrics(alone)
    nll = 0.0
    for index in range(len(examples)):
        window = examples[0, index]
        inputs = {"input_ids": torch.tensor(window["input_ids"])[None]}
        if architecture == "bert":
            inputs["token_type_ids"] = torch.tensor(window["token_type_ids"])[None]
        with torch.no_grad():
            found = model(**inputs)
        for logits, label in zip(
            (found.start_logits, found.end_logits), window["labels"], strict=True
        ):
            nll -= float(logits[0].log_softmax(-1)[label])
    assert metrics["loss"] == pytest.approx(nll / (2 * len(examples)), abs=1e-5)
    for batch_size in (2, 7, 50):
        together = score(model, task, examples, batch_size=batch_size)
        assert task.metrics(together) == pytest.approx(metrics, abs=1e-5)
        assert together["f1"] == alone["f1"]
    assert {type(value) for row in alone.values() for value in row} <= {int, float, bool}


def test_what_is_scored_is_what_is_predicted(made):
    task, model, tokenizer = made()
    examples = task.examples(SOURCE, tokenizer, seed=0, training=False)
    metrics = task.metrics(score(model, task, examples, batch_size=3))
    rows = list(SOURCE.rows())
    answers = predicted(task, model, tokenizer, rows)
    scores = [
        RightAnswers(texts).score(answer["answer"])
        for (_, _, texts), answer in zip(ROWS, answers, strict=True)
    ]
    assert metrics["exact_match"] == pytest.approx(sum(s.exact_match for s in scores) / len(rows))
    assert metrics["f1"] == pytest.approx(sum(s.f1 for s in scores) / len(rows))
    for row, answer in zip(rows, answers, strict=True):
        assert list(answer) == ["answer", "start", "end", "score"]
        assert row.values["context"][answer["start"] : answer["end"]] == answer["answer"] != ""
        assert 0 < answer["score"] <= 1


def predicted(task, model, tokenizer, rows):
    features = task.encode_inputs(rows, tokenizer)
    batch = task.collate(features)
    with torch.no_grad():
        return task.answers(rows, task.decode(task.infer(model, batch), batch))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(context=st.text(st.sampled_from("a dog\u0301ß漢😀\u200d🏽\u200b\xa0\n\ufeff!"), min_size=1))
def test_answers_stand_in_hostile_contexts(made, context):
    if not hasattr(made, "kept"):
        made.kept = made(max_length=16)
    row = Row({"question": "the dog", "context": context}, "x:1")
    try:
        (answer,) = predicted(*made.kept, [row])
    except DataError:
        return  # white space, or nothing that the tokenizer knows
    assert context[answer["start"] : answer["end"]] == answer["answer"] != ""


def test_the_threshold_is_chosen_on_validation_data_and_travels(made, tmp_path):
    task, model, tokenizer = made(source=WITH_NONE)
    validation = Asked(*ROWS, NONE, name="validation")
    examples = task.examples(validation, tokenizer, seed=0, training=False)
    rows = score(model, task, examples, batch_size=8)
    tuned = task.metrics(rows)
    assert tuned["f1"] >= 0.2  # never to answer would give as much
    assert task.tunes()
    task.tune(rows, model)
    assert task.threshold == model.config.no_answer_threshold == tuned["no_answer_threshold"]
    assert task.metrics(rows) == tuned
    test = task.examples(WITH_NONE, tokenizer, seed=0, training=False)
    assert task.metrics(score(model, task, test, batch_size=8))["f1"] == tuned["f1"]
    model.save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    found = tasks.for_model(config, 24)
    assert (found.options.name, found.options.no_answer) == ("qa", True)
    found.build_model(ModelLoader(ModelSection(source=str(tmp_path))), tokenizer)
    assert found.threshold == task.threshold
    model.config.no_answer_threshold = task.threshold = 1e9
    assert all(
        answer["answer"] for answer in predicted(task, model, tokenizer, list(SOURCE.rows()))
    )
    task.threshold = -1e9
    for answer in predicted(task, model, tokenizer, list(SOURCE.rows())):
        assert (answer["answer"], answer["start"], answer["end"]) == ("", None, None)
        assert task.shown(answer).startswith("(no answer)")


def test_without_a_threshold_test_data_are_not_tuned_on(made):
    task, model, tokenizer = made(source=WITH_NONE)
    examples = task.examples(Asked(*ROWS, NONE, name="test"), tokenizer, seed=0, training=False)
    rows = score(model, task, examples, batch_size=8)
    assert task.metrics(rows)["no_answer_threshold"] == 0.0
    assert set(task.intervals(rows, 1)) == set(task.metrics(rows)) - {"no_answer_threshold"}


def test_a_given_threshold_is_kept(made):
    task, model, _ = made(source=WITH_NONE, no_answer_threshold=1.5)
    assert not task.tunes()
    assert model.config.no_answer_threshold == 1.5


def test_a_threshold_of_an_earlier_training_goes_where_each_question_has_an_answer(made, tmp_path):
    _, model, tokenizer = made(source=WITH_NONE, no_answer_threshold=1.5)
    model.save_pretrained(tmp_path)
    loader = ModelLoader(ModelSection(source=str(tmp_path)))
    goes_on = tasks.build(tasks.build(QAOptions(name="qa", max_length=24)).resolve(SOURCE))
    after = goes_on.build_model(loader, tokenizer)
    assert goes_on.threshold is None
    assert not hasattr(after.config, "no_answer_threshold")
    after.save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    assert tasks.for_model(config, 24).options.no_answer == "auto"


def test_a_split_with_a_question_without_an_answer_is_refused(made):
    task, *_ = made()
    with pytest.raises(DataError, match=r"test\.jsonl:1: the question has no answer"):
        task.check(Asked(NONE, name="test"))


def test_max_length_over_the_positions(made, tmp_path, tiny_bert_tokenizer):
    _, model, _ = made()
    model.save_pretrained(tmp_path)
    loader = ModelLoader(ModelSection(source=str(tmp_path)))
    task = tasks.build(QAOptions(name="qa", max_length=32))
    with pytest.raises(ModelError, match="32 tokens are asked for, but bert here has 24 positions"):
        task.build_model(loader, tiny_bert_tokenizer)
    task = tasks.build(QAOptions(name="qa"))
    task.build_model(loader, tiny_bert_tokenizer)
    assert task.options.max_length == 24


def test_baselines_and_what_is_told(made, caplog):
    task, _, tokenizer = made(source=WITH_NONE)
    examples = task.examples(WITH_NONE, tokenizer, seed=0, training=False)
    found = task.baselines(None, WITH_NONE, examples, tokenizer)
    assert found["no_answer"]["exact_match"] == 0.2
    assert set(found) == {"first_sentence", "overlap_sentence", "no_answer"}
    assert task.ledger(examples)["questions"] == 5
    assert "24 tokens" in task.definition()
    task.examples(Asked(("the " * 30, LONG, ["cat"])), tokenizer, seed=0, training=True)
    assert "train data: 1 of 1 questions are cut" in caplog.text
    assert task.input_columns() == ("question", "context")
