"""Benchmarks by likelihood: `lmkit eval --benchmarks FILE` beside lm-evaluation-harness.

usage: LMKIT_TEST_DATA=DATA python
    benchmarks/bench_benchmarks.py [--rounds N] [--rows N] [--model M]

The same items, from running text: 200 whose last word is asked for and 100 questions with four
choices. Both score them with the same model in this process, in turns, with batches of 16; seconds
are of tokenizing and scoring, without imports and the opening of the model. Printed: the medians of
the ratios, and how far the log-likelihoods lie from those of float64.
"""

import argparse
import json
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2Tokenizer

from lmkit.data.benchmark_rows import Item, read_items
from lmkit.data.rows import Row
from lmkit.evaluation.scoring import score
from lmkit.generation.continuations import Continuations, encode_pairs

BATCH = 16


def items(rows: int) -> list[Item]:
    """Both shapes, from speeches of plays."""
    text = (Path(os.environ["LMKIT_TEST_DATA"]) / "tinyshakespeare/input.txt").read_text()
    speeches = [part.replace("\n", " ") for part in text.split("\n\n")]
    speeches = [part for part in speeches if 60 < len(part) < 800 and part[-1] != " "]
    draw = random.Random(0)
    words = sorted({part.rpartition(" ")[2] for part in speeches})
    asked = []
    for part in speeches[rows : rows + rows // 2]:
        before, _, right = part.rpartition(" ")
        choices = [right, *draw.sample([word for word in words if word != right], 3)]
        draw.shuffle(choices)
        asked.append({"question": before, "choices": choices, "answer": right})
    shapes: tuple[list[dict[str, Any]], ...] = ([{"text": p} for p in speeches[:rows]], asked)
    return [
        item
        for values in shapes
        for item in read_items(Row(json.loads(json.dumps(v)), "row") for v in values)[1]
    ]


def opened(name: str | None) -> tuple[Any, Any]:
    """A model folder, or a GPT-2 of 6 layers with random weights."""
    if name is not None:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
        return model.eval(), AutoTokenizer.from_pretrained(name)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(GPT2Config(n_layer=6, n_embd=384, n_head=6))
    folder = Path(os.environ["LMKIT_TEST_DATA"]) / "tokenizers/gpt2"
    return model.eval(), GPT2Tokenizer.from_pretrained(folder)


def ours(model: Any, tokenizer: Any, pairs: list[tuple[str, str]]) -> tuple[float, np.ndarray]:
    """Seconds, and log-likelihoods."""
    began = time.perf_counter()
    found = score(model, Continuations(), encode_pairs(pairs, tokenizer, 1024), batch_size=BATCH)
    return time.perf_counter() - began, -np.array(found["nll"])


def theirs(model: Any, tokenizer: Any, pairs: list[tuple[str, str]]) -> tuple[float, np.ndarray]:
    """The same of lm-eval."""
    asked = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH, max_length=1024)
    requests = [Instance("loglikelihood", {}, pair, at) for at, pair in enumerate(pairs)]
    began = time.perf_counter()
    found = asked.loglikelihood(requests, disable_tqdm=True)
    return time.perf_counter() - began, np.array([value for value, _ in found])


def main() -> None:
    """Print the ratios and the distances."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--model")
    args = parser.parse_args()
    model, tokenizer = opened(args.model)
    pairs = [(item.context, more) for item in items(args.rows) for more in item.continuations]
    ratios = []
    for number in range(args.rounds):
        mine, found = ours(model, tokenizer, pairs)
        other, wanted = theirs(model, tokenizer, pairs)
        ratios.append(other / mine)
        print(
            f"round {number + 1}: lmkit {mine:.2f} s, lm-eval {other:.2f} s, farthest apart "
            f"{np.abs(found - wanted).max():.1e} nats"
        )
    exact = ours(model.double(), tokenizer, pairs)[1]
    double = theirs(model, tokenizer, pairs)[1]
    print(
        f"lmkit is {statistics.median(ratios):.2f} times as fast (median of {args.rounds}); from "
        f"float64: lmkit {np.abs(found - exact).max():.1e}, lm-eval "
        f"{np.abs(wanted - exact).max():.1e} nats; in float64 {np.abs(double - exact).max():.1e} "
        "apart"
    )


if __name__ == "__main__":
    main()
