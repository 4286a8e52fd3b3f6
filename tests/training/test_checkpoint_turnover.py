"""Checkpoints come and go: a kill at any moment costs none that was whole; which ones stay."""

import shutil
from pathlib import Path

import pytest

from lmkit.training import checkpoint
from lmkit.training.checkpoint import (
    SEAL,
    fault,
    newest_whole,
    rotate,
    written_aside,
)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def names(home):
    return {path.name for path in home.iterdir()}


def test_it_has_no_name_before_it_is_sealed(write, tmp_path, monkeypatch):
    """A kill at any moment of sealing leaves nothing that looks like a checkpoint."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lmkit.durable.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 4)
    assert checkpoint.checkpoints(tmp_path) == []
    checkpoint.tidy(tmp_path, "run")
    assert list(tmp_path.iterdir()) == []


class KilledError(BaseException):
    """What no code catches."""


@pytest.mark.parametrize("earlier", [False, True], ids=["first of its step", "second of its step"])
def test_killed_at_any_call_of_a_save_one_whole_checkpoint_is_left(
    write, tmp_path, monkeypatch, earlier
):
    """Every system call that changes a name is the last one once; what was whole stays so."""
    ended = False
    for last in range(20):
        home = tmp_path / str(last)
        home.mkdir()
        write(home, 2)
        if earlier:
            write(home, 4, files={"a": b"first"})
        calls = 0

        def counted(call, last=last):
            def run(*args, **kwargs):
                nonlocal calls
                if calls == last:
                    raise KilledError
                calls += 1
                return call(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            for owner, name in ((Path, "rename"), (Path, "rmdir"), (shutil, "rmtree")):
                patch.setattr(owner, name, counted(getattr(owner, name)))
            try:
                rotate(write(home, 4, files={"a": b"second"}), 1, None, "run")
                ended = True
            except KilledError:
                pass
        checkpoint.tidy(home, "run")
        found = newest_whole(home, "run")
        assert found.skipped == []
        assert found.path == home / "checkpoint-4"
        assert (found.path / "a").read_bytes() in (
            (b"first", b"second") if earlier else (b"second",)
        )
        assert not {name for name in names(home) if name.startswith(".")}
        if ended:
            break
    assert ended


def test_a_save_killed_before_its_list_was_whole_is_deleted(write, tmp_path):
    write(tmp_path, 2)
    aside = written_aside(tmp_path / "checkpoint-4")
    whole = write(tmp_path, 4)
    aside.parent.mkdir()
    whole.rename(aside)
    (aside / SEAL).write_bytes((aside / SEAL).read_bytes()[:-9])
    checkpoint.tidy(tmp_path, "run")
    assert names(tmp_path) == {"checkpoint-2"}


def test_an_unverified_one_of_the_same_step_is_replaced(write, tmp_path):
    truncate(write(tmp_path, 4) / "optimizer.pt")
    assert fault(write(tmp_path, 4, files={"a": b"b"}), "run") is None
    assert {p.name for p in (tmp_path / "checkpoint-4").iterdir()} == {"a", SEAL}


def test_only_debris_is_removed(write, tmp_path):
    write(tmp_path, 3)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".tmp-checkpoint-4" / "checkpoint-4").mkdir(parents=True)
    (tmp_path / ".old-checkpoint-2").mkdir()
    checkpoint.tidy(tmp_path, "run")
    checkpoint.tidy(tmp_path / "missing", "run")
    assert names(tmp_path) == {"checkpoint-3", "notes"}


@pytest.mark.parametrize(
    ("keep", "best", "kept"),
    [
        (None, None, {1, 2, 3, 4}),
        (1, None, {4}),
        (2, None, {3, 4}),
        (1, 2, {2, 4}),
        (2, 2, {2, 4}),
        (3, 1, {1, 3, 4}),
        (2, 4, {3, 4}),
        (9, 1, {1, 2, 3, 4}),
        (2, 7, {3, 4}),  # the best is gone
    ],
)
def test_rotation_keeps_the_best_and_the_newest(write, tmp_path, keep, best, kept):
    for step in (1, 2, 3, 4):
        write(tmp_path, step)
    named = None if best is None else str(tmp_path / f"checkpoint-{best}")
    rotate(tmp_path / "checkpoint-4", keep, named, "run")
    assert {checkpoint.step_of(path) for path in checkpoint.checkpoints(tmp_path)} == kept


def test_what_was_passed_over_neither_counts_nor_goes(write, tmp_path):
    """After a fall back to 8 the damaged 10 must not push out what is written from there on."""
    for step in (6, 8, 10):
        write(tmp_path, step)
    write(tmp_path, 7, run_id="other")
    truncate(tmp_path / "checkpoint-10" / "optimizer.pt")
    for step in (9, 11):
        rotate(write(tmp_path, step), 1, None, "run")
        assert newest_whole(tmp_path, "run").path == tmp_path / f"checkpoint-{step}"
    assert names(tmp_path) == {"checkpoint-7", "checkpoint-10", "checkpoint-11"}


def test_what_cannot_be_deleted_is_told(write, tmp_path, monkeypatch, caplog):
    for step in (1, 2):
        write(tmp_path, step)

    def refused(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "rename", refused)
    rotate(tmp_path / "checkpoint-2", 1, None, "run")
    assert "checkpoint-1 is not needed any more and cannot be deleted" in caplog.text
    assert names(tmp_path) == {"checkpoint-1", "checkpoint-2"}
