"""Evaluation: the same loss for every batch size, and equal to a sum over the model's own logits.

usage: python benchmarks/bench_eval.py MODEL FILE

Scores each line of FILE as a document with `lmkit eval` at batch sizes 1, 2, 8 and 64, and once
more by itself: one document at a time through the plain model, its logits and a log-softmax.
"""

import argparse
import json
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

BATCHES = (1, 2, 8, 64)


def main() -> None:
    """Print the losses and the largest difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("file", help="JSON Lines with a column `text`")
    args = parser.parse_args()
    losses = {}
    for batch in BATCHES:
        command = [
            sys.executable, "-m", "lmkit", "eval", args.model, "--data", args.file,
            "--batch-size", str(batch), "--json",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        losses[f"batch {batch}"] = json.loads(done.stdout)["metrics"]["loss"]
    losses["own sum"] = own_sum(args.model, args.file)
    for name, loss in losses.items():
        print(f"{name:<10} {loss:.9f}")
    print(f"largest difference {max(losses.values()) - min(losses.values()):.1e}")


@torch.no_grad()
def own_sum(folder: str, file: str) -> float:
    """Sum of -log p over the tokens of each document and its end token, over their number."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    total, count = 0.0, 0
    with open(file, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            ids = tokenizer(json.loads(line)["text"], add_special_tokens=False)["input_ids"]
            ids = [start, *ids, tokenizer.eos_token_id]
            assert len(ids) <= model.config.max_position_embeddings + 1, "a document of one window"
            logits = model(torch.tensor([ids[:-1]])).logits[0].double()
            gold = torch.tensor(ids[1:])
            total -= logits.log_softmax(-1).gather(-1, gold[:, None]).sum().item()
            count += len(gold)
    return total / count


if __name__ == "__main__":
    main()
