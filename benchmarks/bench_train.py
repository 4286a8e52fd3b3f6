"""Training speed: lmkit beside plain Trainer and compiled Trainer, in turns, on one corpus.

usage: python benchmarks/bench_train.py [--rounds 5] [--sizes small ...] [--uncompiled] [--work DIR]

Each round runs every contestant once, in a fresh process, and the machine's matmul peak before
them: plain and compiled Trainer and lmkit, all in float32, and lmkit as it comes (`precision: auto`
chooses bfloat16 where the machine multiplies it), uncompiled. Tokens per second are those of steps
11 to 30. Printed: medians, and the medians of the ratios within a round, which the load of the
machine moves less.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from transformers import AutoModelForCausalLM

from lmkit.training.cost import flops_per_token

HERE = Path(__file__).parent
BASELINES = HERE / "baselines"
SIZES = {
    "small": {"layers": 6, "width": 384, "heads": 6},
    "tiny": {"layers": 2, "width": 128, "heads": 2},
}
PAIRS = (
    ("lmkit", "trainer"),
    ("lmkit_auto", "trainer"),
    ("lmkit_compiled", "trainer"),
    ("lmkit_compiled", "trainer_compiled"),
)
VOCABULARY, BLOCK, BATCH, STEPS = 16384, 256, 8, 30


def ask(*command: str, env: dict[str, str] | None = None) -> str:
    """The standard output of a command; its standard error where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout


def number(text: str, name: str) -> float:
    """The figure that stands behind a name."""
    found = re.search(rf"{name} ([\d.]+)", text)
    assert found, text
    return float(found.group(1))


def prepare(work: Path) -> None:
    """Corpus, tokenizer and the baseline's blocks, once."""
    corpus, tokenizer, blocks = work / "corpus.jsonl", work / "tokenizer", work / "blocks"
    if not blocks.is_dir():
        python = sys.executable
        ask(python, str(BASELINES / "corpus.py"), str(corpus), "--max-mb", "8")
        ask(
            python,
            str(BASELINES / "tokenizer.py"),
            str(corpus),
            str(tokenizer),
            "--vocab",
            str(VOCABULARY),
        )
        ask(
            python, str(BASELINES / "prep_baseline.py"), str(corpus), str(tokenizer), str(blocks),
            "--block", str(BLOCK),
        )  # fmt: skip


def trainer(work: Path, size: dict[str, int], *extra: str) -> float:
    """Tokens per second of the baseline."""
    shape = [f"--{name}={value}" for name, value in size.items()]
    told = ask(
        sys.executable, str(BASELINES / "train_baseline.py"), str(work / "blocks"), str(VOCABULARY),
        *shape, f"--batch={BATCH}", f"--steps={STEPS}", *extra,
    )  # fmt: skip
    return number(told, "tokens_per_s")


def lmkit(work: Path, size: dict[str, int], compiled: bool, precision: str = "float32") -> float:
    """Tokens per second of `lmkit pretrain` over the same steps."""
    config = {"n_layer": size["layers"], "n_embd": size["width"], "n_head": size["heads"]}
    config |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    held_out = work / "held_out.txt"
    held_out.write_text("A few words, for the end of the run has to score something.\n")
    recipe = {
        "task": {"name": "causal_lm", "block_size": BLOCK},
        "model": {"architecture": "gpt2", "config": config},
        "tokenizer": {"source": str(work / "tokenizer")},
        "data": {"train": str(work / "corpus.jsonl"), "validation": str(held_out)},
        "train": {
            "max_steps": STEPS, "per_device_train_batch_size": BATCH, "learning_rate": 3e-4,
            "eval_strategy": "no", "save_strategy": "no", "logging_steps": 10,
            "precision": precision, "compile": compiled,
        },
        "output_dir": str(work / "run"),
    }  # fmt: skip
    path = work / "bench.yaml"
    path.write_text(json.dumps(recipe))
    env = {**os.environ, "LMKIT_CACHE": str(work / "cache")}
    ask(sys.executable, "-m", "lmkit", "pretrain", str(path), "--overwrite", "--quiet", env=env)
    lines = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
    speeds = [line["tokens_per_second"] for line in lines if line["step"] > 10 and "loss" in line]
    return statistics.harmonic_mean(speeds)


def operations(work: Path) -> int:
    """Floating-point operations a token of the model that lmkit trained last."""
    model = AutoModelForCausalLM.from_pretrained(work / "run" / "model")
    return flops_per_token(model, BLOCK)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--uncompiled", action="store_true", help="leave out what is compiled")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    prepare(work)
    for name in args.sizes:
        rounds = []
        for turn in range(args.rounds):
            peak = number(ask(sys.executable, str(BASELINES / "limits.py")), "float32_gflops")
            found = {"trainer": trainer(work, SIZES[name]), "peak": peak}
            found["lmkit"] = lmkit(work, SIZES[name], compiled=False)
            found["lmkit_auto"] = lmkit(work, SIZES[name], compiled=False, precision="auto")
            best = found["lmkit"]
            if not args.uncompiled:
                found["trainer_compiled"] = trainer(work, SIZES[name], "--compile")
                found["lmkit_compiled"] = best = lmkit(work, SIZES[name], compiled=True)
            found["share_of_peak"] = best * operations(work) / (peak * 1e9)
            rounds.append(found)
            print(
                name, f"round {turn + 1}:", {k: round(v, 3) for k, v in found.items()}, flush=True
            )
        report(name, rounds)


def report(name: str, rounds: list[dict[str, float]]) -> None:
    """Medians, and medians of the ratios within a round."""

    def median(*keys: str) -> float:
        values = [r[keys[0]] / r[keys[1]] if len(keys) == 2 else r[keys[0]] for r in rounds]
        return statistics.median(values)

    print(f"\n{name}: tokens per second, medians of {len(rounds)} rounds")
    for key in rounds[0]:
        if key not in ("peak", "share_of_peak"):
            print(f"  {key:<17} {median(key):8.0f}")
    for ours, theirs in PAIRS:
        if ours in rounds[0] and theirs in rounds[0]:
            print(f"  {f'{ours} / {theirs}':<34} {median(ours, theirs):.2f}")
    print(f"  {'share of the float32 matmul peak':<34} {median('share_of_peak'):.2f}\n")


if __name__ == "__main__":
    main()
