"""Rules between the keys of a section, by the text that a user reads."""

from typing import Any

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.parse import parse_recipe
from lmkit.recipe.sections import Recipe

RECIPE: dict[str, Any] = {
    "task": {"name": "causal_lm"},
    "model": {"source": "x"},
    "data": {"dataset": "stdlib"},
}


def test_what_is_left_out() -> None:
    recipe = Recipe.model_validate(RECIPE)
    assert recipe.tokenizer.source is None
    assert recipe.data.validation_share == 0.05
    assert recipe.train.seed == 42


def test_max_tokens_is_for_running_text() -> None:
    data = {"dataset": "stdlib", "max_tokens": 9}
    assert Recipe.model_validate({**RECIPE, "data": data}).data.max_tokens == 9
    with pytest.raises(ValueError, match=r"data\.max_tokens: classification reads rows"):
        Recipe.model_validate({**RECIPE, "data": data, "task": {"name": "classification"}})


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("model: {}", "2:1: model: give either `source` or `architecture` (with `config`)"),
        (
            "model: {source: a, architecture: gpt2}",
            "2:1: model: give either `source` or `architecture` (with `config`)",
        ),
        (
            "model: {architecture: gpt2, revision: main}\ntokenizer: {source: a}",
            "2:39: model.revision: only with `model.source`",
        ),
        (
            "model: {source: a, position_init: sinusoidal}",
            "2:35: model.position_init: only with `model.architecture`",
        ),
        (
            "model: {architecture: gpt2}",
            "1:1: tokenizer: a model built from `model.architecture` has none of its own; give "
            "`tokenizer.source` or `tokenizer.train`",
        ),
        (
            "model: {source: a}\ntokenizer: {source: b, train: {}}",
            "3:1: tokenizer: give `source` or `train`, not both",
        ),
        (
            "model: {source: a}\ndata: {config: x, train: y}",
            "3:16: data.config: only with a hub name in `data.dataset`",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, dataset: stdlib}",
            "3:19: data.streaming: `stdlib` is small; leave it out",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: x}",
            "3:19: data.streaming: a stream has no end; set train.max_steps",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: [x, {path: y}]}",
            "3:19: data.streaming: a mixture cannot be streamed; prepare it",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: x, max_tokens: 9}",
            "3:47: data.max_tokens: not with data.streaming; train.max_steps is its end",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: x, clean: {html: tags}}",
            "3:35: data.clean: reads everything once for its counts, so it cannot be had with "
            "data.streaming",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: x}\n"
            "train: {max_steps: 9, dataloader_num_workers: 2}",
            "4:47: train.dataloader_num_workers: a stream (data.streaming) is read by the training "
            "process itself; leave it out",
        ),
        (
            "model: {source: a}\ndata: {streaming: true, train: x}\n"
            "train: {max_steps: 9, train_sampling_strategy: group_by_length}",
            "4:48: train.train_sampling_strategy: a stream (data.streaming) is `random` or "
            "`sequential`",
        ),
        (
            "model: {source: a}\ndata: {test: x}",
            "3:1: data: give `train` (a file, a folder, a glob) or `dataset`",
        ),
        (
            "model: {source: a}\ndata: {train: [x, '-'], test: '-'}",
            "3:31: data.test: standard input (`-`) can be read only once, and data.train.1 reads "
            "it",
        ),
        (
            "model: {source: a}\ndata: {dataset: stdlib, format: csv}",
            "3:33: data.format: is of files; a data set knows its own",
        ),
    ],
)
def test_rules(section: str, text: str) -> None:
    data = "" if "data:" in section else "\ndata: {dataset: stdlib}"
    with pytest.raises(RecipeError) as raised:
        parse_recipe(f"task: {{name: causal_lm}}\n{section}{data}", "f.yaml")
    assert raised.value.problems == [f"f.yaml:{text}"]
