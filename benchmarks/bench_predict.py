"""Prediction: `lmkit predict` over short texts beside a pipeline of transformers, text by text.

usage: LMKIT_TEST_DATA=DATA python benchmarks/bench_predict.py ENCODER [--rows N] [--rounds N]

ENCODER is a BERT folder (all-MiniLM-L6-v2). A linear head is fitted to its pooled states of
Banking77's training texts (77 labels), which gives scores as a fine-tuned model has them; then the
training texts are labeled, in each round once by either. Every label is compared; the ratio is of
rows a second, without imports on either side, and with the opening of the model on lmkit's.
"""

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

FITTED = 2000
"""Texts that the head is fitted to."""
TOLD = re.compile(r"(\d+) texts in ([\d.]+) s")


def main() -> None:
    """Print rows a second of each round, their ratio, and how many labels differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("encoder")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with (Path(os.environ["LMKIT_TEST_DATA"]) / "banking77/train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_classifier(args.encoder, rows, folder / "model")
        texts = [row["text"] for row in rows][: args.rows]
        lines = [json.dumps({"text": text}) + "\n" for text in texts]
        (folder / "texts.jsonl").write_text("".join(lines))
        ratios = []
        for number in range(args.rounds):
            labels, theirs = text_by_text(folder / "model", texts)
            found, ours, told = lmkit_predict(folder)
            wrong = sum(a != b for a, b in zip(labels, found, strict=True))
            ratios.append(ours / theirs)
            print(
                f"round {number + 1}: pipeline {theirs:.0f}, lmkit {ours:.0f} rows/s: "
                f"{ratios[-1]:.2f} times; {wrong} of {len(texts)} labels differ; {told}"
            )
    print(f"median {statistics.median(ratios):.2f} times")


@torch.no_grad()
def save_classifier(encoder: str, rows: list[dict[str, str]], folder: Path) -> None:
    """The encoder with a head fitted to some rows, evenly spread."""
    names = sorted({row["category"] for row in rows})
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder, num_labels=len(names), dtype=torch.float32,
        id2label=dict(enumerate(names)), label2id={name: n for n, name in enumerate(names)},
    ).eval()  # fmt: skip
    chosen = rows[:: max(1, len(rows) // FITTED)]
    states = []
    for start in range(0, len(chosen), 64):
        texts = [row["text"] for row in chosen[start : start + 64]]
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        states.append(model.bert(**batch).pooler_output)
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(
        torch.cat(states).numpy(), [row["category"] for row in chosen]
    )
    assert list(fitted.classes_) == names
    model.classifier.weight.copy_(torch.tensor(fitted.coef_))
    model.classifier.bias.copy_(torch.tensor(fitted.intercept_))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def text_by_text(folder: Path, texts: list[str]) -> tuple[list[str], float]:
    """The labels of a pipeline that is called for each text, and rows a second."""
    ask = pipeline("text-classification", model=str(folder), device="cpu")
    ask(texts[0])
    start = time.perf_counter()
    labels = [ask(text)[0]["label"] for text in texts]
    return labels, len(texts) / (time.perf_counter() - start)


def lmkit_predict(folder: Path) -> tuple[list[str], float, str]:
    """The labels of `lmkit predict`, rows a second, and what it said of its precision."""
    command = [
        sys.executable, "-m", "lmkit", "predict", str(folder / "model"),
        "--input", str(folder / "texts.jsonl"), "--output", str(folder / "labels.jsonl"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, seconds = TOLD.findall(done.stderr)[-1]
    said = [line for line in done.stderr.splitlines() if line.startswith("precision")]
    with (folder / "labels.jsonl").open() as lines:
        labels = [json.loads(line)["label"] for line in lines]
    return labels, int(count) / float(seconds), " ".join(said)


if __name__ == "__main__":
    main()
