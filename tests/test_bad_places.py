"""Places that cannot be written: read-only, full, taken; and a Ctrl-C before anything was."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lmkit.commands import train
from lmkit.training import saving


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`disk("ro", "size=1m")` mounts a small disk of its own; skips where that is not allowed."""
    mounted = []

    def mount(*options: str) -> Path:
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        try:
            ended = subprocess.run(words, capture_output=True, check=False)
        except OSError:
            pytest.skip("there is no mount command")
        if ended.returncode != 0:
            pytest.skip("mounting a disk is not permitted here")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def refused(ended, text: str) -> None:
    assert ended.code == 2, ended.err
    assert text in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_read_only_place(cli, small_recipe: Path, disk) -> None:
    place = disk("ro", "size=1m")
    ended = cli("pretrain", small_recipe, "-o", place / "run")
    refused(ended, f"{place}/run: cannot be written: Read-only file system; choose another")
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_no_permission(cli, small_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = cli("pretrain", small_recipe, "-o", "locked/run")
    refused(ended, "locked/run: cannot be written: Permission denied")


def test_a_read_only_cache(cli, small_recipe: Path, disk, monkeypatch) -> None:
    monkeypatch.setenv("LMKIT_CACHE", str(disk("ro", "size=1m") / "cache"))
    ended = cli("pretrain", small_recipe, "-o", "run")
    refused(ended, "LMKIT_CACHE")
    assert not Path("run").exists()


def test_a_full_disk_for_the_cache(cli, small_recipe: Path, disk, monkeypatch) -> None:
    place = disk("size=64k")
    monkeypatch.setenv("LMKIT_CACHE", str(place / "cache"))
    (place / "filler").write_bytes(b"x" * 56 * 1024)
    ended = cli("pretrain", small_recipe, "-o", "run")
    refused(ended, "LMKIT_CACHE")
    assert not Path("run").exists()
    left = [path.name for path in (place / "cache").rglob("*.tmp")]
    assert left == []


def test_a_full_disk_for_checkpoints(cli, small_recipe: Path, disk) -> None:
    """Room for two checkpoints and not for a third: what was saved stays whole, and is named."""
    assert cli("pretrain", small_recipe, "-o", "trial").code == 0
    folder = Path("trial/checkpoints/checkpoint-4")
    size = sum(path.stat().st_size for path in folder.iterdir())
    place = disk(f"size={int(2.6 * size) // 4096 * 4 + 64}k")
    words = ("--set", "train.save_steps=2")
    ended = cli("pretrain", small_recipe, "-o", place / "run", *words)
    refused(ended, "checkpoint-6 could not be written")
    assert "MB needed" in ended.err
    assert f"The last good checkpoint is {place}/run/checkpoints/checkpoint-4." in ended.err
    kept = sorted(path.name for path in (place / "run/checkpoints").iterdir())
    assert kept == ["checkpoint-2", "checkpoint-4"]
    shutil.rmtree(place / "run/checkpoints/checkpoint-2")
    limit = ("--set", "train.save_total_limit=1")
    resumed = cli("pretrain", small_recipe, "-o", place / "run", *words, *limit, "--resume")
    assert resumed.code in (0, 2)  # two and a model are needed at the end
    assert f"resuming from {place}/run/checkpoints/checkpoint-4" in resumed.err


def test_a_full_disk_for_the_first_checkpoint(cli, small_recipe: Path, disk) -> None:
    place = disk("size=200k")
    ended = cli("pretrain", small_recipe, "-o", place / "run")
    refused(ended, "checkpoint-4 could not be written")
    assert "There is no checkpoint yet" in ended.err
    assert list((place / "run/checkpoints").iterdir()) == []


def test_a_full_disk_for_the_model(cli, small_recipe: Path, disk) -> None:
    place = disk("size=2m")
    words = ("pretrain", small_recipe, "-o", place / "run", "--set", "train.save_strategy=no")

    def fill(**_: object) -> None:
        free = shutil.disk_usage(place).free
        (place / "filler").write_bytes(b"x" * (free - 100_000))

    with pytest.MonkeyPatch.context() as patch:
        real = train.finish
        patch.setattr(train, "finish", lambda *parts: (fill(), real(*parts))[1])
        ended = cli(*words)
    refused(ended, f"{place}/run/model: cannot be written")
    assert "make room and run the same command with --resume" in ended.err
    assert not (place / "run/.model.tmp").exists()
    (place / "filler").unlink()
    assert cli(*words, "--resume").code == 0
    assert (place / "run/model/model.safetensors").exists()


def test_a_full_disk_and_training_goes_on(cli, small_recipe: Path, monkeypatch) -> None:
    monkeypatch.setattr(saving, "shortage", lambda *_: "3.0 MB needed, 0.0 MB free")
    words = ("--set", "train.save_steps=2", "--set", "train.on_save_error=continue")
    ended = cli("pretrain", small_recipe, "-o", "run", *words)
    assert ended.code == 0, ended.err
    assert "training goes on (train.on_save_error: continue)" in ended.err
    assert Path("run/model/model.safetensors").exists()


def test_a_folder_that_holds_a_run(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    ended = cli("pretrain", small_recipe, "-o", "run")
    refused(ended, "run: holds a finished run; go on with --resume, replace it with --overwrite")


def test_a_folder_that_is_no_run_is_not_touched(cli, small_recipe: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    for words in ((), ("--overwrite",), ("--resume",)):
        ended = cli("pretrain", small_recipe, "-o", "mine", *words)
        refused(ended, "mine: is not empty and not a run of lmkit, so nothing is written there")
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
    ended = cli("pretrain", small_recipe, "-o", "mine/thesis.txt")
    refused(ended, "thesis.txt: is a file; the output folder needs a name of its own")


def test_overwrite_deletes_the_old_run_once_the_new_one_is_safe(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    before = Path("run/manifest.json").read_text()
    seen = []
    real = train.train_session

    def watched(session):
        seen.append(sorted(path.name for path in Path().iterdir() if path.is_dir()))
        return real(session)

    monkeypatch.setattr(train, "train_session", watched)
    assert cli("pretrain", small_recipe, "-o", "run", "--overwrite").code == 0
    assert "run.replaced-1" in seen[0]
    assert not Path("run.replaced-1").exists()
    assert Path("run/manifest.json").read_text() != before


def test_overwrite_with_a_mistake_leaves_the_old_run(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    before = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}
    for wrong in ("data.train=none.txt", "train.metric_for_best_model=f1"):
        ended = cli("pretrain", small_recipe, "-o", "run", "--overwrite", "--set", wrong)
        assert ended.code == 2
    assert {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")} == before
    assert not Path("run.replaced-1").exists()


def test_an_overwrite_that_was_killed_still_owes_the_deletion(
    cli, small_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0

    def killed(session):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "train_session", killed)
        assert cli("pretrain", small_recipe, "-o", "run", "--overwrite").code == 130
        assert Path("run.replaced-1/summary.json").exists()
        assert cli("pretrain", small_recipe, "-o", "run", "--overwrite").code == 130
    assert Path("run.replaced-1/summary.json").exists()
    assert cli("pretrain", small_recipe, "-o", "run", "--resume").code == 0
    assert list(Path().glob("run.replaced-*")) == []


def test_resume_and_overwrite_exclude_each_other(cli, small_recipe: Path) -> None:
    refused(cli("pretrain", small_recipe, "--resume", "--overwrite"), "give one of them")


def test_ctrl_c_while_data_is_prepared(cli, small_recipe: Path, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "prepare_tokenizer", interrupted)
    ended = cli("pretrain", small_recipe, "-o", "run")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.endswith("stopped")
    assert not Path("run").exists()


@pytest.mark.slow
def test_ctrl_c_of_the_real_command_while_data_is_prepared(
    small_recipe: Path, tmp_path: Path
) -> None:
    text = "zero one two three four five six seven eight nine\n" * 1000
    with (tmp_path / "counting.txt").open("w") as file:
        for number in range(1500):  # 75 MB: tokenizing takes a while
            file.write(f"{number} {text}")
    words = [sys.executable, "-m", "lmkit", "pretrain", str(small_recipe), "-o", "run"]
    words += ["--set", "tokenizer.train={type: byte}"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(("validation:", "tokenizer:")):
                process.send_signal(signal.SIGINT)
                break
        out, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert told.endswith("stopped\n")
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
    assert list(Path(os.environ["LMKIT_CACHE"]).rglob("*.tmp")) == []
