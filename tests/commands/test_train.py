"""How a run is put together; what it comes to: tests/test_pretrain.py and its neighbors."""

import json
from pathlib import Path

import pytest

from lmkit.commands import train
from lmkit.commands.resolve import batch_shape
from lmkit.commands.train import prepare, resume_command
from lmkit.data.cache import reading_only
from lmkit.errors import DataError, ModelError
from lmkit.models.isolation import find_isolation
from lmkit.recipe.load import load_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.tasks import causal_lm


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "next_"),
    [
        ("lmkit pretrain a.yaml", "lmkit pretrain a.yaml --resume"),
        ("lmkit pretrain a.yaml --overwrite -o x", "lmkit pretrain a.yaml -o x --resume"),
        ("lmkit pretrain a.yaml --resume -o x", "lmkit pretrain a.yaml --resume -o x"),
        ("lmkit pretrain 'a b.yaml'", "lmkit pretrain 'a b.yaml' --resume"),
    ],
)
def test_the_command_that_goes_on(typed: str, next_: str) -> None:
    assert resume_command(RunOptions(verb="pretrain", command=typed)) == next_


def test_the_model_is_checked_before_any_data_is_read(small_recipe: Path) -> None:
    wrong = ["model.config.n_layers=2", "data.train=none.txt"]
    with pytest.raises(ModelError, match="n_layers"):
        prepare(load_recipe(str(small_recipe), wrong))
    with pytest.raises(DataError, match=r"none\.txt"):
        prepare(load_recipe(str(small_recipe), wrong[1:]))


def test_the_parts_fit_together(small_recipe: Path) -> None:
    parts = prepare(load_recipe(str(small_recipe)))
    assert parts.model.config.vocab_size == len(parts.tokenizer)
    assert parts.model.config.n_positions == 32
    assert parts.splits.validation is not None
    assert len(parts.train) > 8


def test_a_batch_that_the_processes_make_is_told(small_recipe: Path, caplog) -> None:
    caplog.set_level("INFO")
    asked = ["train.per_device_train_batch_size=3", "train.gradient_accumulation_steps=2"]
    for total, processes, told in (("null", 1, False), ("12", 2, False), ("null", 2, True)):
        sets = [f"train.total_batch_size={total}", *(asked if total == "null" else asked[:1])]
        recipe = load_recipe(str(small_recipe), sets)
        parts = prepare(recipe)
        caplog.clear()
        train._say_batch(recipe, batch_shape(recipe, len(parts.train), processes), parts)
        text = "a step takes 12 sequences: 6 from each of 2 processes"
        assert (text in caplog.text) == told
    assert "train.total_batch_size: 6 takes as many as one process would" in caplog.text


def test_every_split_is_tokenized_before_processes_wait_for_one_another(small_recipe: Path) -> None:
    parts = prepare(load_recipe(str(small_recipe)))
    with reading_only():
        for source in (parts.splits.train, parts.splits.validation):
            assert source is not None
            assert len(parts.task.examples(source, parts.tokenizer, seed=0, training=False))


def test_equal_seeds_make_equal_models(small_recipe: Path) -> None:
    def first(seed: int) -> float:
        model = prepare(load_recipe(str(small_recipe), [f"train.seed={seed}"])).model
        return float(model.get_input_embeddings().weight[0, 0].item())

    assert first(1) == first(1) != first(2)


def test_nothing_is_written_before_all_is_checked(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object) -> None:
        assert not Path("run").exists()
        raise DataError("found at the last moment")

    monkeypatch.setattr(train, "rehearse", late)
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("found at the last moment")
    assert not Path("run").exists()


def test_what_auto_became_stays(cli, small_recipe: Path) -> None:
    """A run that is resumed on another machine keeps its precision."""
    auto = ("--set", "train.precision=auto", "--set", "train.compile=auto")
    assert cli("pretrain", small_recipe, "-o", "run", *auto).code == 0
    recipe = Path("run/recipe.yaml")
    first = json.loads(Path("run/manifest.json").read_text())["chosen"]
    assert first["precision"] in ("float32", "bfloat16")
    assert f"precision: {first['precision']}" in recipe.read_text()
    Path("run/summary.json").unlink()
    recipe.write_text(
        recipe.read_text().replace(f"precision: {first['precision']}", "precision: float16")
    )
    Path("run/checkpoints/checkpoint-8").rename("run/gone")
    again = cli("pretrain", small_recipe, "-o", "run", *auto, "--resume")
    assert "precision float16" in again.err


def test_isolation_is_proved_for_the_kernel_that_trains(cli, small_recipe, monkeypatch) -> None:
    proved = []

    def find(model, **asked):
        proved.append(model.config._attn_implementation)
        return find_isolation(model, **asked)

    monkeypatch.setattr(causal_lm, "find_isolation", find)
    words = ("task.packing=isolated", "train.precision=bfloat16", "train.max_steps=1")
    ended = cli("pretrain", small_recipe, "-o", "run", *(f"--set={word}" for word in words))
    assert ended.code == 0, ended.err
    assert proved == ["sdpa", "eager"]
    assert load_recipe("run/recipe.yaml").model.attn_implementation == "eager"


def test_a_run_that_fails_stops_measuring(small_recipe: Path, monkeypatch) -> None:
    ended = []
    monkeypatch.setattr(train.Meter, "end", lambda _: ended.append(True))
    recipe = load_recipe(str(small_recipe), ["data.train=none.txt"])
    with pytest.raises(DataError, match=r"none\.txt"):
        train.run(recipe, RunOptions(verb="pretrain"))
    assert ended == [True]
