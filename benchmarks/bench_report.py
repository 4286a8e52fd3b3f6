"""The report of a long run: 100,000 log lines, the seconds of `lmkit report` and of opening it.

Promise: the page is written in under 5 s, is smaller than 2 MB, and is there with all its figures
in under 1 s in Chromium (looked for as `chromium` or `google-chrome`; without it that part is left
out). Lines are of random walks with spikes; every second thousandth is an evaluation.

usage: python benchmarks/bench_report.py [--lines 100000] [--rounds 5]
"""

import argparse
import json
import math
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LINES = 100_000
ROUNDS = 5
WRITTEN, OPENED, BYTES = 5.0, 1.0, 2_000_000  # seconds, seconds, bytes
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def lines(count: int) -> Iterator[str]:
    """The metrics.jsonl of a long run."""
    draw = random.Random(0)
    for step in range(1, count + 1):
        spike = 3.0 if draw.random() < 1e-4 else 0.0
        yield json.dumps(
            {
                "step": step, "epoch": step / 1000, "tokens": 4096 * step,
                "loss": 2 + 8 / math.sqrt(step) + draw.gauss(0, 0.1) + spike,
                "learning_rate": 3e-4 * (1 + math.cos(math.pi * step / count)) / 2,
                "grad_norm": abs(draw.gauss(0.8, 0.2)) + 20 * spike,
                "tokens_per_second": draw.gauss(50_000, 3_000),
            }
        )  # fmt: skip
        if step % 1000 == 0:
            loss = 2.1 + 8 / math.sqrt(step)
            yield json.dumps({"step": step, "eval_loss": loss, "eval_perplexity": math.exp(loss)})


def made(folder: Path, count: int) -> Path:
    """A run folder with so many lines."""
    run = folder / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text("task: {name: causal_lm}\n")
    (run / "manifest.json").write_text(json.dumps({"status": "running", "command": "lmkit"}))
    (run / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines(count)))
    return run


def written(run: Path) -> float:
    """Seconds of `lmkit report`, from a fresh process to the end of it."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lmkit", "report", str(run)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begin


def opened(browser: str, page: Path, folder: Path) -> float:
    """Seconds from the beginning of the page's loading to the frame that has all figures."""
    ended = subprocess.run(
        [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'data-figures="(\d+)" data-drawn="(\d+)"', ended.stdout)
    assert found is not None, "the page drew nothing"
    assert int(found[1]) == 5, found[1]
    return int(found[2]) / 1000


def main() -> None:
    """Measure, and say what was promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = made(folder, asked.lines)
        page = run / "report.html"
        seconds = statistics.median(written(run) for _ in range(asked.rounds))
        print(f"written in {seconds:.2f} s (asked: under {WRITTEN:.0f})")
        print(f"{page.stat().st_size:,} bytes (asked: under {BYTES:,})")
        if browser is None:
            print("no Chromium here: opening was not measured")
            return
        times = [opened(browser, page, folder) for _ in range(asked.rounds + 1)][1:]
        print(f"open with all figures in {statistics.median(times):.2f} s (under {OPENED:.0f})")


if __name__ == "__main__":
    main()
