"""What a task is: how rows become examples, and how a model's outputs become a loss and metrics.

Training, evaluation and prediction know tasks only through this interface. Shape letters: N rows of
a split, B examples of a batch, T tokens of its longest example, V vocabulary, C classes.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.indexed import Indexed
from lmkit.data.sources import Row, Source
from lmkit.errors import UsageError
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.inputs import model_inputs
from lmkit.models.isolation import Isolation
from lmkit.models.loading import ModelLoader
from lmkit.recipe.base import TaskOptions
from lmkit.tasks.base.measured import Measured, Metrics, OptionsT, Rows

Examples = Indexed
"""The examples of a split, as `examples` makes them."""
Batch = dict[str, torch.Tensor]
Features = dict[str, Any]

LABEL_WIDTH = 12
"""Columns that a label takes where answers are shown to people."""


class Task(Measured[OptionsT]):
    """One kind of learning problem. An instance holds its options and nothing else."""

    best_metric: str = "loss"
    """The metric by which the best checkpoint is chosen."""
    greater_is_better: bool = False
    """Whether a larger `best_metric` is better."""
    headline: tuple[str, bool] | None = None
    """What is held against baselines, and whether larger is better; None: `best_metric`."""
    isolation: Isolation
    """How the model reads packed documents; `build_model` sets it where batches hold any."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> TaskOptions | None:
        """The options for a saved model without a recipe; None where its head is not this task's.

        Args:
            config: of the model; its `architectures` name the class it was saved as.
            positions: the longest sequence to read, in tokens.
        """
        return None

    def resolve(self, train: Source) -> OptionsT:
        """The options with what only the training data can tell (labels) filled in."""
        return self.options

    def check(self, source: Source) -> None:
        """Hold the rows of a split against the options (labels), before anything is trained.

        Raises:
            DataError: a row does not fit; it is named.
        """

    def prepare(self, source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
        """Put into the cache what `examples` of a split will look for there.

        Done for every split before processes wait for one another: one of them prepares and the
        others wait for its file lock, which has no time-out as a collective has.
        """

    @abstractmethod
    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """The model of the recipe with this task's head, in training precision."""

    def prove(self, model: PreTrainedModel) -> None:
        """Show that the model does what the options ask of it, with the attention kernel it has.

        Done by `build_model`, and again where the kernel is changed.

        Raises:
            ModelError: it does not; says what to use instead.
        """

    @abstractmethod
    def examples(
        self, source: Source, tokenizer: PreTrainedTokenizerBase, *, seed: int, training: bool
    ) -> Examples:
        """The examples of a split: as trained on, or (`training=False`) as scored."""

    def ledger(self, examples: Any) -> dict[str, int]:
        """What became of the training data, for the manifest: at least `tokens`."""
        return {"examples": len(examples), "tokens": int(examples.lengths.sum())}

    @abstractmethod
    def collate(self, features: list[Features]) -> Batch:
        """Pad B examples to one batch. `labels` holds IGNORED where nothing is predicted."""

    def attach(self, model: PreTrainedModel) -> None:
        """Make the model ready for `loss` and `reduce` (language models drop needless logits)."""

    def detach(self, model: PreTrainedModel) -> None:
        """Undo `attach`."""

    def batch_length(self, longest: int) -> int:
        """Tokens to which the sequences of a training batch are filled up.

        Args:
            longest: those of its longest.
        """
        return longest

    def forward(self, model: PreTrainedModel, batch: Batch) -> Any:
        """The model's outputs for a batch; keys that it does not take, as `labels`, stay here."""
        given: Mapping[str, Any] = batch
        if SEGMENTS in batch:
            given = self.isolation.inputs(model, batch)
        return model(**model_inputs(model, given))

    def infer(self, model: PreTrainedModel, batch: Batch) -> Any:
        """What `reduce` and `decode` read: the outputs, and what only a trained model makes.

        A task that scores or answers with generated text generates it here.
        """
        return self.forward(model, batch)

    def while_training(self, metric: str) -> "Task[OptionsT]":
        """The task as it scores the validation split between steps, the best by `metric` wanted.

        A task that generates text may leave that out there, where the metric does not need it.
        """
        return self

    def count(self, batch: Batch) -> int:
        """The predicted items of a batch: the divisor that `loss` is summed for."""
        return int((batch["labels"] != IGNORED).sum())

    def tokens(self, batch: Batch) -> int:
        """The tokens of the batch that are text, for the speed and the cost of a run."""
        if SEGMENTS in batch:
            return int((batch[SEGMENTS] > 0).sum())
        if "attention_mask" in batch:
            return int(batch["attention_mask"].sum())
        return int(batch["input_ids"].numel())

    @property
    def step_keys(self) -> tuple[str, ...]:
        """The keys of a batch that the loss of a whole optimizer step needs beside the outputs.

        None where the loss of a row does not depend on other rows. Else outputs are (B, ...), and
        `loss` is also given those of all micro-batches and processes together.
        """
        return ()

    @abstractmethod
    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """The objective summed over the batch's predicted items: a scalar with a gradient.

        The trainer divides by the items of the whole optimizer step over all processes.
        """

    @abstractmethod
    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """All that `metrics` needs of a batch: a few numbers an example, so no logits are kept.

        Always has `nll` (summed negative log-likelihood in nats, unsmoothed) and `count`: (B,).
        """

    def tunes(self) -> bool:
        """Whether something is chosen on the validation data once training is done: by `tune`."""
        return False

    def tune(self, rows: Rows, model: PreTrainedModel) -> None:
        """Choose it, and keep it where the model is saved.

        Args:
            rows: of the whole validation split, as `reduce` made them.
            model: the one that is kept; its configuration is saved with it.
        """

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Metrics]:
        """What a model must beat: cheap predictors, by name, each with metrics of the same names.

        Args:
            train: the training split, or None where it is not known (a model folder): baselines
                that learn from it are then left out.
            scored: the split that was scored.
            examples: its examples as scored (`training=False`); their labels are the targets.
            tokenizer: the model's own.
        """
        return {}

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """One example without labels for each row: what `lmkit predict` gives to `collate`.

        Raises:
            UsageError: the task has nothing to predict.
            DataError: a row holds no text; it is named.
        """
        writes = self.options.name in ("causal_lm", "chat", "preference")
        instead = "fine-tune it for a task first: lmkit finetune"
        instead = "write with it: lmkit generate" if writes else instead
        raise UsageError(f"a {self.options.name} model has nothing to predict; {instead}")

    def encode_again(self, row: Row, tokenizer: PreTrainedTokenizerBase) -> Features:
        """The inputs of a training row with other texts, for tasks whose options say `augments`."""
        raise NotImplementedError(f"{self.options.name}: augments without encode_again")

    def decode(self, outputs: Any, batch: Batch) -> list[dict[str, Any]]:
        """What `lmkit predict` tells of each of the B examples, as JSON knows it."""
        raise NotImplementedError(f"{self.options.name}: encode_inputs without decode")

    def answers(self, rows: Sequence[Row], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each row, from those of the examples that `encode_inputs` made of them.

        A task that makes several examples of a row (windows of a long text) joins them here.

        Args:
            rows: as given to `encode_inputs`.
            found: what `decode` told of each example, in their order.
        """
        assert len(rows) == len(found), "one example a row"
        return found

    def input_columns(self) -> tuple[str, ...]:
        """The columns that `lmkit predict` reads; the first is what the answer is about."""
        return (getattr(self.options, "text_column", "text"),)

    def input_rows(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The rows that texts given as arguments stand for: as many to a row as there are columns.

        Raises:
            UsageError: they do not divide into rows.
        """
        names = self.input_columns()
        if len(texts) % len(names):
            raise UsageError(
                f"{len(texts)} texts: this model takes {len(names)} a row ({', '.join(names)})"
            )
        starts = range(0, len(texts), len(names))
        return [dict(zip(names, texts[at : at + len(names)], strict=True)) for at in starts]

    def shown(self, answer: dict[str, Any]) -> str:
        """An answer for people, in one line: by default its label and the label's score."""
        label = str(answer["label"])
        return f"{label:<{LABEL_WIDTH}}  {answer['scores'][label]:.2f}"

    def write_beside(self, model: PreTrainedModel, folder: Path) -> None:
        """Write what other libraries need beside the weights to open the model for this task.

        Args:
            model: as saved.
            folder: that of its weights.
        """
