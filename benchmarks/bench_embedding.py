"""Training text vectors: lmkit beside sentence-transformers, in turns.

usage: python benchmarks/bench_embedding.py [--rounds 5] [--steps 30] [--work DIR]

Both train the same small BERT on the same triples (what a function does, its code, other code) with
in-batch negatives, the same temperature, batch of 32, length, optimizer and rate, in float32, in
fresh processes that take turns. The baseline is the library's own trainer with
MultipleNegativesRankingLoss, as its documentation shows it. Seconds are those of training alone.
Printed: medians, and the median of the ratios within a round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lmkit.data.stdlib_pairs import triple_rows

COLUMNS = ("anchor", "positive", "negative")
LENGTH, BATCH, RATE, TEMPERATURE = 128, 32, 1e-4, 0.05
SIZE = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 6,
        "intermediate_size": 768, "max_position_embeddings": LENGTH}  # fmt: skip


def theirs(model: Path, rows: Path, steps: int, work: Path) -> None:
    """Train with sentence-transformers and print the seconds."""
    from datasets import Dataset  # noqa: PLC0415 - for this process alone
    from sentence_transformers import (  # noqa: PLC0415
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
        losses,
    )

    encoder = SentenceTransformer(str(model), device="cpu")
    encoder.max_seq_length = LENGTH
    data = Dataset.from_list([json.loads(line) for line in rows.read_text().splitlines()])
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(work / "theirs"), max_steps=steps, per_device_train_batch_size=BATCH,
        learning_rate=RATE, lr_scheduler_type="constant", save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=True, seed=0, bf16=False,
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=encoder, args=arguments, train_dataset=data,
        loss=losses.MultipleNegativesRankingLoss(encoder, scale=1 / TEMPERATURE),
    )  # fmt: skip
    done = trainer.train()
    print(json.dumps({"seconds": done.metrics["train_runtime"], "loss": done.training_loss}))


def recipe(work: Path, rows: Path, steps: int, model: dict[str, Any], name: str) -> Path:
    """The same training as a recipe of lmkit."""
    new = "architecture" in model
    content = {
        "task": {"name": "embedding", "max_length": LENGTH, "temperature": TEMPERATURE},
        "model": model,
        **({"tokenizer": {"train": {"type": "wordpiece", "vocab_size": 4096}}} if new else {}),
        "data": {"train": str(rows), "test": str(work / "few.jsonl")},
        "train": {
            "max_steps": steps, "total_batch_size": BATCH, "per_device_train_batch_size": BATCH,
            "learning_rate": RATE, "lr_scheduler_type": "constant", "eval_strategy": "no",
            "save_strategy": "no", "precision": "float32", "compile": False,
        },
        "output_dir": str(work / name),
    }  # fmt: skip
    path = work / f"{name}.yaml"
    path.write_text(json.dumps(content))
    return path


def ask(*command: str, env: dict[str, str]) -> Any:
    """The JSON that a command prints last; its standard error where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(path: Path, env: dict[str, str]) -> dict[str, float]:
    """Train with lmkit: the seconds, and the mean loss."""
    words = ["finetune", str(path), "--overwrite", "--quiet", "--json"]
    found = ask(sys.executable, "-m", "lmkit", *words, env=env)["train"]
    return {"seconds": found["seconds"], "loss": found["loss"]}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--theirs", nargs=2, metavar=("MODEL", "ROWS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    if args.theirs:
        theirs(*map(Path, args.theirs), args.steps, work)
        return
    work.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "LMKIT_CACHE": str(work / "cache")}
    rows = work / "triples.jsonl"
    lines = [
        json.dumps({name: row.values[name] for name in COLUMNS}) for row in triple_rows("train")
    ]
    rows.write_text("\n".join(lines[:4000]) + "\n")
    (work / "few.jsonl").write_text("\n".join(lines[4000:4020]) + "\n")
    new = {"architecture": "bert", "config": SIZE}
    ours(recipe(work, rows, 1, new, "start"), env)
    model = work / "start" / "model"
    path = recipe(work, rows, args.steps, {"source": str(model)}, "ours")
    own = (sys.executable, __file__, "--steps", str(args.steps), "--work", str(work))
    rounds = []
    for turn in range(args.rounds):
        told = ask(*own, "--theirs", str(model), str(rows), env=env)
        found = {"sentence-transformers": told, "lmkit": ours(path, env)}
        rounds.append({name: value["seconds"] for name, value in found.items()})
        print(f"round {turn + 1}:", found, flush=True)
    ratio = statistics.median(r["sentence-transformers"] / r["lmkit"] for r in rounds)
    print(f"\n{args.steps} steps of {BATCH} triples, seconds, medians of {args.rounds} rounds")
    for name in rounds[0]:
        print(f"  {name:<24}{statistics.median(r[name] for r in rounds):8.1f}")
    print(f"  speed of lmkit, times    {ratio:8.2f}\n")


if __name__ == "__main__":
    main()
