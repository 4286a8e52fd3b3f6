"""Evaluation of a language model: lmkit's scoring beside the bare forward pass, and its memory.

usage: LMKIT_TEST_DATA=DATA python benchmarks/bench_eval_speed.py [--rounds N] [--documents N]

A GPT-2 of 6 layers, 384 wide, with GPT-2's vocabulary scores running text cut into documents of 20
to 900 words. In turns, on the same windows in the same batches of 8: `score`, which makes the exact
sums of every token, and a loop that does nothing but call the model for its logits. Then scoring in
a process of its own with as many documents and with eight times as many: the peaks of memory. Last,
the loss with batches of 1 and of 64.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2Tokenizer

from lmkit.data.sources import open_files
from lmkit.evaluation.scoring import score
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import DataSection
from lmkit.tasks import build
from lmkit.training.totals import peak_memory_mb

BATCH, CONTEXT = 8, 256


def made(folder: Path, count: int) -> tuple[Any, Any, Any]:
    """Task, model and examples of `count` documents."""
    data = Path(os.environ["LMKIT_TEST_DATA"])
    words = (data / "tinyshakespeare/input.txt").read_text().split()
    path, start = folder / f"{count}.txt", 0
    lines = []
    for number in range(count):
        length = 20 + number * 397 % 880
        lines.append(" ".join(words[start : start + length] or words[:length]))
        start = (start + length) % len(words)
    path.write_text("\n".join(lines) + "\n")
    options = CausalLMOptions(name="causal_lm", block_size=CONTEXT)
    section = DataSection(train=str(path), document="line")
    source = open_files(str(path), section, options, name="test", key="--data")
    tokenizer = GPT2Tokenizer.from_pretrained(data / "tokenizers/gpt2")
    torch.manual_seed(0)
    config = GPT2Config(n_layer=6, n_embd=384, n_head=6, n_positions=CONTEXT)
    model = AutoModelForCausalLM.from_config(config).eval()
    task = build(options)
    return task, model, task.examples(source, tokenizer, seed=0, training=False)


def ours(task: Any, model: Any, examples: Any, batch: int = BATCH) -> tuple[float, float]:
    """Seconds, and the loss."""
    task.attach(model)
    began = time.perf_counter()
    rows = score(model, task, examples, batch_size=batch)
    seconds = time.perf_counter() - began
    task.detach(model)
    return seconds, task.metrics(rows)["loss"]


@torch.no_grad()
def bare(task: Any, model: Any, examples: Any) -> float:
    """Seconds of the forward passes alone."""
    order = np.argsort(-np.asarray(examples.lengths), kind="stable")
    batches = [
        task.collate([examples[0, index] for index in order[at : at + BATCH].tolist()])["input_ids"]
        for at in range(0, len(order), BATCH)
    ]
    began = time.perf_counter()
    for ids in batches:
        _ = model(ids, use_cache=False).logits
    return time.perf_counter() - began


def main() -> None:
    """Print ratios, peaks and the two losses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("LMKIT_CACHE", place)
        if args.peak:
            ours(*made(Path(place), args.peak))
            print(peak_memory_mb())
            return
        task, model, examples = made(Path(place), args.documents)
        ratios = []
        for number in range(args.rounds):
            mine, alone = ours(task, model, examples)[0], bare(task, model, examples)
            ratios.append(alone / mine)
            print(f"round {number + 1}: lmkit {mine:.2f} s, bare forward passes {alone:.2f} s")
        peaks = [
            float(
                subprocess.run(
                    [sys.executable, __file__, "--peak", str(count)],
                    capture_output=True, text=True, check=True,
                ).stdout.split()[-1]
            )
            for count in (args.documents, 8 * args.documents)
        ]  # fmt: skip
        losses = [ours(task, model, examples, batch)[1] for batch in (1, 64)]
    print(
        f"{statistics.median(ratios):.2f} of the speed of the bare forward pass (median of "
        f"{args.rounds}); peak {peaks[0]:.0f} MB, with eight times the documents {peaks[1]:.0f} MB;"
        f" loss with batches of 1 and 64: {losses[0]:.8f} and {losses[1]:.8f}"
    )


if __name__ == "__main__":
    main()
