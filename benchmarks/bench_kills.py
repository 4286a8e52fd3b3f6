"""SIGKILL at random moments of training and of saves, each followed by a resume.

usage: python benchmarks/bench_kills.py [--kills 200] [--width 256] [--seed 0] [--work DIR]

One run saves every other step and is killed again and again: half the times at a random moment,
half the times while a checkpoint lies aside. Each start is `lmkit pretrain ... --resume` in a
forked child (the libraries are loaded once). A failure is a start that ends by itself, passes over
a checkpoint, or goes on from more than `save_steps` before the last step that was logged. At the
end SIGTERM must save and end with 143. Exit code 1 if anything failed.
"""

import argparse
import ctypes
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from lmkit import cli
from lmkit.commands import train as _loaded  # noqa: F401 - the libraries, before children are forked

SAVE_STEPS = 2
PATIENCE = 300  # seconds until a start must have made a step
ROTATIONS = 40  # of the words, each a line of the corpus


def recipe(work: Path, width: int) -> Path:
    """A small GPT-2 that counts, and never ends."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    lines = [" ".join(words[(start + i) % 10] for i in range(60)) for start in range(ROTATIONS)]
    (work / "counting.txt").write_text("\n".join(lines) + "\n")
    config = {"n_layer": 2, "n_embd": width, "n_head": 4}
    made = {
        "task": {"name": "causal_lm", "block_size": 32},
        "model": {"architecture": "gpt2", "config": config},
        "tokenizer": {"train": {"type": "bpe", "vocab_size": 280}},
        "data": {"train": str(work / "counting.txt"), "document": "line"},
        "train": {
            "max_steps": 1_000_000, "total_batch_size": 4, "precision": "float32", "compile": False,
            "eval_strategy": "no", "save_steps": SAVE_STEPS, "logging_steps": 1,
            "save_total_limit": 2, "lr_scheduler_type": "constant",
        },
        "output_dir": str(work / "run"),
    }  # fmt: skip
    path = work / "counting.yaml"
    path.write_text(json.dumps(made))
    return path


def start(path: Path, log: Path) -> int:
    """Resume in a child of its own; its process id."""
    log.write_text("")
    child = os.fork()
    if child:
        return child
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: not without its parent
    with log.open("w") as file:
        os.dup2(file.fileno(), 2)
    code, text = cli.run(["pretrain", str(path), "--resume"])
    os.write(2, f"{text}\n".encode())
    os._exit(code)


def last_step(work: Path) -> int:
    """The last step that was logged whole; 0 before the first."""
    path = work / "run" / "metrics.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return int(json.loads(lines[-1])["step"]) if lines else 0


def saving(work: Path) -> bool:
    """Whether a checkpoint lies aside."""
    return any((work / "run" / "checkpoints").glob(".tmp-*/checkpoint-*"))


def ended(child: int) -> bool:
    """Whether a child ended by itself."""
    return os.waitpid(child, os.WNOHANG)[0] == child


def wait(child: int, log: Path, work: Path) -> str | None:
    """Until a start has made a step; why it did not, or None."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if ended(child):
            return f"ended by itself: {log.read_text()[-500:]}"
        # the lines past the checkpoint are cut before the first step
        if re.search(r"^step \d+/", log.read_text(), re.MULTILINE) and last_step(work):
            return None
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"made no step in {PATIENCE} s"


def main() -> None:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    os.environ["LMKIT_CACHE"] = str(work / "cache")
    path, log, draw = recipe(work, args.width), work / "log", random.Random(args.seed)
    failures: list[str] = []
    lost, within, reached = [], 0, 0
    for turn in range(args.kills + 1):
        child = start(path, log)
        told = wait(child, log, work)
        text = log.read_text()
        if "passed over" in text:
            failures.append(f"{turn}: {text[-500:]}")
        if told is not None:
            failures.append(f"{turn}: {told}")
            continue
        resumed = re.search(r"resuming from .*checkpoint-(\d+)", text)
        lost.append(reached - (int(resumed.group(1)) if resumed else 0))
        if turn == args.kills:
            break
        time.sleep(draw.uniform(0.0, 3.0))
        if turn % 2:
            until = time.monotonic() + 10
            while not saving(work) and time.monotonic() < until:
                time.sleep(0.0005)
            time.sleep(draw.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        within += saving(work)
        reached = last_step(work)
    else:
        failures.append("the last start failed, so no SIGTERM was tried")
    if told is None:
        os.kill(child, signal.SIGTERM)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != 128 + signal.SIGTERM:
            failures.append(f"SIGTERM: exit code {code}: {log.read_text()[-500:]}")
    worst = max(lost, default=0)
    sys.stdout.write(
        f"{args.kills} kills, {within} of them during a save, at steps up to {last_step(work)}: "
        f"{len(failures)} failures; at most {worst} steps lost (a checkpoint every {SAVE_STEPS})\n"
    )
    for line in failures:
        sys.stdout.write(f"  {line}\n")
    sys.exit(1 if failures or worst > SAVE_STEPS else 0)


if __name__ == "__main__":
    main()
