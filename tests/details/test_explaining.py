"""What is explained of a text: the questions that a task asks, and its answers by logits."""

from types import SimpleNamespace

import pytest
import torch

from lmkit.details import causal_lm, classification, module_of, ner
from lmkit.details.explaining import Said, continued, rows
from lmkit.errors import DataError, UsageError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.options.ner import NerOptions
from lmkit.tasks.classification import Classification
from lmkit.tasks.ner import Ner


def said(logits, names, tokens=(), tokenizer=None, **options):
    model = SimpleNamespace(config=SimpleNamespace(id2label=dict(enumerate(names))))
    task = SimpleNamespace(options=SimpleNamespace(**options))
    return Said(task, model, torch.tensor(logits), list(tokens), tokenizer)


def test_which_tasks_are_explained():
    names = ["classification", "ner", "causal_lm", "chat", "preference"]
    assert all(hasattr(module_of(name), "answers") for name in names)
    assert all(hasattr(module_of(name), "questions") for name in names)
    assert not hasattr(module_of("masked_lm"), "answers")
    assert module_of("grammar") is None


def test_a_pair_is_one_question_and_a_long_text_none(tiny_bert_tokenizer):
    options = ClassificationOptions(
        name="classification", labels=["a", "b"], text_pair_column="other", max_length=16
    )
    found = rows(Classification(options), ["the cat", "a dog"], tiny_bert_tokenizer)
    assert [one.text for one in found] == ["the cat | a dog"]
    assert {part.shape for part in found[0].batch.values()} == {(1, 7)}
    tagger = Ner(NerOptions(name="ner", labels=["A"], max_length=8))
    with pytest.raises(UsageError, match="text 2: is longer than the model reads at once"):
        rows(tagger, ["the cat", "the cat " * 9], tiny_bert_tokenizer)


def test_the_end_of_a_long_beginning_is_read(tiny_tokenizer):
    options = CausalLMOptions(name="causal_lm")
    (found,) = continued(options, ["the cat sat on the mat"], tiny_tokenizer, 3)
    ids = tiny_tokenizer("the cat sat on the mat", add_special_tokens=False)["input_ids"]
    assert found.batch["input_ids"].tolist() == [ids[-3:]]
    with pytest.raises(DataError, match="an empty text has no tokens"):
        continued(options, [""], tiny_tokenizer, 3)


@pytest.mark.parametrize(
    ("problem", "name", "value"),
    [
        ("single_label_classification", "good", -0.3132617),  # log softmax
        ("multi_label_classification", "good", -0.1269280),  # log sigmoid
        ("regression", "the number", 1.0),
    ],
)
def test_a_classifier_s_answer(problem, name, value):
    found = said([[1.0, 2.0]], ["bad", "good"], problem=problem)
    (answer,) = classification.answers(found)
    assert answer.name == name
    assert answer.read(found.logits).tolist() == pytest.approx([value])


def test_entities_by_their_first_tags():
    tags = ["O", "B-CITY", "I-CITY"]
    found = said(
        [[[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0], [0, 5.0, 0]]], tags, ["in", "New", "York", "Rome"]
    )
    answers = ner.answers(found)
    assert [answer.name for answer in answers] == ["CITY at 'New'", "CITY at 'Rome'"]
    for answer, high in zip(answers, (3.0, 5.0), strict=True):
        wanted = torch.tensor([0.0, high, 0.0]).log_softmax(-1)[1]
        assert answer.read(found.logits).tolist() == pytest.approx([float(wanted)])


def test_the_next_token(tiny_tokenizer):
    (cat,) = tiny_tokenizer(" cat", add_special_tokens=False)["input_ids"][:1]
    logits = torch.zeros(1, 2, 300)
    logits[0, 1, cat] = 9.0
    found = Said(None, None, logits, [], tiny_tokenizer)
    (answer,) = causal_lm.answers(found)
    assert answer.name == f"next {tiny_tokenizer.decode([cat])!r}"
    assert float(answer.read(logits)) == pytest.approx(float(logits[0, 1].log_softmax(-1)[cat]))
