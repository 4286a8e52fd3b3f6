"""Labels by entailment, beside transformers' own zero-shot pipeline."""

import copy

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, pipeline

from lmkit.commands.asked import from_texts, windows
from lmkit.commands.entailment import Entailment
from lmkit.commands.predictor import Predictor
from lmkit.errors import UsageError
from lmkit.models.loading import ModelLoader
from lmkit.recipe.sections import ModelSection

TEXTS = ["the cat sat on the mat", "a dog", "one cat and one dog live in the red house " * 9]
LABELS = ("cat", "red house", "door")
NAMES = ["contradiction", "neutral", "entailment"]


@pytest.fixture
def nli(tmp_path, tiny_bert_tokenizer):
    """A function that saves a random model with labels of these names, and gives its folder."""

    def save(names=NAMES):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(tiny_bert_tokenizer), hidden_size=32, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=64, max_position_embeddings=64,
            id2label=dict(enumerate(names)), label2id={name: n for n, name in enumerate(names)},
        )  # fmt: skip
        model = BertForSequenceClassification(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(4)
        model.save_pretrained(tmp_path / "nli")
        tiny_bert_tokenizer.save_pretrained(tmp_path / "nli")
        return str(tmp_path / "nli")

    return save


def ask(folder, tokenizer, template="This example is {}.", labels=LABELS, *, multi_label=False):
    loader = ModelLoader(ModelSection(source=folder))
    answerer = Entailment(labels, template, loader.config(), "text", multi_label=multi_label)
    predictor = Predictor(answerer, loader, copy.deepcopy(tokenizer))
    rows = windows(from_texts(answerer.input_rows(TEXTS)))
    return [answer for window in predictor.answers(rows) for _, answer in window]


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("names", [NAMES, ["ENTAILMENT", "not_entailment"]])
def test_scores_are_those_of_transformers(nli, tiny_bert_tokenizer, names, multi_label):
    folder, template = nli(names), "it is about the {} ."
    found = ask(folder, tiny_bert_tokenizer, template, multi_label=multi_label)
    theirs = pipeline("zero-shot-classification", model=folder, device="cpu")(
        TEXTS, list(LABELS), hypothesis_template=template, multi_label=multi_label
    )
    for ours, other in zip(found, theirs, strict=True):
        expected = dict(zip(other["labels"], other["scores"], strict=True))
        assert ours["scores"] == pytest.approx(expected, abs=1e-5)
        assert list(ours["scores"]) == list(LABELS)
        if multi_label:
            assert ours["labels"] == [name for name in other["labels"] if expected[name] >= 0.5]
        else:
            assert ours["label"] == other["labels"][0]
    assert len({round(one["scores"]["cat"], 4) for one in found}) == 3


def test_one_label_is_asked_for_alone(nli, tiny_bert_tokenizer):
    found = ask(nli(), tiny_bert_tokenizer, labels=("cat",))
    assert [list(answer) for answer in found] == [["labels", "scores"]] * 3


def test_the_opposite_of_entailment_is_found_by_its_name(nli, tiny_bert_tokenizer):
    config = ModelLoader(ModelSection(source=nli(["neutral", "Contradiction", "entails"]))).config()
    made = Entailment(LABELS, "{}", config, "text", multi_label=True)
    assert (made.implied, made.against) == (2, 1)


def test_a_classifier_of_other_things_is_refused(nli):
    config = ModelLoader(ModelSection(source=nli(["low", "high"]))).config()
    with pytest.raises(UsageError, match="own labels are low, high, and none of them is entail"):
        Entailment(LABELS, "{}", config, "text", multi_label=False)


def test_a_sentence_without_room_for_a_text_is_refused(nli, tiny_bert_tokenizer):
    with pytest.raises(UsageError, match="leaves no room for a text; the model reads 64 tokens"):
        ask(nli(), tiny_bert_tokenizer, "the cat " * 40 + "{}")
