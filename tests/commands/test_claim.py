"""Who may write where; through the command line: tests/test_bad_places.py, tests/test_resume.py."""

import json
from pathlib import Path

import pytest

from lmkit.commands.claim import claim, drop_replaced, finished_summary, take
from lmkit.errors import RunFolderError
from lmkit.recipe.load import dump_recipe, load_recipe
from lmkit.recipe.run_options import RunOptions
from lmkit.recipe.sections import Recipe

PLAIN = RunOptions(verb="pretrain")
RESUME = RunOptions(verb="pretrain", resume=True)
OVERWRITE = RunOptions(verb="pretrain", overwrite=True)


@pytest.fixture
def recipe(small_recipe: Path, tmp_path: Path) -> Recipe:
    return load_recipe(str(small_recipe), [], str(tmp_path / "runs" / "run"))


@pytest.fixture
def run(recipe: Recipe) -> Path:
    """A finished run."""
    folder = Path(str(recipe.output_dir))
    (folder / "model").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(dump_recipe(recipe))
    (folder / "manifest.json").write_text('{"run_id": "abc", "status": "finished"}')
    (folder / "summary.json").write_text('{"step": 8}')
    return folder


def test_a_claim_writes_nothing(recipe: Recipe, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    claimed = claim(recipe, PLAIN)
    assert sorted(tmp_path.rglob("*")) == before
    assert (claimed.earlier, claimed.replaces, claimed.replaced) == (None, False, ())
    assert len(claimed.run_id) == 16
    assert take(claimed).folder.is_dir()


def test_each_run_has_its_id(recipe: Recipe) -> None:
    assert claim(recipe, PLAIN).run_id != claim(recipe, PLAIN).run_id


def test_a_run_is_in_the_way(recipe: Recipe, run: Path) -> None:
    with pytest.raises(RunFolderError, match=r"a finished run; go on with --resume.*--overwrite"):
        claim(recipe, PLAIN)
    (run / "summary.json").unlink()
    with pytest.raises(RunFolderError, match="an unfinished run"):
        claim(recipe, PLAIN)


def test_resume_keeps_id_and_recipe(recipe: Recipe, run: Path) -> None:
    claimed = claim(recipe, RESUME)
    assert claimed.run_id == "abc"
    assert claimed.earlier == recipe
    assert finished_summary(recipe, RESUME) is not None
    assert take(claimed) == claimed
    assert finished_summary(recipe, RESUME) is None  # it goes on: killed, it has work to do


def test_overwrite_moves_aside_only_when_taken(recipe: Recipe, run: Path) -> None:
    claimed = claim(recipe, OVERWRITE)
    assert (run / "summary.json").exists()
    (run.parent / "run.replaced-1").mkdir()  # somebody's; a free name is taken
    taken = take(claimed)
    assert taken.replaced == (str(run.parent / "run.replaced-2"),)
    assert list(run.iterdir()) == []
    assert json.loads((run.parent / "run.replaced-2" / "summary.json").read_text()) == {"step": 8}
    drop_replaced(taken)
    assert sorted(path.name for path in run.parent.iterdir()) == ["run", "run.replaced-1"]


def test_what_is_no_run_is_never_deleted(recipe: Recipe, run: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (run / "manifest.json").write_text(json.dumps({"replaced": [str(tmp_path / "thesis")]}))
    drop_replaced(claim(recipe, RESUME))
    assert (tmp_path / "thesis").is_dir()


def test_the_debt_of_a_killed_overwrite_is_handed_on(recipe: Recipe, run: Path) -> None:
    (run / "manifest.json").write_text('{"run_id": "abc", "replaced": ["/old"]}')
    assert claim(recipe, RESUME).replaced == ("/old",)
    assert take(claim(recipe, OVERWRITE)).replaced == ("/old", f"{run}.replaced-1")


def test_another_run_that_began_meanwhile(recipe: Recipe, run: Path) -> None:
    (run / "manifest.json").rename(run / "manifest.tmp")
    (run / "recipe.yaml").rename(run / "recipe.tmp")
    for name in ("summary.json", "model"):
        (run / name).rename(run.parent / name)
    claimed = claim(recipe, PLAIN)
    (run / "manifest.tmp").rename(run / "manifest.json")
    (run / "recipe.tmp").rename(run / "recipe.yaml")
    with pytest.raises(RunFolderError, match="holds an unfinished run"):
        take(claimed)


def test_the_leavings_of_a_failed_start_are_no_obstacle(recipe: Recipe) -> None:
    folder = Path(str(recipe.output_dir))
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("")
    (folder / ".manifest.json.1.tmp").write_text("")
    claim(recipe, PLAIN)
    (folder / "notes.txt").write_text("")
    with pytest.raises(RunFolderError, match="is not empty and not a run of lmkit"):
        claim(recipe, PLAIN)


def test_a_finished_run_is_told_only_when_resumed(recipe: Recipe, run: Path) -> None:
    assert finished_summary(recipe, PLAIN) is None
    assert finished_summary(recipe, RESUME) == {"step": 8}
    longer = recipe.model_copy(update={"train": recipe.train.model_copy(update={"max_steps": 9})})
    assert finished_summary(longer, RESUME) is None
    (run / "summary.json").unlink()
    assert finished_summary(recipe, RESUME) is None
