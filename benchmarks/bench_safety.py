"""What whole checkpoints cost: their save beside plain Trainer's, in pairs.

usage: python benchmarks/bench_safety.py [--rounds 5] [--layers 6] [--width 384] [--work DIR]

The same GPT-2 with AdamW is saved by Trainer as it comes and by lmkit's (weights looked at, room
asked for, files hashed, synced and renamed), in turns. Printed: medians of the seconds of a save,
and which share of the training time they are at a checkpoint every 60 s of training.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from lmkit.training.saving import WholeCheckpoints
from lmkit.training.totals import Totals

EVERY = 60.0  # seconds of training between two checkpoints
VOCABULARY, BLOCK = 16384, 64


class Timed(Trainer):
    """Keeps the seconds of each save."""

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        began = time.perf_counter()
        super()._save_checkpoint(model, trial)
        self.seconds = [*getattr(self, "seconds", []), time.perf_counter() - began]


class TimedWhole(Timed, WholeCheckpoints):
    """The same of lmkit's."""

    run_id, on_save_error = "bench", "stop"


def seconds(kind: type[Timed], shape: dict[str, int], work: Path) -> float:
    """The median seconds of a save after the first."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_positions=BLOCK, **shape))
    row = {"input_ids": torch.arange(BLOCK), "labels": torch.arange(BLOCK)}
    arguments = TrainingArguments(
        str(work), max_steps=4, save_steps=1, save_total_limit=1, use_cpu=True, report_to="none",
        per_device_train_batch_size=1, disable_tqdm=True,
    )  # fmt: skip
    trainer = kind(model, arguments, train_dataset=[row] * 8)
    trainer.totals = Totals()
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return statistics.median(trainer.seconds[1:])


def main() -> None:
    """Run the pairs and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    shape = {"n_layer": args.layers, "n_embd": args.width, "n_head": 4}
    home = args.work or Path(tempfile.mkdtemp())
    pairs = []
    for turn in range(args.rounds):
        plain = seconds(Timed, shape, home / f"plain-{turn}")
        whole = seconds(TimedWhole, shape, home / f"whole-{turn}")
        pairs.append((plain, whole))
    plain, whole, more = (
        statistics.median(values)
        for values in (*zip(*pairs, strict=True), [w - p for p, w in pairs])
    )
    sys.stdout.write(
        f"medians of {args.rounds} pairs: a save takes Trainer {plain:.3f} s, lmkit {whole:.3f} s, "
        f"{more:.3f} s more\nat a checkpoint every {EVERY:.0f} s of training that is "
        f"{100 * more / EVERY:.2f} % more ({100 * whole / EVERY:.2f} % for the whole save)\n"
    )


if __name__ == "__main__":
    main()
