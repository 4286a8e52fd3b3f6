"""Training speed of the LSTM language model: lmkit beside a bare PyTorch loop, in turns.

usage: python benchmarks/bench_lstm.py [--rounds 5] [--precisions float32 bfloat16] [--work DIR]

Both train embedding, nn.LSTM, linear layer (untied) on the embedded corpus: the same blocks of the
same tokens, sizes, batch, precision and AdamW, in fresh processes that take turns. The bare loop is
what one writes by hand: cross_entropy over all logits, clipped gradients, no evaluation, no
checkpoints. Tokens per second are those of steps 11 to 60. Printed: medians, and the median of the
ratios within a round, which the load of the machine moves less. Aimed at: 0.9 of the bare loop.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from lmkit.data.tokenizer import load_tokenizer

VOCABULARY, EMBEDDING, HIDDEN, BLOCK, BATCH, STEPS, WARM = 4096, 256, 512, 128, 16, 60, 10
RATE, CLIP = 3e-3, 1.0


class Bare(nn.Module):
    """The model by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids (B, T) to logits (B, T, V)."""
        return self.output(self.lstm(self.embedding(ids))[0])


def bare(tokens: Path, precision: str) -> None:
    """Train by hand on a file of tokens and print tokens per second."""
    torch.manual_seed(0)
    blocks = torch.load(tokens, weights_only=True)  # (N, BLOCK + 1)
    model = Bare()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    order = torch.randperm(len(blocks))
    started = 0.0
    for step in range(STEPS):
        if step == WARM:
            started = time.perf_counter()
        rows = blocks[order[step * BATCH : (step + 1) * BATCH]]
        lower = precision != "float32"
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
            logits = model(rows[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.perf_counter() - started
    print(json.dumps({"speed": (STEPS - WARM) * BATCH * BLOCK / seconds, "loss": loss.item()}))


def ask(*command: str, env: dict[str, str]) -> str:
    """The standard output of a command; its standard error where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return done.stdout


def recipe(work: Path, precision: str) -> Path:
    """The same training as a recipe of lmkit."""
    held_out = work / "held_out.txt"
    held_out.write_text("A few words, for the end of the run has to score something.\n")
    content = {
        "task": {"name": "causal_lm", "block_size": BLOCK},
        "model": {
            "architecture": "lstm",
            "config": {"num_layers": 1, "embedding_size": EMBEDDING, "hidden_size": HIDDEN},
        },
        "tokenizer": {"train": {"type": "bpe", "vocab_size": VOCABULARY}},
        "data": {"train": str(work / "corpus.jsonl"), "validation": str(held_out)},
        "train": {
            "max_steps": STEPS, "per_device_train_batch_size": BATCH, "learning_rate": RATE,
            "weight_decay": 0.01, "max_grad_norm": CLIP, "lr_scheduler_type": "constant",
            "eval_strategy": "no", "save_strategy": "no", "logging_steps": WARM,
            "precision": precision, "compile": False,
        },
        "output_dir": str(work / "run"),
    }  # fmt: skip
    path = work / "bench.yaml"
    path.write_text(json.dumps(content))
    return path


def lmkit(path: Path, work: Path, env: dict[str, str]) -> dict[str, float]:
    """Tokens per second of `lmkit pretrain` over the same steps, and its last loss."""
    ask(sys.executable, "-m", "lmkit", "pretrain", str(path), "--overwrite", "--quiet", env=env)
    lines = [json.loads(line) for line in (work / "run" / "metrics.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "loss" in line]
    speeds = [line["tokens_per_second"] for line in logged if line["step"] > WARM]
    return {"speed": statistics.harmonic_mean(speeds), "loss": logged[-1]["loss"]}


def prepare(work: Path, env: dict[str, str]) -> Path:
    """The embedded corpus as a file, and its tokens in blocks for the bare loop."""
    corpus, tokens = work / "corpus.jsonl", work / "tokens.pt"
    if not tokens.exists():
        baselines = Path(__file__).parent / "baselines"
        ask(sys.executable, str(baselines / "corpus.py"), str(corpus), "--max-mb", "8", env=env)
        path = recipe(work, "float32")
        lmkit(path, work, env)  # trains the tokenizer and fills the cache
        tokenizer = load_tokenizer(str(work / "run"))
        needed = STEPS * BATCH * (BLOCK + 1)
        ids: list[int] = []
        for line in corpus.read_text().splitlines():
            ids += [*tokenizer(json.loads(line)["text"])["input_ids"], tokenizer.eos_token_id]
            if len(ids) >= needed:
                break
        torch.save(torch.tensor(ids[:needed]).view(-1, BLOCK + 1), tokens)
    return tokens


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--bare", nargs=2, metavar=("TOKENS", "PRECISION"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        bare(Path(args.bare[0]), args.bare[1])
        return
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "LMKIT_CACHE": str(work / "cache")}
    tokens = prepare(work, env)
    for precision in args.precisions:
        path = recipe(work, precision)
        rounds = []
        for turn in range(args.rounds):
            told = ask(sys.executable, __file__, "--bare", str(tokens), precision, env=env)
            found = {"bare": json.loads(told), "lmkit": lmkit(path, work, env)}
            rounds.append({name: value["speed"] for name, value in found.items()})
            print(precision, f"round {turn + 1}:", found, flush=True)
        ratio = statistics.median(r["lmkit"] / r["bare"] for r in rounds)
        medians = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
        print(f"\n{precision}: tokens per second, medians of {args.rounds} rounds")
        print(f"  bare PyTorch {medians['bare']:8.0f}\n  lmkit        {medians['lmkit']:8.0f}")
        print(f"  lmkit / bare {ratio:8.2f}\n")


if __name__ == "__main__":
    main()
