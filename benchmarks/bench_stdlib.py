"""The shipped recipes on the embedded corpus: what they reach, in which time and memory.

usage: python benchmarks/bench_stdlib.py [--seeds 3] [--output DIR]

`gpt2-stdlib` beside zlib, `bert-stdlib` beside the commonest token, `bert-stdlib-topics` beside the
majority class and beside the same model from random weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def lmkit(*arguments: str, cwd: Path) -> dict[str, Any]:
    """The summary of a run."""
    command = [sys.executable, "-m", "lmkit", *arguments, "--json", "--quiet", "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout))


def told(name: str, summary: dict[str, Any]) -> None:
    """Time and memory of a run."""
    train = summary["train"]
    print(
        f"{name}: {train['seconds']:.0f} s, {train['tokens_per_second']:,.0f} tokens/s, "
        f"peak {train['peak_memory_mb']:.0f} MB",
        flush=True,
    )


def main() -> None:
    """Run the recipes in the order in which they need one another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    cwd = args.output or Path(tempfile.mkdtemp())
    cwd.mkdir(parents=True, exist_ok=True)

    gpt2 = lmkit("pretrain", "gpt2-stdlib", cwd=cwd)
    told("gpt2-stdlib", gpt2)
    ours = gpt2["metrics"]["bits_per_byte"]
    zlib = gpt2["baselines"]["zlib"]["bits_per_byte"]
    print(f"  bits per byte {ours:.4f}, zlib {zlib:.4f}: {ours / zlib:.3f} of it", flush=True)

    bert = lmkit("pretrain", "bert-stdlib", cwd=cwd)
    told("bert-stdlib", bert)
    right = bert["metrics"]["accuracy"]
    common = bert["baselines"]["unigram"]["accuracy"]
    print(
        f"  masked accuracy {right:.4f}, commonest token {common:.4f}: {right / common:.2f} times"
    )

    config = json.loads((cwd / "runs/bert-stdlib/model/config.json").read_text())
    kept = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size")
    shape = ", ".join(f"{key}: {config[key]}" for key in kept)
    scratch = [
        "--set", f"model={{architecture: bert, position_init: sinusoidal, config: {{{shape}}}}}",
        "--set", "tokenizer.source=runs/bert-stdlib",
    ]  # fmt: skip
    rows = []
    for seed in range(args.seeds):
        common_options = ["--set", f"train.seed={seed}"]
        tuned = lmkit("finetune", "bert-stdlib-topics", *common_options, cwd=cwd)
        told(f"bert-stdlib-topics, seed {seed}", tuned)
        random = lmkit(
            "finetune",
            "bert-stdlib-topics",
            *common_options,
            *scratch,
            "-o",
            "runs/scratch",
            cwd=cwd,
        )
        majority = tuned["baselines"]["majority"]["macro_f1"]
        row = (tuned["metrics"]["macro_f1"], random["metrics"]["macro_f1"], majority)
        rows.append(row)
        print(figures(" ", row), flush=True)
    means = [statistics.mean(column) for column in zip(*rows, strict=True)]
    print(figures("bert-stdlib-topics, mean:", means))


def figures(name: str, values: Sequence[float]) -> str:
    """Macro-F1 of the tuned model, of the same from random weights, and of the majority class."""
    tuned, random, majority = values
    return f"{name} macro-F1 {tuned:.4f}, random weights {random:.4f}, majority {majority:.4f}"


if __name__ == "__main__":
    main()
