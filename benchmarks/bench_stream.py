"""A stream beside the prepared corpus: time to the first block, speed, memory, resuming.

usage: python benchmarks/bench_stream.py [--rounds 5] [--megabytes 300] [--work DIR]

The corpus of `baselines/corpus.py`, repeated with a number before each document to the size asked
for, in one JSON Lines file that a stream cuts into shards of 64 MB. Each round reads the first
2,000 blocks of 256 tokens both ways, each with a cache of its own that is empty before. Printed:
medians of the seconds to the first block, of all 2,000, of peak memory, and the seconds to the next
block of a run that is resumed there with the cache warm.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BLOCKS = 2000

READ = """
import json, resource, sys, time
from lmkit import tasks
from lmkit.commands.examples import training_examples
from lmkit.data.sources import open_splits
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.recipe.load import load_recipe

recipe_path, blocks, at, notes = sys.argv[1:]
started = time.perf_counter()
recipe = load_recipe(recipe_path)
splits = open_splits(recipe.data, recipe.task)
tokenizer = prepare_tokenizer(recipe, splits.train)
task = tasks.build(recipe.task)
examples = training_examples(task, splits.train, tokenizer, 1)
if hasattr(examples, "keep"):
    from pathlib import Path
    examples.keep(Path(notes), resume=True, write=True)
examples[0, int(at)]
first = time.perf_counter() - started
for position in range(int(at), int(at) + int(blocks)):
    examples[0, position % len(examples)]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"first": first, "all": time.perf_counter() - started, "peak": peak}))
"""
RECIPE = """\
task: {{name: causal_lm, block_size: 256}}
model: {{architecture: gpt2}}
tokenizer: {{source: {tokenizer}}}
data: {{train: {corpus}, validation: {held_out}, streaming: {streaming}}}
train: {{max_steps: 10}}
"""


def ask(*command: str, cache: Path | None = None) -> str:
    """The standard output of a command."""
    env = os.environ | ({} if cache is None else {"LMKIT_CACHE": str(cache)})
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout


def prepare(work: Path, megabytes: int) -> dict[str, Path]:
    """Corpus, tokenizer and the two recipes."""
    small, corpus, held_out = (work / f"{n}.jsonl" for n in ("small", "corpus", "held_out"))
    ask(sys.executable, str(HERE / "baselines/corpus.py"), str(small), "--max-mb", "30")
    tokenizer = work / "tokenizer"
    trainer = str(HERE / "baselines/tokenizer.py")
    ask(sys.executable, trainer, str(small), str(tokenizer), "--vocab", "16384")
    lines = small.read_text(encoding="utf-8").splitlines()
    held_out.write_text("\n".join(lines[:20]) + "\n", encoding="utf-8")
    size, copy = 0, 0
    with corpus.open("w", encoding="utf-8") as file:
        while size < megabytes * 1e6:
            for line in lines:
                size += file.write(
                    json.dumps({"text": f"{copy} {json.loads(line)['text']}"}) + "\n"
                )
            copy += 1
    recipes = {}
    for name, streaming in (("prepared", "false"), ("stream", "true")):
        recipes[name] = work / f"{name}.yaml"
        recipes[name].write_text(
            RECIPE.format(
                tokenizer=tokenizer, corpus=corpus, held_out=held_out, streaming=streaming
            ),
            encoding="utf-8",
        )
    return recipes


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        recipes = prepare(work, options.megabytes)
        for _ in range(options.rounds):
            for name, recipe in recipes.items():
                cache, notes = work / "cache", work / "stream.json"
                shutil.rmtree(cache, ignore_errors=True)
                notes.unlink(missing_ok=True)
                words = (sys.executable, "-c", READ, str(recipe), str(BLOCKS))
                cold = json.loads(ask(*words, "0", str(notes), cache=cache))
                again = json.loads(ask(*words, str(BLOCKS), str(notes), cache=cache))
                found.setdefault(name, []).append({**cold, "resumed": again["first"]})
    sys.stdout.write(
        f"{options.megabytes} MB, the first {BLOCKS:,} blocks, medians of {options.rounds} rounds\n"
    )
    for name, rounds in found.items():
        of = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        sys.stdout.write(
            f"  {name:<10}{of['first']:>8.2f} s to the first block {of['all']:>8.2f} s to the last "
            f"{of['peak']:>8,.0f} MB {of['resumed']:>8.2f} s to the next when resumed\n"
        )


if __name__ == "__main__":
    main()
