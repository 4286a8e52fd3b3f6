"""What lmkit sets on the machine: freed memory kept, plain attention products in bfloat16.

usage: python benchmarks/bench_machine.py [--rounds 5] [--steps 60]

Each round trains `gpt2-stdlib` for some steps as it comes and with one of the two left out, in
turns and in fresh processes: tokens per second, page faults a step, peak memory. Attention counts
only where `precision: auto` is bfloat16. The first round also fills the token cache, so one more
run goes before it. Printed: medians, and medians of the ratios within a round.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile

# Runs lmkit in this process; the first argument names what is left out.
RUN = """
import contextlib, io, json, resource, sys
import lmkit.commands.session as session
import lmkit.commands.train as train
from lmkit.training.attention import AttentionChoice
from lmkit import cli

without, *words = sys.argv[1:]
if without == "memory":
    session.keep_freed_memory = lambda: False
if without == "attention":
    train.choose_attention = lambda *_: AttentionChoice(None, "left out by the benchmark")
out = io.StringIO()
with contextlib.redirect_stdout(out):
    code, _ = cli.run(words)
assert code == 0, code
used = resource.getrusage(resource.RUSAGE_SELF)
found = json.loads(out.getvalue())["train"]
print(json.dumps({
    "tokens_per_second": found["tokens_per_second"],
    "faults": used.ru_minflt / found["steps"],
    "peak": used.ru_maxrss / 1024,
}))
"""
CONTESTANTS = ("nothing", "memory", "attention")


def train(without: str, steps: int, folder: str) -> dict[str, float]:
    """Figures of one short run with something left out."""
    words = [
        "pretrain", "gpt2-stdlib", "-o", folder, "--overwrite", "--json", "--quiet",
        *("--set", f"train.max_steps={steps}", "--set", "train.eval_strategy=no"),
        *("--set", "train.save_strategy=no"),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, without, *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        train("nothing", 2, folder)
        for number in range(1, options.rounds + 1):
            found = {name: train(name, options.steps, folder) for name in CONTESTANTS}
            rounds.append(found)
            speeds = {name: round(of["tokens_per_second"]) for name, of in found.items()}
            sys.stdout.write(f"round {number}: {speeds}\n")
            sys.stdout.flush()
    sys.stdout.write(f"\nmedians of {options.rounds} rounds of {options.steps} steps; left out:\n")
    for name in CONTESTANTS:
        of = {key: statistics.median(r[name][key] for r in rounds) for key in rounds[0][name]}
        sys.stdout.write(
            f"  {name:<10}{of['tokens_per_second']:>10,.0f} tokens/s {of['faults']:>10,.0f} page "
            f"faults a step {of['peak']:>8,.0f} MB\n"
        )
    for name in CONTESTANTS[1:]:
        ratio = statistics.median(
            r["nothing"]["tokens_per_second"] / r[name]["tokens_per_second"] for r in rounds
        )
        sys.stdout.write(f"  with {name} / without it: {ratio:.2f}\n")


if __name__ == "__main__":
    main()
