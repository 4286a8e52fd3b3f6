"""Generation: `lmkit generate` over a file of prompts beside a pipeline of transformers.

usage: LMKIT_TEST_DATA=DATA python benchmarks/bench_generate.py [--prompts N] [--single N]
       [--new N] [--rounds N]

A GPT-2 of 6 layers, 384 wide, with random weights and GPT-2's vocabulary continues prompts of 5 to
60 words greedily; its end token is out of reach, so that every text has all its new tokens. Each
round asks the pipeline (baselines/generate_baseline.py) with batches of 1 and of the sizes given,
then lmkit. At 1, where a prompt costs the same whatever stands beside it, `--single` of them,
evenly picked, give its speed in less time. Tokens a second are without imports and the opening of
the model on either side. One prompt alone is written beside a bare decoding loop, in one process
and in turns, each after a text that warms it up; what `lmkit generate` takes beside writing it,
from the shell, is told apart. The texts are compared.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2Tokenizer

from lmkit.generation.opening import open_for_writing
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt
from lmkit.generation.writer import Writer

HERE = Path(__file__).parent
TOLD = re.compile(r"(\d+) new tokens in ([\d.]+) s")
THEIRS = re.compile(r"new_tokens_per_s ([\d.]+)")


def main() -> None:
    """Print tokens a second of each way of each round, and the medians of their ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--single", type=int, help="prompts of the pipeline at 1 (default: all)")
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="*", default=[8, 40])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_model(folder / "model")
        prompts = write_prompts(folder / "prompts.txt", args.prompts)
        few = prompts[:: max(1, args.prompts // (args.single or args.prompts))]
        (folder / "few.txt").write_text("\n".join(few) + "\n", encoding="utf-8")
        single, best, alone = [], [], []
        for number in range(args.rounds):
            one = pipeline(folder, "few.txt", args.new, 1)
            others = {
                size: pipeline(folder, "prompts.txt", args.new, size) for size in args.batches
            }
            ours, texts = lmkit(folder, args.new)
            bare, mine, told = one_alone(folder, prompts[0], args.new)
            same = told == {texts[0]}
            single.append(ours / one)
            best.append(ours / max([one, *others.values()]))
            alone.append(mine / bare)
            larger = ", ".join(f"at {size} {speed:.0f}" for size, speed in others.items())
            print(
                f"round {number + 1}: pipeline at 1 {one:.0f}, {larger}; lmkit {ours:.0f} "
                f"tokens/s; one prompt: bare loop {bare:.1f}, lmkit {mine:.1f}, start-up "
                f"{start_up(folder, prompts[0], args.new):.1f} s; same text: {same}"
            )
    print(
        f"medians: {statistics.median(single):.2f} times the pipeline at 1, "
        f"{statistics.median(best):.2f} times its best batch; one prompt "
        f"{statistics.median(alone):.2f} times a bare loop"
    )


def save_model(folder: Path) -> None:
    """A small GPT-2 whose end token is never the likeliest."""
    data = Path(os.environ["LMKIT_TEST_DATA"])
    tokenizer = GPT2Tokenizer.from_pretrained(data / "tokenizers/gpt2")
    torch.manual_seed(0)
    config = GPT2Config(n_layer=6, n_embd=384, n_head=6, tie_word_embeddings=False)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        model.lm_head.weight[tokenizer.eos_token_id] = 0.0
        model.lm_head.weight *= 20  # no near ties: every way finds the same tokens
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_prompts(path: Path, count: int) -> list[str]:
    """Prompts of mixed length from running text, one a line."""
    data = Path(os.environ["LMKIT_TEST_DATA"])
    words = (data / "tinyshakespeare/input.txt").read_text(encoding="utf-8").split()
    prompts, start = [], 0
    for number in range(count):
        length = 5 + number * 37 % 56
        prompts.append(" ".join(words[start : start + length]))
        start += length
    path.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    return prompts


def pipeline(folder: Path, prompts: str, new: int, batch: int) -> float:
    """Tokens a second of the baseline."""
    command = [
        sys.executable, str(HERE / "baselines/generate_baseline.py"), str(folder / "model"),
        str(folder / prompts), "--new", str(new), "--batch", str(batch),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(THEIRS.findall(done.stdout)[-1])


def lmkit(folder: Path, new: int) -> tuple[float, list[str]]:
    """Tokens a second, and the texts."""
    output = folder / "texts.jsonl"
    output.unlink(missing_ok=True)
    speed = generate(folder, new, ["--input", str(folder / "prompts.txt")], output)
    return speed, [json.loads(line)["text"] for line in output.read_text().splitlines()]


def one_alone(folder: Path, prompt: str, new: int) -> tuple[float, float, set[str]]:
    """Tokens a second of a bare loop and of lmkit's, each the median of five, and their texts."""
    model, tokenizer = open_for_writing(str(folder / "model"))
    writer = Writer(model, tokenizer, GenerationOptions(greedy=True, max_new_tokens=new))
    plain = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()

    def ours() -> str:
        (answer,) = writer.answers([Prompt(0, prompt, "the prompt")])
        return answer.text

    ways: list[Callable[[], str]] = [lambda: bare_loop(plain, tokenizer, prompt, new), ours]
    texts = {way() for way in ways}
    seconds: list[list[float]] = [[], []]
    for _ in range(5):
        for way, took in zip(ways, seconds, strict=True):
            start = time.perf_counter()
            texts.add(way())
            took.append(time.perf_counter() - start)
    bare, mine = (new / statistics.median(took) for took in seconds)
    return bare, mine, texts


def start_up(folder: Path, prompt: str, new: int) -> float:
    """Seconds that the command takes for one prompt beside those of writing it."""
    output = folder / "one.jsonl"
    output.unlink(missing_ok=True)
    start = time.perf_counter()
    speed = generate(folder, new, [prompt], output)
    return time.perf_counter() - start - new / speed


def generate(folder: Path, new: int, more: list[str], output: Path) -> float:
    """Tokens a second that `lmkit generate` tells of."""
    command = [
        sys.executable, "-m", "lmkit", "generate", str(folder / "model"), *more, "--greedy",
        "--max-new-tokens", str(new), "--output", str(output),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tokens, seconds = TOLD.findall(done.stderr)[-1]
    return int(tokens) / float(seconds)


@torch.inference_mode()
def bare_loop(model: Any, tokenizer: Any, prompt: str, new: int) -> str:
    """The text of the shortest loop that keeps a cache."""
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    cache, tokens = None, []
    for _ in range(new):
        outputs = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache, ids = outputs.past_key_values, outputs.logits[:, -1:].argmax(-1)
        tokens.append(int(ids))
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


if __name__ == "__main__":
    main()
