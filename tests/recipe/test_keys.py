"""What keys there are, and what may stand at each, in words."""

import pytest

from lmkit.recipe.keys import allowed, homes, section_at, sections
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.problems import Path
from lmkit.recipe.sections import TokenizerTraining

DATA = {"task": {"name": "masked_lm"}}


def test_every_section_is_found() -> None:
    assert list(sections()) == [
        "", "model", "tokenizer", "data", "train", "cost", "model.lora", "tokenizer.train",
        "data.train.*", "data.clean", "data.augment", "data.augment.masked_model",
    ]  # fmt: skip


def test_the_section_at_a_path() -> None:
    assert section_at(("tokenizer", "train"), DATA) is TokenizerTraining
    assert section_at(("task",), DATA) is MaskedLMOptions
    assert section_at(("task",), {"task": 5}) is None
    assert section_at(("task",), {}) is None
    assert section_at(("train", "seed"), DATA) is None


def test_where_a_key_is_at_home() -> None:
    assert homes("learning_rate") == ["under `train`"]
    assert homes("output_dir") == ["at the top of the recipe"]
    assert homes("vocab_size") == ["under `tokenizer.train`"]
    assert homes("labels") == ["under `task` (of classification, ner)"]
    assert homes("nonsense") == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("train", "seed"), "a whole number, at least 0, less than 4294967296"),
        (("train", "adam_beta1"), "a number, at least 0, less than 1"),
        (("train", "deterministic"), "true or false"),
        (("train", "compile"), "auto or true or false"),
        (("train", "precision"), "one of auto, float32, bfloat16, float16"),
        (("train", "save_total_limit"), "a whole number, at least 1, or null"),
        (("train", "lr_scheduler_kwargs"), "a mapping or null"),
        (("train", "liger_kernel_config", "rope"), "true or false"),
        (("train", "trackio_static_space_id"), "text or false or null"),
        (("data", "test", 0), "text (not empty)"),
        (("data", "test"), "text (not empty), or a list of text (not empty), at least 1, or null"),
        (("data", "train", 0), "text (not empty) or a mapping"),
        (("data", "train", 1, "weight"), "a number, more than 0, or null"),
        (("tokenizer", "train"), "a mapping or null"),
        (("tokenizer", "train", "type"), "one of bpe, wordpiece, unigram, byte, wordlevel"),
        (("task",), "a mapping"),
        (("task", "name"), "one of causal_lm, classification, masked_lm"),
        (("task", "whole_word_masking"), "true or false"),
        (("model", "config", "n_layer"), "any value"),
    ],
)
def test_what_is_allowed_in_words(path: Path, words: str) -> None:
    if path == ("task", "name"):  # other tasks may join
        assert allowed(path, DATA)[0].startswith("one of causal_lm, ")
    else:
        assert allowed(path, DATA)[0] == words


def test_single_values_are_listed_for_suggestions() -> None:
    assert allowed(("train", "compile"), DATA)[1] == ["auto"]
    assert "tensorboard" in allowed(("train", "report_to", 0), DATA)[1]
