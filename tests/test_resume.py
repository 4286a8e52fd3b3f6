"""Interrupt a run anywhere, go on with `--resume`, and nothing is lost or different."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lmkit.training.checkpoint import fault
from lmkit.training.progress import MetricsFile

TIMES = {"tokens_per_second"}
OF_THE_MACHINE = (
    "seconds", "tokens_per_second", "peak_memory_mb", "wall_seconds", "mfu",
    "peak_flops_per_second",
)  # fmt: skip


class KilledError(BaseException):
    """What no code catches: the process is gone, as after `kill -9`."""


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Do something after an optimizer step, once."""

    def arrange(step: int, do: Callable[[], None]) -> None:
        done: list[int] = []

        def on_step_end(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == step and not done:
                done.append(step)
                do()

        monkeypatch.setattr(MetricsFile, "on_step_end", on_step_end, raising=False)

    return arrange


def die() -> None:
    raise KilledError


def weights(run: str) -> str:
    return sha256(Path(run, "model", "model.safetensors").read_bytes()).hexdigest()


def lines(run: str) -> list[dict[str, Any]]:
    """The metrics without what depends on the speed of the machine."""
    read = map(json.loads, Path(run, "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read]


def same(run: str, other: str) -> None:
    assert weights(run) == weights(other)
    assert lines(run) == lines(other)
    samples = [Path(name, "samples.jsonl") for name in (run, other)]
    assert len({path.read_text() if path.exists() else None for path in samples}) == 1
    one, two = (json.loads(Path(name, "summary.json").read_text()) for name in (run, other))
    for summary in (one, two):
        del summary["output_dir"]
        for key in OF_THE_MACHINE:
            del summary["train"][key]
    assert one["train"].pop("loss") == pytest.approx(two["train"].pop("loss"), rel=1e-9)
    assert one == two


MASKED = (
    "task={name: masked_lm, block_size: 32}",
    "model={architecture: bert, config: {num_hidden_layers: 1, hidden_size: 16, "
    "num_attention_heads: 2, intermediate_size: 16}}",
    "tokenizer={train: {type: wordpiece, vocab_size: 80}}",
)
CLASSIFIER = (
    "task={name: classification, max_length: 16}",
    "model={architecture: bert, config: {num_hidden_layers: 1, hidden_size: 16, "
    "num_attention_heads: 2, intermediate_size: 16}}",
    "tokenizer={train: {type: wordpiece, vocab_size: 80}}",
    "data={train: parity.csv, validation_share: 0.2}",
)
CASES = {
    "a classifier in a third epoch, two loader workers": (
        *CLASSIFIER, "train.dataloader_num_workers=2", "train.max_steps=40", "train.eval_steps=20",
    ),
    "dropout, within an epoch": ("model.config.resid_pdrop=0.3",),
    "muon, short batches": ("train.optim=muon", "train.total_batch_size=7"),
    "masks of a second epoch": (*MASKED, "train.max_steps=40", "train.eval_steps=20"),
    "a mixture, masks of a third epoch": (
        *MASKED, "train.max_steps=40", "train.eval_steps=20",
        "data.train=[{path: counting.txt, weight: 0.7}, {path: small.yaml, weight: 0.4}]",
    ),
    "accumulation, by length": (
        "train.per_device_train_batch_size=3", "train.train_sampling_strategy=group_by_length",
        "task.packing=none",
    ),
    "documents isolated": ("task.packing=isolated", "task.block_size=48"),
    "every dropout of an LSTM": (
        "model={architecture: lstm, config: {embedding_size: 16, hidden_size: 24, "
        "embedding_dropout: 0.2, hidden_dropout: 0.2, output_dropout: 0.2, recurrent_dropout: 0.4, "
        "locked_dropout: true, tie_word_embeddings: true}}",
    ),
}  # fmt: skip
LATER = (
    "a classifier in a third epoch, two loader workers",
    "muon, short batches", "masks of a second epoch", "accumulation, by length",
    "documents isolated",
)  # fmt: skip
"""Cases for `make test-slow`."""


# a forked child of a process with threads, as every loader with workers is
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    "sets",
    [
        pytest.param(sets, id=name, marks=[pytest.mark.slow] if name in LATER else [])
        for name, sets in CASES.items()
    ],
)
def test_killed_and_resumed_is_as_never_killed(
    cli, small_recipe: Path, at_step: Callable[..., None], sets: tuple[str, ...]
) -> None:
    numbers = Path("counting.txt").read_text().splitlines()
    rows = [f"{line[:60]},{'even' if row % 2 else 'odd'}\n" for row, line in enumerate(numbers)]
    Path("parity.csv").write_text("text,label\n" + "".join(rows))
    verb = "finetune" if set(CLASSIFIER) <= set(sets) else "pretrain"
    steps = 40 if "train.max_steps=40" in sets else 8
    words = [word for key in sets for word in ("--set", key)]
    words += ["--set", f"train.save_steps={steps // 2}", "--set", "train.logging_steps=3"]
    words += ["--set", f"train.eval_samples={int(verb == 'pretrain')}"]
    whole = cli(verb, small_recipe, "-o", "whole", *words)
    assert whole.code == 0, whole.err
    at_step(steps - 1, die)
    with pytest.raises(KilledError):
        cli(verb, small_recipe, "-o", "parts", *words)
    assert not Path("parts/model").exists()
    ended = cli(verb, small_recipe, "-o", "parts", *words, "--resume")
    assert ended.code == 0
    assert f"resuming from {Path('parts').absolute()}/checkpoints/checkpoint-{steps // 2}" in (
        ended.err
    )
    same("whole", "parts")
    assert len(json.loads(Path("parts/manifest.json").read_text())["sessions"]) == 2


def test_killed_before_the_first_checkpoint(cli, small_recipe: Path, at_step) -> None:
    at_step(2, die)
    with pytest.raises(KilledError):
        cli("pretrain", small_recipe, "-o", "parts")
    refused = cli("pretrain", small_recipe, "-o", "parts")
    assert refused.code == 2
    assert "holds an unfinished run; go on with --resume" in refused.err
    assert cli("pretrain", small_recipe, "-o", "parts", "--resume").code == 0
    assert cli("pretrain", small_recipe, "-o", "whole").code == 0
    same("whole", "parts")


def test_a_damaged_checkpoint_is_passed_over(cli, small_recipe: Path, at_step) -> None:
    assert cli("pretrain", small_recipe, "-o", "whole", "--set", "train.save_steps=2").code == 0
    at_step(7, die)
    with pytest.raises(KilledError):
        cli("pretrain", small_recipe, "-o", "parts", "--set", "train.save_steps=2")
    damaged = Path("parts/checkpoints/checkpoint-6/optimizer.pt")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    ended = cli("pretrain", small_recipe, "-o", "parts", "--resume", "--set", "train.save_steps=2")
    assert ended.code == 0
    assert "passed over checkpoint-6: optimizer.pt is damaged" in ended.err
    same("whole", "parts")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]
)
def test_a_signal_saves_and_names_the_way_on(
    cli, small_recipe: Path, at_step, number: int, code: int
) -> None:
    assert cli("pretrain", small_recipe, "-o", "whole").code == 0
    before = signal.getsignal(number)
    at_step(5, lambda: os.kill(os.getpid(), number))
    stopped = cli("pretrain", small_recipe, "-o", "parts")
    assert stopped.code == code
    assert signal.getsignal(number) == before
    name = signal.Signals(number).name
    line = f"stopped by {name} after step 6; go on with: lmkit pretrain {small_recipe} -o parts"
    assert f"{line} --resume" in stopped.err
    assert stopped.out == ""
    assert "Traceback" not in stopped.err
    newest = Path("parts/checkpoints/checkpoint-6")
    assert fault(newest) is None
    assert not Path("parts/model").exists()
    assert not Path("parts/summary.json").exists()
    assert "The metrics end at step" in Path("parts/report.html").read_text()
    command = stopped.err.strip().partition("go on with: lmkit ")[2].split()
    assert cli(*command).code == 0
    same("whole", "parts")


def test_another_recipe_is_refused_unless_allowed(cli, small_recipe: Path, at_step) -> None:
    at_step(5, die)
    with pytest.raises(KilledError):
        cli("pretrain", small_recipe, "-o", "run")
    changed = ("--set", "train.learning_rate=0.5", "--set", "train.seed=7")
    refused = cli("pretrain", small_recipe, "-o", "run", "--resume", *changed)
    assert refused.code == 2
    assert "train.learning_rate: was 0.01, is 0.5" in refused.err
    assert "train.seed: was 42, is 7" in refused.err
    allow = ("--allow-changed", "train.learning_rate", "--allow-changed", "train.seed")
    assert " ".join((*allow[2:], *allow[:2])) in refused.err
    assert "learning_rate: 0.01" in Path("run/recipe.yaml").read_text()
    one = cli("pretrain", small_recipe, "-o", "run", "--resume", *changed, *allow[:2])
    assert one.code == 2
    assert "train.learning_rate" not in one.err
    wrong = cli(
        "pretrain", small_recipe, "-o", "run", "--resume", *changed, "--allow-changed",
        "train.learning_rat", *allow,
    )  # fmt: skip
    assert wrong.code == 2
    told = "train.learning_rat: it has not changed; did you mean `train.learning_rate`?"
    assert told in wrong.err
    assert cli("pretrain", small_recipe, "-o", "run", "--resume", *changed, *allow).code == 0


def test_other_data_is_another_run(cli, small_recipe: Path, at_step) -> None:
    at_step(5, die)
    with pytest.raises(KilledError):
        cli("pretrain", small_recipe, "-o", "run")
    with Path("counting.txt").open("a") as file:
        file.write("a line that was not there before\n")
    refused = cli("pretrain", small_recipe, "-o", "run", "--resume")
    assert refused.code == 2
    assert "data.train.content: was '" in refused.err
    allowed = ("--allow-changed", "data", "--allow-changed", "tokenizer")
    assert cli("pretrain", small_recipe, "-o", "run", "--resume", *allowed).code == 0


def test_a_longer_run_goes_on_from_the_end(cli, small_recipe: Path, at_step) -> None:
    """With a constant rate the first steps of a long run are those of a short one."""
    constant = ("--set", "train.lr_scheduler_type=constant")
    longer = ("--set", "train.max_steps=12")
    assert cli("pretrain", small_recipe, "-o", "whole", *constant, *longer).code == 0
    assert cli("pretrain", small_recipe, "-o", "run", *constant).code == 0
    at_step(10, die)
    with pytest.raises(KilledError):
        cli("pretrain", small_recipe, "-o", "run", "--resume", *constant, *longer)
    ended = cli("pretrain", small_recipe, "-o", "run", "--resume", *constant, *longer)
    assert ended.code == 0
    assert "there is nothing to resume" not in ended.err
    assert "resuming from" in ended.err
    same("whole", "run")


@pytest.mark.slow
def test_kill_9(run_cli, small_recipe: Path, tmp_path: Path) -> None:
    """The real thing: SIGKILL in the middle of training, in a process of its own."""
    words = ["pretrain", str(small_recipe), "-o", "parts"]
    code = (
        "import os, signal, sys\n"
        "from lmkit.training.progress import MetricsFile\n"
        "def kill(self, args, state, control, **_):\n"
        "    if state.global_step == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "MetricsFile.on_step_end = kill\n"
        "from lmkit import cli\n"
        f"cli.run({words!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert run_cli("pretrain", small_recipe, "-o", "whole").code == 0
    assert run_cli(*words, "--resume").code == 0
    same(str(tmp_path / "whole"), str(tmp_path / "parts"))
