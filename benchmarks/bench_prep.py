"""Preparation: `lmkit data prepare` beside `tokenizers` alone and the field's common script.

usage: python benchmarks/bench_prep.py [--rounds 5] [--work DIR] [--vocab 16384]

Each round runs every contestant once, in a fresh process, on a corpus of 30 MB: `tokenizers` alone
on all cores (texts in memory, nothing written), the common script with one and two processes, lmkit
(reading, hashing and writing included), and lmkit where `tiktoken` may not be used. Printed:
medians, and the medians of the ratios within a round. Then memory and the time from command to
first batch on a hit, for 30 MB and for ten times as much, and what the loader feeds one process.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BASELINES = HERE / "baselines"
TIMES = 10  # the large corpus, in small ones
SMALL_GPT2 = 1640  # tokens a second that 6 layers of 384 train at on two cores (bench_train.py)

# The time of lmkit itself, once what it imports is there: from the recipe to the first batch; then
# tokens per second of the loader in the order of an epoch.
FIRST_BATCH = """
import json, resource, sys, time
from lmkit import tasks
from lmkit.commands.resolve import batch_shape
from lmkit.data.sources import open_splits
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.recipe.load import load_recipe
from lmkit.training.batches import Order, train_loader

started = time.perf_counter()
recipe = load_recipe(sys.argv[1])
splits = open_splits(recipe.data, recipe.task)
tokenizer = prepare_tokenizer(recipe, splits.train)
task = tasks.build(recipe.task)
examples = task.examples(splits.train, tokenizer, seed=1, training=True)
shape = batch_shape(recipe, len(examples))
order = Order(examples, shape, seed=1, strategy="random")
loader = iter(train_loader(examples, order, task.collate))
next(loader)
first = time.perf_counter() - started
started, tokens = time.perf_counter(), 0
for number, batch in enumerate(loader):
    tokens += task.tokens(batch)
    if number == 300:
        break
print(json.dumps({"first": first, "feeds": tokens / (time.perf_counter() - started)}))
"""


def ask(*command: str, cache: Path | None = None) -> tuple[str, str]:
    """Standard output and error of a command."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    if cache is not None:
        env["LMKIT_CACHE"] = str(cache)
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout, done.stderr


def number(text: str, name: str) -> float:
    """The figure that stands behind a name."""
    found = re.search(rf"{name} ([\d.]+)", text)
    assert found, text
    return float(found.group(1))


def make_inputs(work: Path, vocabulary: int) -> None:
    """The corpus, ten times it with every text altered, and a tokenizer."""
    corpus, tokenizer, large = work / "corpus.jsonl", work / "tokenizer", work / "large.jsonl"
    if not corpus.is_file():
        ask(sys.executable, str(BASELINES / "corpus.py"), str(corpus), "--max-mb", "30")
    if not tokenizer.is_dir():
        ask(
            sys.executable, str(BASELINES / "tokenizer.py"), str(corpus), str(tokenizer),
            "--vocab", str(vocabulary),
        )  # fmt: skip
    if not large.is_file():
        with large.open("w", encoding="utf-8") as out:
            for turn in range(TIMES):
                for line in corpus.open(encoding="utf-8"):
                    text = json.loads(line)["text"]
                    out.write(json.dumps({"text": f"# part {turn}\n{text}"}) + "\n")
    (work / "held_out.txt").write_text("A few words that are held out.\n")
    # whole words are looked up first, which the proof does not cover
    slow = work / "slow_tokenizer"
    if not slow.is_dir():
        shutil.copytree(tokenizer, slow)
        state = json.loads((slow / "tokenizer.json").read_text(encoding="utf-8"))
        state["model"]["ignore_merges"] = True
        (slow / "tokenizer.json").write_text(json.dumps(state), encoding="utf-8")


def recipe(work: Path, corpus: str, tokenizer: str) -> str:
    """The recipe that prepares a corpus."""
    path = work / f"{corpus}-{tokenizer}.yaml"
    said = {
        "task": {"name": "causal_lm", "block_size": 256},
        "model": {"architecture": "gpt2", "config": {"n_layer": 1, "n_embd": 16, "n_head": 1}},
        "tokenizer": {"source": str(work / tokenizer)},
        "data": {
            "train": str(work / f"{corpus}.jsonl"), "validation": str(work / "held_out.txt"),
        },
    }  # fmt: skip
    path.write_text(json.dumps(said))
    return str(path)


def lmkit(work: Path, corpus: str, tokenizer: str) -> tuple[float, float]:
    """Tokens per second of a preparation from nothing, and its peak memory in MB."""
    cache = work / "cache" / f"{corpus}-{tokenizer}"
    shutil.rmtree(cache, ignore_errors=True)
    code = (
        "import resource, sys; from lmkit.cli import run; code, text = run(sys.argv[1:]); "
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3); "
        "sys.exit(text if code else 0)"
    )
    path = recipe(work, corpus, tokenizer)
    told, _ = ask(sys.executable, "-c", code, "data", "prepare", path, "--json", cache=cache)
    found = json.loads(told.splitlines()[0])
    assert found["cache"] == "miss", found
    return found["tokens"] / found["seconds"], number(told, "peak")


def limit(work: Path, tokenizer: str) -> float:
    """Tokens per second of `tokenizers` alone."""
    told, _ = ask(
        sys.executable, str(BASELINES / "limits.py"), str(work / tokenizer),
        str(work / "corpus.jsonl"),
    )  # fmt: skip
    return number(told, "tokenizer_tokens_per_s")


def script(work: Path, processes: int) -> float:
    """Tokens per second of the common script."""
    out = work / "script"
    shutil.rmtree(out, ignore_errors=True)
    told, _ = ask(
        sys.executable, str(BASELINES / "prep_baseline.py"), str(work / "corpus.jsonl"),
        str(work / "tokenizer"), str(out), "--procs", str(processes),
    )  # fmt: skip
    return number(told, "tokens_per_s")


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vocab", type=int, default=16384)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    make_inputs(work, args.vocab)
    rounds = []
    for turn in range(args.rounds):
        found = {"limit": limit(work, "tokenizer")}
        found["lmkit"], found["memory"] = lmkit(work, "corpus", "tokenizer")
        found["script"] = max(script(work, 1), script(work, 2))
        found["slow_limit"] = limit(work, "slow_tokenizer")
        found["slow_lmkit"], _ = lmkit(work, "corpus", "slow_tokenizer")
        rounds.append(found)
        print(f"round {turn + 1}:", {k: round(v) for k, v in found.items()}, flush=True)
    report(rounds)
    speed, memory = lmkit(work, "large", "tokenizer")
    small = statistics.median(r["memory"] for r in rounds)
    print(f"300 MB: {speed:,.0f} tokens/s, peak {memory:.0f} MB (30 MB: {small:.0f})")
    for corpus in ("corpus", "large"):
        path, cache = recipe(work, corpus, "tokenizer"), work / "cache" / f"{corpus}-tokenizer"
        hits = [ask(sys.executable, "-c", FIRST_BATCH, path, cache=cache)[0] for _ in range(5)]
        told = [json.loads(hit) for hit in hits]
        first, feeds = (statistics.median(t[key] for t in told) for key in ("first", "feeds"))
        print(
            f"hit, {corpus}: {first:.2f} s from command to first batch; the loader feeds "
            f"{feeds:,.0f} tokens/s, {feeds / SMALL_GPT2:,.0f} times what the small GPT-2 trains at"
        )


def report(rounds: list[dict[str, float]]) -> None:
    """Medians, and medians of the ratios within a round."""

    def median(*keys: str) -> float:
        values = [r[keys[0]] / r[keys[1]] if len(keys) == 2 else r[keys[0]] for r in rounds]
        return statistics.median(values)

    print(f"\ntokens per second, medians of {len(rounds)} rounds")
    for key in ("limit", "lmkit", "script", "slow_limit", "slow_lmkit"):
        print(f"  {key:<11} {median(key):12,.0f}")
    print(f"  lmkit / tokenizers alone                          {median('lmkit', 'limit'):.2f}")
    print(f"  lmkit / the common script's best                  {median('lmkit', 'script'):.2f}")
    slow = median("slow_lmkit", "slow_limit")
    print(f"  lmkit without tiktoken / tokenizers alone         {slow:.2f}")
    print(f"  peak memory of lmkit, MB                          {median('memory'):.0f}\n")


if __name__ == "__main__":
    main()
