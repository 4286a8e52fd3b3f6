"""Checkpoints: damage of any kind is found, and the next older whole one is taken."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from lmkit.training import checkpoint
from lmkit.training.checkpoint import (
    SEAL,
    fault,
    newest_whole,
)

FILES = {
    "model.safetensors": b"\x00\x01weights" * 50,
    "optimizer.pt": b"moments" * 30,
    "run_state.json": b'{"tokens": 5}',
    "deeper/rng_state.pth": b"\xff" * 9,
}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def grow(path):
    path.write_bytes(path.read_bytes() + b"\x00")


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


DAMAGES = {
    "truncated": truncate,
    "grown": grow,
    "empty": lambda path: path.write_bytes(b""),
    "deleted": Path.unlink,
    "flipped": flip,
    "garbage": lambda path: path.write_bytes(b"\x9c" * path.stat().st_size),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [*FILES, SEAL])
def test_any_damage_is_found_named_and_fallen_back_from(write, tmp_path, name, damage):
    older, newer = (write(tmp_path, step, files=FILES) for step in (9, 10))
    assert newest_whole(tmp_path, "run").path == newer
    DAMAGES[damage](newer / name)
    found = newest_whole(tmp_path, "run")
    assert found.path == older
    (line,) = found.skipped
    # a bit of the seal may fall into what it says of a file
    named = "" if (name, damage) == (SEAL, "flipped") else name
    assert line.startswith(f"checkpoint-10: {named}")
    DAMAGES[damage](older / name)
    found = newest_whole(tmp_path, "run")
    assert found.path is None
    assert [line.partition(":")[0] for line in found.skipped] == ["checkpoint-10", "checkpoint-9"]


def test_every_bit_of_the_seal_counts(write, tmp_path):
    folder = write(tmp_path, 1, files={"model.safetensors": b"weights"})
    raw = (folder / SEAL).read_bytes()
    for bit in range(0, len(raw) * 8, 5):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        (folder / SEAL).write_bytes(damaged)
        assert fault(folder, "run") is not None, bytes(damaged)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"run_id": "run"}', '{"run_id": "run", "files": 3}',
             '{"run_id": "run", "files": {"model.safetensors": 3}}',
             '{"run_id": "run", "files": {"model.safetensors": [1, 2, 3]}}']
)  # fmt: skip
def test_a_seal_of_another_form_is_damage(write, tmp_path, text):
    folder = write(tmp_path, 1)
    (folder / SEAL).write_text(text)
    assert fault(folder) == f"{SEAL} is missing or damaged"


def test_all_that_trainer_writes_is_sealed_and_any_damage_fallen_back_from(toy_run):
    """The files of a real checkpoint, each damaged in each way."""
    run = toy_run(save_strategy="steps", max_steps=4, decided={"save_steps": 2})
    run.trainer.train()
    home = Path(run.trainer.args.output_dir)
    older, newer = home / "checkpoint-2", home / "checkpoint-4"
    found = {path.name for path in newer.rglob("*") if path.is_file()}
    assert {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth",
            "trainer_state.json", "run_state.json", "config.json", SEAL} <= found  # fmt: skip
    for name in found:
        for kind, damage in DAMAGES.items():
            before = (newer / name).read_bytes()
            damage(newer / name)
            answer = newest_whole(home, "run")
            assert answer.path == older, (name, kind)
            assert answer.skipped[0].startswith("checkpoint-4: "), (name, kind)
            if (newer / name).is_dir():
                (newer / name).rmdir()
            (newer / name).write_bytes(before)
    assert newest_whole(home, "run") == checkpoint.Found(newer, [])


def test_a_glance_reads_no_file_and_sees_what_is_missing(write, tmp_path):
    folder = write(tmp_path, 1)
    flip(folder / "optimizer.pt")
    assert fault(folder, "run", glance=True) is None
    truncate(folder / "optimizer.pt")
    assert "bytes instead of" in fault(folder, "run", glance=True)


def test_a_checkpoint_of_another_run_is_refused(write, tmp_path):
    write(tmp_path, 5, run_id="other")
    found = newest_whole(tmp_path, "run")
    assert found.path is None
    assert found.skipped == ["checkpoint-5: it belongs to another run (other)"]
    assert fault(tmp_path / "checkpoint-5") is None  # where any run will do


def test_a_moved_checkpoint_stays_whole(write, tmp_path):
    folder = write(tmp_path / "a", 5)
    shutil.copytree(folder, tmp_path / "b" / "checkpoint-5")
    assert fault(tmp_path / "b" / "checkpoint-5", "run") is None


def test_the_newest_is_told_by_number(write, tmp_path):
    for step in (9, 100, 20):
        write(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / ".tmp-checkpoint-200").mkdir()
    assert [path.name for path in checkpoint.checkpoints(tmp_path)] == [
        "checkpoint-100", "checkpoint-20", "checkpoint-9"
    ]  # fmt: skip
    assert [checkpoint.step_of(path) for path in checkpoint.checkpoints(tmp_path)] == [100, 20, 9]
    assert checkpoint.checkpoints(tmp_path / "missing") == []


def test_the_size_is_that_of_all_files(write, tmp_path):
    folder = write(tmp_path, 1, files=FILES)
    sealed = len((folder / SEAL).read_bytes())
    assert checkpoint.folder_size(folder) == sum(map(len, FILES.values())) + sealed


def test_the_tensors_weigh_what_their_files_do(tiny_gpt2, tmp_path):
    """Tied weights lie in the file once; its header is the rest."""
    tiny_gpt2.save_pretrained(tmp_path)
    size = (tmp_path / "model.safetensors").stat().st_size
    header = 8 + int.from_bytes((tmp_path / "model.safetensors").read_bytes()[:8], "little")
    assert checkpoint.tensor_bytes(tiny_gpt2.state_dict()) == size - header
    optimizer = torch.optim.AdamW(tiny_gpt2.parameters())
    for parameter in tiny_gpt2.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moments = 2 * (size - header)
    steps = 4 * len(list(tiny_gpt2.parameters()))
    assert checkpoint.tensor_bytes([{"x": 3}, optimizer.state_dict()]) == moments + steps


def test_the_state_of_the_run_comes_back(tmp_path):
    state = {"tokens": 12, "seconds": 1.25, "loss_sum": 0.1 + 0.2}
    checkpoint.write_run_state(tmp_path, state)
    assert checkpoint.read_run_state(tmp_path) == state
    assert json.loads((tmp_path / checkpoint.RUN_STATE).read_text()) == state
