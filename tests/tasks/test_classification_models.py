"""Classification over encoders and decoders: padding, positions, heads, what is saved."""

import copy

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from lmkit.data.padding_token import give_padding
from lmkit.data.rows import Row
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import ModelError, TokenizerError
from lmkit.models.loading import ModelLoader
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.classification import Classification

ARCHITECTURES = ("bert", "roberta", "distilbert", "modernbert", "gpt2", "llama", "opt")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_changes_no_logit(architecture, classifier, five, logits_alone):
    task, model, tokenizer = classifier(architecture)
    examples = task.examples(five, tokenizer, seed=0, training=False)
    batch = task.collate([examples[0, index] for index in range(5)])
    assert not bool(batch["attention_mask"].all())
    with torch.no_grad():
        together = task.forward(model, batch).logits
    alone = logits_alone(task, model, examples)
    assert together.shape == (5, 3)
    torch.testing.assert_close(together, alone, atol=2e-6, rtol=1e-5)
    assert float((alone[0] - alone[1]).abs().max()) > 1e-3  # texts are told apart at all


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_configuration_knows_padding_and_names(architecture, classifier):
    _, model, tokenizer = classifier(architecture)
    assert model.config.pad_token_id == tokenizer.pad_token_id is not None
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.label2id == {"a": 0, "b": 1, "c": 2}
    assert model.config.num_labels == 3


def test_an_end_token_pads_where_nothing_else_does(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    assert give_padding(tokenizer) == tokenizer.eos_token_id
    assert tokenizer.pad_token == tokenizer.eos_token


def test_an_encoder_decoder_needs_texts_that_end(classifier):
    with pytest.raises(ModelError, match=r"bart classifies .* end token, but .* has none"):
        classifier("bart")


def test_no_token_to_pad_with_is_an_error():
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")))
    with pytest.raises(TokenizerError, match="neither a padding token nor an end token"):
        give_padding(bare)


def test_a_max_length_of_ones_own_beyond_the_positions_is_an_error(classifier, task_with):
    with pytest.raises(ModelError, match=r"65 tokens are asked for.*64 positions.*max_length"):
        classifier("bert", task_with(max_length=65), max_position_embeddings=64)


@pytest.mark.parametrize(("architecture", "key"), [("bert", "max_position_embeddings"),
                                                   ("gpt2", "n_positions")])  # fmt: skip
def test_a_max_length_left_out_is_at_most_the_positions(architecture, key, classifier, task_with):
    task, _, _ = classifier(architecture, task_with(), **{key: 48})
    assert task.options.max_length == 48
    task, _, _ = classifier(architecture, task_with())
    assert task.options.max_length == 512


def test_answers_are_those_of_a_pipeline(bert, tmp_path, five):
    task, model, tokenizer = bert
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    ask = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)
    features = task.encode_inputs([Row({"text": text}, "") for text in five.texts], tokenizer)
    batch = task.collate(features)
    with torch.no_grad():
        answers = task.decode(task.forward(model, batch), batch)
    for text, answer in zip(five.texts, answers, strict=True):
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
    found = Classification.options_for(config, 48)
    assert (found.problem, found.labels) == ("multi_label_classification", ["a", "b", "c"])
    config.problem_type = "regression"
    assert Classification.options_for(config, 48) is None  # three numbers a text


@pytest.mark.parametrize("problem", ["multi_label", "regression"])
def test_other_heads_tell_what_they_are(problem, task_of, classifier, tmp_path):
    task, source = task_of(problem, label_column="label")
    _, model, tokenizer = classifier("bert", task)
    model.save_pretrained(tmp_path)
    config = AutoModelForSequenceClassification.from_pretrained(tmp_path).config
    found = Classification.options_for(config, 48)
    assert found.problem == task.options.problem
    assert (found.labels, found.label_column) == (task.options.labels, "label")
    config.problem_type = None
    plain = Classification.options_for(config, 48)
    assert plain.problem == (
        "regression" if problem == "regression" else "single_label_classification"
    )
    tokenizer.save_pretrained(tmp_path)
    ask = pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None,
                   function_to_apply="none" if problem == "regression" else "sigmoid")  # fmt: skip
    rows = list(source.rows())
    batch = task.collate(task.encode_inputs(rows, tokenizer))
    with torch.no_grad():
        answers = task.decode(task.forward(model, batch), batch)
    for row, answer in zip(rows, answers, strict=True):
        theirs = {told["label"]: told["score"] for told in ask(row.values["text"])[0]}
        ours = {"label": answer["score"]} if problem == "regression" else answer["scores"]
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_classifier_of_other_labels_gets_a_new_head_on_the_same_body(bert, tmp_path, task_with):
    _, model, tokenizer = bert
    model.save_pretrained(tmp_path)
    other = task_with(labels=["a", "b", "c", "d"], max_length=32)
    found = other.build_model(ModelLoader(ModelSection(source=str(tmp_path))), tokenizer)
    assert found.classifier.weight.shape == (4, 32)
    assert bool(found.classifier.weight.any())
    for ours, theirs in zip(found.bert.parameters(), model.bert.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    section = ModelSection(source=str(tmp_path), config={"intermediate_size": 65})
    with pytest.raises(ModelError, match=r"intermediate.dense.bias has the shape \[64\].*\[65\]"):
        other.build_model(ModelLoader(section), tokenizer)


@pytest.mark.parametrize("name", ["tiny_bert_folder", "tiny_gpt2_folder"])
def test_a_language_model_keeps_its_body(name, request, task_with):
    folder = request.getfixturevalue(name)
    tokenizer = load_tokenizer(str(folder))
    task = task_with()
    found = task.build_model(ModelLoader(ModelSection(source=str(folder))), tokenizer)
    theirs = AutoModel.from_pretrained(folder)
    for key, value in theirs.get_input_embeddings().state_dict().items():
        assert torch.equal(found.get_input_embeddings().state_dict()[key], value)
    assert (task.options.max_length, found.config.num_labels) == (64, 3)
