"""classify_baseline.py with two choices more: the learning rate, and padding to the longest text of each batch.

usage: python classify_variants.py MODEL TRAIN.jsonl TEST.jsonl [--learning-rate 5e-5] [--dynamic]
       [--max-length 128 --epochs 1 --batch 16 --rows 2000 --seed 0]
"""
import argparse
import json
import tempfile
import time

import datasets
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed,
)

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("train")
parser.add_argument("test")
parser.add_argument("--learning-rate", type=float, default=5e-5)
parser.add_argument("--dynamic", action="store_true")
parser.add_argument("--max-length", type=int, default=128)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--rows", type=int, default=2000)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

set_seed(args.seed)
read = lambda path: [json.loads(line) for line in open(path, encoding="utf-8")]
train, test = read(args.train)[: args.rows], read(args.test)
names = sorted({row["label"] for row in train}, key=str)
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=len(names))
padding = False if args.dynamic else "max_length"


def encode(rows):
    batch = tokenizer([r["text"] for r in rows], truncation=True, padding=padding, max_length=args.max_length)
    return datasets.Dataset.from_dict({**batch, "labels": [names.index(r["label"]) for r in rows]})


trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=tempfile.mkdtemp(), num_train_epochs=args.epochs, per_device_train_batch_size=args.batch,
        per_device_eval_batch_size=64, learning_rate=args.learning_rate, save_strategy="no", report_to=[],
        disable_tqdm=True, seed=args.seed,
    ),
    train_dataset=encode(train),
    data_collator=DataCollatorWithPadding(tokenizer),
)
start = time.perf_counter()
trainer.train()
seconds = time.perf_counter() - start
output = trainer.predict(encode(test))
guess = output.predictions.argmax(-1)
print(
    f"seconds {seconds:.1f} examples_per_s {len(train) * args.epochs / seconds:.1f} "
    f"accuracy {accuracy_score(output.label_ids, guess):.4f} macro_f1 {f1_score(output.label_ids, guess, average='macro'):.4f}"
)
