"""The end of a run: `model/` whole or not at all, the summary last."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from lmkit.commands import finish as ending


def test_the_summary_is_written_last(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ending, "end_manifest", failed)
        assert cli("pretrain", small_recipe, "-o", "run").code == 130
    assert not Path("run/summary.json").exists()
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "running"
    assert cli("pretrain", small_recipe, "-o", "run", "--resume").code == 0
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "finished"
    assert json.loads(Path("run/summary.json").read_text())["step"] == 8


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
    other = json.loads(cli("eval", "run", "--split", "validation", "--json").out)
    assert other["metrics"]["loss"] != pytest.approx(summary["metrics"]["loss"], abs=1e-3)


def test_the_model_card(cli, small_recipe: Path) -> None:
    summary = json.loads(cli("pretrain", small_recipe, "-o", "run", "--json").out)
    card = Path("run/model/README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\ntags:\n- lmkit\n- causal_lm\n---\n")
    assert f"| loss | {summary['metrics']['loss']} |" in card
    parameters = AutoModelForCausalLM.from_pretrained("run/model").num_parameters()
    assert f"{parameters:,} parameters" in card
    assert "Each document is scored by itself" in card
