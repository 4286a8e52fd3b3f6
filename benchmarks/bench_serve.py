"""Requests at once beside one after the other, and the tenth turn of a talk.

usage: LMKIT_TEST_DATA=DATA python benchmarks/bench_serve.py [--clients N] [--new N] [--rounds N]
       [--turns N] [--cpu-time]

The model and the prompts of bench_generate.py, greedily, in one process and without the network.
Each round asks for the prompts one after the other, as `lmkit serve` answered them through
transformers' `generate`, then one after the other and all at once of what serves them now. A talk
of turns of 30 tokens and answers of 40 is then asked for the first token of its last turn, with
and without what was read before. `--cpu-time` counts seconds of the processor.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from bench_generate import save_model, write_prompts
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.cli.serving.utils import GenerateManager

from lmkit.commands.together import Together
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.remembered import Remembered
from lmkit.generation.sampling import Strategy

QUESTION, ANSWER = 30, 40


def main() -> None:
    """Print the seconds of each round, and the medians of their ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    clock = time.process_time if args.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_model(folder / "model")
        prompts = write_prompts(folder / "prompts.txt", args.clients)
        model: Any = AutoModelForCausalLM.from_pretrained(folder / "model").eval()
        tokenizer: Any = AutoTokenizer.from_pretrained(folder / "model")
    old, new = GenerateManager(), Together(model)
    ratios, gained = [], []
    for number in range(args.rounds):
        seconds, texts = [], []
        for manager, at_once in ((old, False), (new, False), (new, True)):
            with timed(clock, seconds):
                texts.append(ask(manager, model, tokenizer, prompts, args.new, at_once=at_once))
        ratios.append(seconds[0] / seconds[2])
        turns = [talk(model, tokenizer, args.turns, clock, kept=kept) for kept in (False, True)]
        gained.append(turns[0] / turns[1])
        print(
            f"round {number + 1}: {args.clients} requests: transformers' generate one by one "
            f"{seconds[0]:.2f} s, lmkit one by one {seconds[1]:.2f} s, at once {seconds[2]:.2f} s; "
            f"same texts: {texts[0] == texts[1] == texts[2]}; first token of turn {args.turns}: "
            f"all read again {turns[0]:.3f} s, what was read kept {turns[1]:.3f} s",
            flush=True,
        )
    print(
        f"medians: requests at once {statistics.median(ratios):.2f} times as fast, turn "
        f"{args.turns} {statistics.median(gained):.1f} times"
    )


@contextmanager
def timed(clock: Callable[[], float], into: list[float]) -> Iterator[None]:
    """Add the seconds that the block takes."""
    start = clock()
    yield
    into.append(clock() - start)


def ask(
    manager: Any, model: Any, tokenizer: Any, prompts: list[str], new: int, *, at_once: bool
) -> list[str]:
    """The texts that a manager of the server writes."""
    config = GenerationConfig(
        max_new_tokens=new, do_sample=False, eos_token_id=None, pad_token_id=0
    )

    async def one(number: int) -> str:
        name, pieces = str(number), []
        if isinstance(manager, Together):
            manager.expect(name, 0)
        inputs = tokenizer(prompts[number], return_tensors="pt")
        queue, _ = manager.generate_streaming(model, tokenizer, inputs, config, name)
        while (piece := await queue.get()) is not None:
            pieces.append(piece)
        return "".join(pieces)

    async def everyone() -> list[str]:
        if at_once:
            return list(await asyncio.gather(*map(one, range(len(prompts)))))
        return [await one(number) for number in range(len(prompts))]

    return asyncio.run(everyone())


def talk(
    model: Any, tokenizer: Any, turns: int, clock: Callable[[], float], *, kept: bool
) -> float:
    """Seconds to the first token of the last turn."""
    remembered = Remembered(model.config) if kept else None
    decoder = CausalDecoder(model, Strategy(temperature=0.0), frozenset(), remembered)
    draw = torch.Generator().manual_seed(0)
    read: list[int] = []
    for turn in range(turns):
        read += torch.randint(0, 50_000, (QUESTION,), generator=draw).tolist()
        limit = 1 if turn == turns - 1 or not kept else ANSWER
        row = Continuation(read, key=(0, 0), limit=limit, text=TextStream(tokenizer))
        start = clock()
        if kept or turn == turns - 1:
            decoder.write([row])
        seconds = clock() - start
        answer = torch.randint(0, 50_000, (ANSWER,), generator=draw).tolist()
        read += row.tokens if kept else answer
    return seconds


if __name__ == "__main__":
    main()
