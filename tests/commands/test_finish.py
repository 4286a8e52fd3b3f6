"""The end of a run: `model/` whole or not at all, and that it is finished last."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM

from lmkit.commands import finish as ending


@pytest.mark.parametrize(
    "killed",
    [
        pytest.param("put_in_place", marks=pytest.mark.slow),
        pytest.param("write_json", marks=pytest.mark.slow),
        "end_manifest",
    ],
)
def test_a_kill_at_the_end_leaves_an_unfinished_run(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """Of a run made longer too, which has the model and summary of before."""

    def failed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    words = ("pretrain", small_recipe, "-o", "run", "--set", "train.optim=sgd")
    longer = (*words, "--resume", "--set", "train.max_steps=9")
    assert cli(*words).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(ending, killed, failed)
        assert cli(*longer).code == 130
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "running"
    assert cli(*longer).code == 0
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "finished"
    assert json.loads(Path("run/summary.json").read_text())["step"] == 9
    assert "9 steps" in Path("run/model/README.md").read_text()
    assert [path.name for path in Path("run").glob(".model*")] == []


def test_the_model_needs_room(cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "shortage", lambda *_: "7.0 MB needed, 3.0 MB free")
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 2
    assert "cannot be written: no room on the disk: 7.0 MB needed, 3.0 MB free;" in ended.err
    assert not Path("run/model").exists()


def test_the_model_appears_whole(cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ending, "save_tokenizer", full)
        ended = cli("pretrain", small_recipe, "-o", "run")
    assert ended.code == 2
    assert "No space left on device; training is done, so make room and run" in ended.err
    assert not Path("run/model").exists()
    assert not Path("run/.model.tmp").exists()
    assert cli("pretrain", small_recipe, "-o", "run", "--resume").code == 0
    assert AutoModelForCausalLM.from_pretrained("run/model").num_parameters() > 0


def test_the_test_data_is_scored_where_there_is_some(cli, small_recipe: Path) -> None:
    Path("test.txt").write_text("three four five six seven\n")
    ended = cli("pretrain", small_recipe, "-o", "run", "--set", "data.test=test.txt", "--json")
    summary = json.loads(ended.out)
    assert summary["split"] == "test"
    assert summary["counts"]["documents"] == 1
    evaluated = json.loads(cli("eval", "run", "--json").out)
    assert evaluated["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    kept = json.loads(Path("run/details.json").read_text())
    assert (kept["task"], kept["split"]) == ("causal_lm", "test")
    assert cli("eval", "run", "--details", "told.json", "--quiet").code == 0
    told = json.loads(Path("told.json").read_text())
    names = ["loss_by_position", "most_surprising"]
    assert [one["name"] for one in kept["details"]] == names
    assert [one["name"] for one in told["details"]] == names
    other = json.loads(cli("eval", "run", "--split", "validation", "--json").out)
    assert other["metrics"]["loss"] != pytest.approx(summary["metrics"]["loss"], abs=1e-3)


def test_the_model_card(cli, small_recipe: Path) -> None:
    summary = json.loads(cli("pretrain", small_recipe, "-o", "run", "--json").out)
    card = Path("run/model/README.md").read_text()
    told = ModelCard(card).data
    assert told.library_name == "transformers"
    assert told.tags == ["lmkit", "causal_lm"]
    scores = {one.metric_type: one.metric_value for one in told.eval_results}
    assert scores == summary["metrics"]
    assert f"| loss | {summary['metrics']['loss']:.4f} |" in card
    assert "on counting.txt." in card
    parameters = AutoModelForCausalLM.from_pretrained("run/model").num_parameters()
    assert f"{parameters:,} parameters" in card
    assert "Each document is scored by itself" in card
