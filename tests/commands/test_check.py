"""`lmkit recipes check --full`: what a run would stumble over, without one."""

import os
from pathlib import Path

import pytest

from lmkit.commands.check import check_full
from lmkit.errors import LmkitError
from lmkit.recipe.load import load_recipe


def test_a_good_recipe_leaves_nothing(
    small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    check_full(load_recipe(str(small_recipe)))
    assert sorted(tmp_path.rglob("*")) == before
    assert list(Path(os.environ["LMKIT_CACHE"]).iterdir()) == []


@pytest.mark.parametrize(
    ("set_", "text"),
    [
        ("data.train=none.txt", "no such file or folder: none.txt"),
        ("model.config.n_layers=2", "did you mean `n_layer`"),
        ("model.config.vocab_size=20", "its largest id is 279"),
        ("train.lr_scheduler_kwargs={min_lr: 1}", "linear has no argument 'min_lr'"),
        ("train.optim_args='momentum=0.9'", "adamw_torch has no argument 'momentum'"),
        ("train.metric_for_best_model=f1", "no metric 'f1'"),
    ],
)
def test_what_would_stop_a_run(
    small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LmkitError, match=text):
        check_full(load_recipe(str(small_recipe), [set_]))
