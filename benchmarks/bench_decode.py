"""Ways of decoding on this machine: growing and static caches, compiled, continuous batching.

usage: LMKIT_TEST_DATA=DATA python benchmarks/bench_decode.py [--prompts N] [--new N] [--rounds N]
       [--sizes N ...] [--skip WAY ...] [--cpu-time]

The model and the prompts of bench_generate.py, greedily, in one process. Each round lets every way
write the first prompt alone and then all of them side by side: transformers' `generate` with its
dynamic cache, with a static one, and with that one compiled; its continuous batching
(`generate_batch`); and lmkit. Then lmkit writes all prompts by batches of each of `--sizes`. The
first call of each way (compiling, filling pools) is told apart. Speeds are in new tokens a second;
with `--cpu-time` in those of a second of the processor, which on a busy machine, with
OMP_NUM_THREADS=1, is all that can be told.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bench_generate import save_model, write_prompts
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CompileConfig,
    ContinuousBatchingConfig,
    GenerationConfig,
)

from lmkit.generation.batching import left_padded
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import from_arguments
from lmkit.generation.writer import Writer

Way = Callable[[list[str]], list[str]]


def main() -> None:
    """Print the speeds of each round and the medians of their ratios to the first way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[8, 32, 64, 128, 200])
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--cpu-time", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_model(folder / "model")
        prompts = write_prompts(folder / "prompts.txt", args.prompts)
        model: Any = AutoModelForCausalLM.from_pretrained(folder / "model").eval()
        tokenizer = AutoTokenizer.from_pretrained(folder / "model")
        ways = _ways(model, tokenizer, args.new)
        told = {name: way for name, way in ways.items() if name not in args.skip}
        for name, asked in (("alone", prompts[:1]), (f"{len(prompts)} prompts", prompts)):
            if told:
                _rounds(name, told, asked, args)
        sizes = {
            f"by {size}": _lmkit(model, tokenizer, args.new, size)
            for size in args.sizes
            if size <= len(prompts)
        }
        if sizes:
            _rounds("lmkit", sizes, prompts, args)


def _rounds(name: str, ways: dict[str, Way], asked: list[str], args: argparse.Namespace) -> None:
    """A line for each round, and one for the medians."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    texts: dict[str, list[str]] = {}
    clock = time.process_time if args.cpu_time else time.perf_counter
    for number in range(args.rounds + 1):
        for way, write in ways.items():
            start = clock()
            texts[way] = write(asked)
            seconds = clock() - start
            if number:
                found[way].append(len(asked) * args.new / seconds)
            else:
                print(f"{name}: {way}: first call {seconds:.1f} s", flush=True)
    first = next(iter(ways))
    for way, speeds in found.items():
        ratio = statistics.median(a / b for a, b in zip(speeds, found[first], strict=True))
        same = sum(a == b for a, b in zip(texts[way], texts[first], strict=True))
        each = ", ".join(f"{speed:.0f}" for speed in speeds)
        print(
            f"{name}: {way}: {each} tokens/s; {ratio:.2f} of {first}; {same} of {len(asked)} alike",
            flush=True,
        )


def _ways(model: Any, tokenizer: Any, new: int) -> dict[str, Way]:
    """Each way by its name, the plain one first."""
    ids = {"eos_token_id": None, "pad_token_id": 0, "do_sample": False, "max_new_tokens": new}
    compiled = CompileConfig(fullgraph=False, mode="default")
    compiled._compile_all_devices = True  # else nothing is compiled on a CPU

    def told(tokens: list[int]) -> str:
        return str(tokenizer.decode(tokens, skip_special_tokens=True))

    def generate(**more: Any) -> Way:
        def write(prompts: list[str]) -> list[str]:
            tokens, mask = left_padded([tokenizer(text)["input_ids"] for text in prompts])
            config = GenerationConfig(**ids, **more)
            out = model.generate(tokens, attention_mask=mask, generation_config=config)
            return [told(row[tokens.shape[1] :].tolist()) for row in out]

        return write

    def continuous(prompts: list[str]) -> list[str]:
        found = model.generate_batch(
            [tokenizer(text)["input_ids"] for text in prompts],
            generation_config=GenerationConfig(**(ids | {"eos_token_id": -1})),
            continuous_batching_config=ContinuousBatchingConfig(
                num_blocks=len(prompts) * 2, max_batch_tokens=4096
            ),
        )
        return [told(answer.generated_tokens) for answer in found.values()]

    return {
        "dynamic": generate(),
        "static": generate(cache_implementation="static", disable_compile=True),
        "compiled": generate(cache_implementation="static", compile_config=compiled),
        "continuous": continuous,
        "lmkit": _lmkit(model, tokenizer, new, None),
    }


def _lmkit(model: Any, tokenizer: Any, new: int, size: int | None) -> Way:
    """The loop of lmkit, by batches of a size or of its choice."""

    def write(prompts: list[str]) -> list[str]:
        options = GenerationOptions(greedy=True, max_new_tokens=new, batch_size=size)
        answers = Writer(model, tokenizer, options).answers(from_arguments(prompts))
        return [answer.text for answer in answers]

    return write


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
