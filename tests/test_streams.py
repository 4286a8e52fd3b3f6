"""A corpus that is trained on while it is read: killed anywhere, resumed bit for bit."""

import io
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmkit.data import hub, stream_opening
from lmkit.training.progress import MetricsFile

MASKED = (
    "task={name: masked_lm, block_size: 32}",
    "model={architecture: bert, config: {num_hidden_layers: 1, hidden_size: 16, "
    "num_attention_heads: 2, intermediate_size: 16}}",
    "tokenizer={train: {type: wordpiece, vocab_size: 80}}",
)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class KilledError(BaseException):
    """What no code catches: the process is gone, as after `kill -9`."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """`kill["at"] = step`: the process is gone after that step."""
    at: dict[str, int] = {}

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == at.get("at"):
            raise KilledError

    monkeypatch.setattr(MetricsFile, "on_step_end", on_step_end, raising=False)
    return at


@pytest.fixture
def streamed(
    small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str | Path]:
    """A command that streams 90 different lines, in four shards of 16 blocks or so."""
    monkeypatch.setattr(stream_opening, "SHARD_BYTES", 2500)
    lines = [" ".join(WORDS[(n * (i + 1) + n // 7) % 10] for i in range(20)) for n in range(90)]
    (tmp_path / "counting.txt").write_text("".join(f"{n} {line}\n" for n, line in enumerate(lines)))
    sets = ("data.streaming=true", "train.logging_steps=3", "train.save_steps=4")
    return ["pretrain", small_recipe, *(word for key in sets for word in ("--set", key))]


def weights(run: str) -> str:
    return sha256(Path(run, "model", "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("steps", "sets"),
    [
        (9, ()),
        (21, (*MASKED, "train.per_device_train_batch_size=3")),
        pytest.param(
            9,
            ("task.packing=isolated", "train.train_sampling_strategy=sequential"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["first epoch", "masks of a second epoch", "isolated, in order"],
)
def test_killed_and_resumed_with_a_cold_cache(
    cli, streamed: list[str], kill, monkeypatch, tmp_path: Path, steps: int, sets: tuple[str, ...]
) -> None:
    """Going on prepares the shard it goes on in, the one a step crosses into, and the next."""
    sets = (*sets, f"train.max_steps={steps}")
    words = [*streamed, *(word for key in sets for word in ("--set", key))]
    whole = cli(*words, "-o", "whole")
    assert whole.code == 0, whole.err
    kill["at"] = steps - 2
    with pytest.raises(KilledError):
        cli(*words, "-o", "parts")
    noted = json.loads(Path("parts/stream.json").read_text())["shards"]
    saved = (steps - 2) // 4 * 4
    if steps > 10:  # every shard was counted, and the checkpoint is beyond the first epoch
        assert sum(shard["blocks"] for shard in noted.values()) < saved * 8
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cold"))
    kill["at"] = saved + 1
    with pytest.raises(KilledError):
        cli(*words, "-o", "parts", "--resume")
    assert 1 <= len(list((tmp_path / "cold" / "stream").glob("*/tokens.bin"))) <= 3
    kill.clear()
    ended = cli(*words, "-o", "parts", "--resume")
    assert ended.code == 0, ended.err
    assert f"checkpoint-{saved}" in ended.err
    assert weights("whole") == weights("parts")
    one, two = (json.loads(Path(run, "summary.json").read_text()) for run in ("whole", "parts"))
    assert one["metrics"] == two["metrics"]
    assert one["baselines"] == two["baselines"]


def test_a_shard_that_changed_is_refused(cli, streamed: list[str | Path], kill) -> None:
    """Names and sizes are as they were, so only the shard itself can tell."""
    Path("held_out.txt").write_text("".join(f"{word}\n" for word in WORDS))
    words = [*streamed, "-o", "run", "--set", "data.validation=held_out.txt"]
    kill["at"] = 6
    with pytest.raises(KilledError):
        cli(*words)
    text = Path("counting.txt").read_text()
    Path("counting.txt").write_text(text[:3000] + text[3000:].replace("seven", "SEVEN"))
    kill.clear()
    ended = cli(*words, "--resume")
    assert ended.code == 2, ended.err
    assert "has other content than when this run read it first; put the files back" in ended.err


def test_a_dry_run_and_a_preparation(cli, streamed: list[str]) -> None:
    planned = cli(*streamed, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    size = Path("counting.txt").stat().st_size
    assert 0.7 * size < json.loads(planned.out)["data"]["bytes"] < 1.1 * size
    refused = cli("data", "prepare", streamed[1], "--set", "data.streaming=true")
    assert refused.code == 2
    assert "data.streaming: a stream is prepared while a run reads it" in refused.err


@pytest.mark.slow
def test_two_processes_read_the_stream_that_one_does(
    run_cli, streamed: list[str | Path], tmp_path: Path
) -> None:
    """Over shards and epochs: who comes first prepares a shard, the other waits for it."""
    early = "import lmkit.data.stream_opening as opening; opening.SHARD_BYTES = 2500\n"
    (tmp_path / "early").mkdir()
    (tmp_path / "early/sitecustomize.py").write_text(early)
    path = os.pathsep.join(filter(None, [str(tmp_path / "early"), os.environ.get("PYTHONPATH")]))
    sets = ["train.max_steps=15", "train.optim=sgd", "train.learning_rate=0.5"]
    sets += [f"model.config.{name}_pdrop=0.0" for name in ("resid", "embd", "attn")]
    words = [*streamed, "--json", *(word for key in sets for word in ("--set", key))]
    one = run_cli(*words, "-o", "one", env={"PYTHONPATH": path})
    cold = {"PYTHONPATH": path, "LMKIT_CACHE": str(tmp_path / "cold")}
    two = run_cli(*words, "-o", "two", "--processes", "2", env=cold)
    assert (one.code, two.code) == (0, 0), two.err
    assert "stream: shard 4 of 4" in two.err
    single, shared = json.loads(one.out), json.loads(two.out)
    assert shared["train"]["tokens"] == single["train"]["tokens"]
    assert shared["metrics"] == pytest.approx(single["metrics"], abs=1e-5)


def test_a_hub_stream_is_trained_on_and_resumed(
    cli, small_recipe: Path, kill, monkeypatch, tmp_path: Path
) -> None:
    """A set of three shards, as `datasets` streams it; only the hub itself is not asked."""
    lines = [" ".join(WORDS[(n * (i + 1) + n // 7) % 10] for i in range(20)) for n in range(90)]
    files = [tmp_path / f"{shard}.parquet" for shard in range(3)]
    for shard, file in enumerate(files):
        file.write_bytes(_parquet(lines[shard::3], 30))
    streamed = datasets.load_dataset(
        "parquet", data_files={"train": [str(file) for file in files]}, streaming=True
    )
    monkeypatch.setattr(hub, "_commit", lambda *_: "c" * 40)
    monkeypatch.setattr(hub, "_load", lambda *_: (streamed, "c" * 40))
    words = ["pretrain", small_recipe]
    sets = ("data={dataset: some/set, streaming: true}", "train.max_steps=14", "train.save_steps=4")
    words += [word for key in sets for word in ("--set", key)]
    whole = cli(*words, "-o", "whole")
    assert whole.code == 0, whole.err
    kill["at"] = 10
    with pytest.raises(KilledError):
        cli(*words, "-o", "parts")
    kill.clear()
    ended = cli(*words, "-o", "parts", "--resume")
    assert ended.code == 0, ended.err
    assert "checkpoint-8" in ended.err
    assert weights("whole") == weights("parts")
    described = json.loads(Path("parts/manifest.json").read_text())["data"]["train"]["files"][0]
    assert described["commit"] == "c" * 40


def _parquet(texts: list[str], group: int) -> bytes:
    """A Parquet file of one column, with row groups of so many rows."""
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), file, row_group_size=group)
    return file.getvalue()
