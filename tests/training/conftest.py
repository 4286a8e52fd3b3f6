"""A toy run for the trainer: random documents, a tiny GPT-2 without dropout, the exact loss."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.trainer_callback import PrinterCallback

from lmkit.labels import IGNORED
from lmkit.models.head import OutputHead
from lmkit.models.inputs import model_inputs
from lmkit.recipe.train import TrainSection
from lmkit.training.arguments import training_arguments
from lmkit.training.batches import BatchShape, Order
from lmkit.training.checkpoint import publish, written_aside
from lmkit.training.guard import GuardSettings
from lmkit.training.signals import StopSignals
from lmkit.training.trainer import ExactTrainer, Setup

VOCABULARY = 40
FILES = {"model.safetensors": b"weights" * 9, "optimizer.pt": b"moments"}


class ToyExamples:
    """Documents of 4 to 20 random tokens."""

    def __init__(self, count):
        random = np.random.default_rng(1)
        self.rows = [random.integers(3, VOCABULARY, random.integers(4, 21)) for _ in range(count)]
        self.lengths = np.array([len(row) - 1 for row in self.rows])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        row = self.rows[key[1]]
        return {"input_ids": row[:-1], "labels": row[1:].copy()}


class ToyTask:
    """Next-token prediction, padded."""

    step_keys = ()

    def __init__(self, model):
        self.head = OutputHead(model)
        self.head.attach()

    def collate(self, features):
        width = max(len(f["input_ids"]) for f in features)

        def pad(values, fill):
            return np.pad(values, (0, width - len(values)), constant_values=fill)

        return {
            "input_ids": torch.tensor(np.stack([pad(f["input_ids"], 0) for f in features])),
            "labels": torch.tensor(np.stack([pad(f["labels"], IGNORED) for f in features])),
        }

    def count(self, batch):
        return int((batch["labels"] != IGNORED).sum())

    tokens = count

    def forward(self, model, batch):
        return model(**model_inputs(model, batch))

    def loss(self, outputs, batch, label_smoothing=0.0):
        return self.head.loss(outputs.logits, batch["labels"], label_smoothing)


def tiny_model(dropout=0.0):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "gpt2", vocab_size=VOCABULARY, n_positions=32, n_embd=16, n_layer=2, n_head=2,
        resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config)


@pytest.fixture
def write():
    """A function that writes a whole checkpoint as a save does: home, step, run_id, files."""

    def write(home, step, run_id="run", files=FILES):
        final = home / f"checkpoint-{step}"
        for name, content in files.items():
            path = written_aside(final) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        publish(final, run_id)
        return final

    return write


@pytest.fixture
def toy_run(tmp_path):
    """Builds a trainer; returns it with its model and the lines it logged."""

    def make(
        folder="out", *, total=8, micro=8, examples=24, dropout=0.0, strategy="random",
        decided=None, guard=None, **train,
    ):  # fmt: skip
        section = TrainSection.model_validate(
            {"optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "max_steps": 6,
             "logging_steps": 1, "save_strategy": "no", "eval_strategy": "no", "compile": False,
             "lr_scheduler_type": "constant", "precision": "float32", **train}
        )  # fmt: skip
        model = tiny_model(dropout)
        data = ToyExamples(examples)
        shape = BatchShape(total, micro)
        args = training_arguments(
            section, tmp_path / folder, use_cpu=True,
            gradient_accumulation_steps=shape.accumulation,
            **{"save_steps": 500, "eval_steps": 500, **(decided or {})},
        )  # fmt: skip
        order = Order(data, shape, seed=section.seed, strategy=strategy)
        task = ToyTask(model)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
        trainer = ExactTrainer(
            model=model, args=args, tokenizer=tokenizer, evaluate=lambda _step: {"loss": 1.0},
            setup=Setup(
                task, data, order, section.optim, "run", StopSignals(),
                GuardSettings(tmp_path / folder / "guard.json", **(guard or {})),
            ),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        return SimpleNamespace(trainer=trainer, model=model, task=task, data=data, order=order)

    return make
