"""A pretrained encoder fine-tuned on tweets of four emotions: how good, in which time.

usage: python benchmarks/bench_classify.py MODEL DATA [--seeds 3] [--rates 1e-4,2e-4] [--output DIR]
       [--only lmkit,dynamic] [--set KEY=VALUE]

MODEL is a folder of a small BERT (all-MiniLM-L6-v2), DATA one with train.csv, dev.csv and test.csv
of `text,label`. One epoch over the first 2,000 training rows, scored on the test rows, each seed in
turn:

- lmkit: the recipe `tweet-emotion` as it is shipped;
- padded: the field's common script, every row padded to 128 tokens, at its own learning rate;
- padded at each of --rates: the best of them is the one to come near to;
- dynamic: the same script, padded to the longest text of each batch.

Seconds are those of the training loop alone, in all of them; lmkit's wall time stands beside.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 2000
BASELINES = Path(__file__).parent / "baselines"
Figures = tuple[float, float, float]  # training seconds, accuracy, macro-F1


def main() -> None:
    """Print a line a run, then the means and what one is of another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", default="1e-4,2e-4,3e-4")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", default="", help="names of the runs, with commas; all of them")
    parser.add_argument("--set", action="append", default=[], help="of lmkit's recipe, to try it")
    args = parser.parse_args()
    folder = args.output or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    train, test = (as_json_lines(args.data / f"{name}.csv", folder) for name in ("train", "test"))
    kinds: dict[str, list[str]] = {"lmkit": [], "padded": []}
    kinds |= {f"padded {rate}": ["--learning-rate", rate] for rate in args.rates.split(",")}
    kinds["dynamic"] = ["--dynamic"]
    if args.only:
        kinds = {name: kinds[name] for name in args.only.split(",")}
    found: dict[str, list[Figures]] = {name: [] for name in kinds}
    for seed in range(args.seeds):
        for name, options in kinds.items():
            if name == "lmkit":
                figures = lmkit(args.model, args.data, seed, folder, args.set)
            else:
                figures = plain(args.model, train, test, seed, options)
            found[name].append(figures)
            print(f"{name}, seed {seed}: {told(figures)}", flush=True)
    means = {name: mean(runs) for name, runs in found.items()}
    print()
    for name, figures in means.items():
        print(f"{name:<14} {told(figures)}")
    for name in ("padded", "dynamic"):
        if name in means and "lmkit" in means:
            print(f"time, lmkit over {name}: {means['lmkit'][0] / means[name][0]:.3f}")


def lmkit(model: str, data: Path, seed: int, folder: Path, more: list[str]) -> Figures:
    """The shipped recipe, with `more` overrides."""
    sets = {"model.source": model, "train.seed": seed, "data.max_documents": ROWS}
    sets |= {f"data.{key}": data / f"{file}.csv" for key, file in
             (("train", "train"), ("validation", "dev"), ("test", "test"))}  # fmt: skip
    command = [sys.executable, "-m", "lmkit", "finetune", "tweet-emotion", "--json", "--quiet"]
    command += ["-o", str(folder / f"lmkit-{seed}"), "--overwrite"]
    for override in [*(f"{key}={value}" for key, value in sets.items()), *more]:
        command += ["--set", override]
    start = time.perf_counter()
    summary = json.loads(output_of(command))
    print(f"  (lmkit in all: {time.perf_counter() - start:.1f} s)", flush=True)
    metrics = summary["metrics"]
    return summary["train"]["seconds"], metrics["accuracy"], metrics["macro_f1"]


def plain(model: str, train: Path, test: Path, seed: int, options: list[str]) -> Figures:
    """The common script."""
    name = "classify_variants.py" if options else "classify_baseline.py"
    command = [sys.executable, str(BASELINES / name), model, str(train), str(test)]
    words = output_of([*command, "--rows", str(ROWS), "--seed", str(seed), *options]).split()
    values = dict(zip(words[-8::2], words[-7::2], strict=True))
    return float(values["seconds"]), float(values["accuracy"]), float(values["macro_f1"])


def output_of(command: list[str]) -> str:
    """Standard output of a command; its end where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout


def as_json_lines(file: Path, folder: Path) -> Path:
    """The same rows as the script reads them."""
    made = folder / f"{file.stem}.jsonl"
    with file.open(encoding="utf-8", newline="") as rows, made.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in csv.DictReader(rows))
    return made


def mean(runs: list[Figures]) -> Figures:
    """Each figure's mean over the seeds."""
    seconds, accuracy, macro_f1 = (statistics.mean(column) for column in zip(*runs, strict=True))
    return seconds, accuracy, macro_f1


def told(figures: Figures) -> str:
    """A line."""
    seconds, accuracy, macro_f1 = figures
    return f"{seconds:7.1f} s  accuracy {accuracy:.4f}  macro_f1 {macro_f1:.4f}"


if __name__ == "__main__":
    main()
