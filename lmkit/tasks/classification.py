"""Give each text one of a fixed set of labels.

An encoder's first state, or a decoder's last, goes through a linear layer and a softmax; the loss
is the cross-entropy (Devlin et al. 2019, BERT, section 4.1, arXiv:1810.04805; Radford et al. 2018,
GPT, section 3.2). Shape letters: N rows of a split, B examples of a batch, T tokens of its longest
text, C classes.
"""

import logging
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch.nn import functional
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from lmkit.data.classes import Classes, find_labels
from lmkit.data.collate import pad_batch
from lmkit.data.encoded import EncodedTexts, encode, encode_labeled
from lmkit.data.sources import Row, Source, column
from lmkit.errors import TokenizerError
from lmkit.evaluation.baselines import majority
from lmkit.evaluation.interval import bootstrap_ratio, macro_f1_interval, wilson
from lmkit.labels import IGNORED
from lmkit.models.inspecting import saved_with_head, usable_positions
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.tasks.base import Batch, Examples, Features, Intervals, Metrics, Rows, Task

logger = logging.getLogger(__name__)


class Classification(Task[ClassificationOptions]):
    """Single-label classification of single texts."""

    best_metric = "macro_f1"
    greater_is_better = True

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> ClassificationOptions | None:
        """The labels of a model saved with a head for two classes or more."""
        several = config.problem_type in (None, "single_label_classification")
        names = [str(name) for _, name in sorted((config.id2label or {}).items())]
        if (
            not saved_with_head(config, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
            or not several
            or len(names) < 2
        ):
            return None
        return ClassificationOptions(name="classification", labels=names, max_length=positions)

    @cached_property
    def classes(self) -> Classes:
        """The C labels."""
        assert self.options.labels is not None, "resolve comes first"
        return Classes(self.options.labels, self.options.label_column)

    def resolve(self, train: Source) -> ClassificationOptions:
        """The options with the labels of the training data, sorted as text.

        Raises:
            DataError: a text or label is missing, or the column does not hold labels.
        """
        options = self.options
        if options.labels is not None:
            self.check(train)
            return options
        found = find_labels(
            train, text_column=options.text_column, label_column=options.label_column
        )
        return options.model_copy(update={"labels": found})

    def check(self, source: Source) -> None:
        """Hold every row of a split against the labels.

        Raises:
            DataError: a text or label is missing, or a label is not among them.
        """
        for row in source.rows():
            column(row, self.options.text_column)
            self.classes.id(row)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A model with a C-way head: ids (B, T) to logits (B, C).

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer.
        """
        pad_id = give_padding(tokenizer)
        positions = usable_positions(loader.config())
        left_out = "max_length" not in self.options.model_fields_set
        if left_out and positions is not None and positions < self.options.max_length:
            self.options = self.options.model_copy(update={"max_length": positions})
        return loader.load(
            AutoModelForSequenceClassification,
            tokenizer,
            positions=self.options.max_length,
            id2label=dict(enumerate(self.classes.names)),
            label2id={name: number for number, name in enumerate(self.classes.names)},
            problem_type="single_label_classification",
            pad_token_id=pad_id,  # a decoder finds a text's last token by it
        )

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> EncodedTexts:
        """Token ids, at most `max_length` a text, and the class of each row.

        Raises:
            DataError: a text or label is missing, or a label is not among `task.labels`.
        """
        self.pad_id = give_padding(tokenizer)
        found = encode_labeled(
            source.rows(), tokenizer, text_column=self.options.text_column,
            max_length=self.options.max_length, label_id=self.classes.id,
        )  # fmt: skip
        if found.cut:
            logger.info(
                "%.3g %% of the %s texts are cut at %d tokens",
                100 * found.cut / len(found), source.name, self.options.max_length,
            )  # fmt: skip
        return found

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Token ids of texts to be labeled, cut as those that it was trained on."""
        self.pad_id = give_padding(tokenizer)
        column, limit = self.options.text_column, self.options.max_length
        encoded, cut = encode(rows, tokenizer, text_column=column, max_length=limit)
        if cut:
            logger.info("%d of %d texts are cut at %d tokens", cut, len(rows), limit)
        return [{"input_ids": ids} for ids in encoded]

    def ledger(self, examples: EncodedTexts) -> dict[str, int]:
        """Texts and their tokens, and how many texts were cut at `max_length`."""
        counts = super().ledger(examples)
        return {"examples": counts["examples"], "cut": examples.cut, "tokens": counts["tokens"]}

    def collate(self, features: list[Features]) -> Batch:
        """Ids (B, T), padded to the longest, and labels (B,); a mask where there is padding."""
        batch = pad_batch(features, pad_values={"input_ids": self.pad_id}, attention_mask=True)
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # attention without a mask is faster, and equal
        return batch

    def tokens(self, batch: Batch) -> int:
        """Tokens of the texts that are counted, padding left out."""
        counted = batch["labels"] != IGNORED  # (B,)
        if "attention_mask" in batch:
            return int(batch["attention_mask"][counted].sum())
        return int(batch["input_ids"][counted].numel())

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """Summed cross-entropy in nats over the B rows."""
        return functional.cross_entropy(
            outputs.logits.float(), batch["labels"], ignore_index=IGNORED, reduction="sum",
            label_smoothing=label_smoothing,
        )  # fmt: skip

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Negative log-likelihood of the true class, the likeliest class beside it."""
        logits, gold = outputs.logits.double(), batch["labels"]  # (B, C), (B,)
        nll = functional.cross_entropy(logits, gold, ignore_index=IGNORED, reduction="none")
        return {
            "nll": nll.tolist(),
            "count": (gold != IGNORED).long().tolist(),
            "predicted": logits.argmax(-1).tolist(),
            "gold": gold.tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a row, accuracy and macro-F1, the latter two in [0, 1].

        Macro-F1 is the unweighted mean of the F1 of all C classes; one with neither a true nor a
        predicted row counts as 0.
        """
        gold, predicted = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N,), (N,)
        classes = range(len(self.classes))
        return {
            "loss": math.fsum(rows["nll"]) / sum(rows["count"]),
            "accuracy": float(accuracy_score(gold, predicted)),
            "macro_f1": float(
                f1_score(gold, predicted, labels=classes, average="macro", zero_division=0)
            ),
        }

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Wilson's for the accuracy, a bootstrap over the rows for the others."""
        gold, predicted = np.asarray(rows["gold"]), np.asarray(rows["predicted"])  # (N,), (N,)
        found = {
            "loss": bootstrap_ratio(rows["nll"], rows["count"], seed),
            "accuracy": wilson(float((gold == predicted).sum()), len(gold)),
            "macro_f1": macro_f1_interval(gold, predicted, len(self.classes), seed),
        }
        return {name: ends for name, ends in found.items() if ends is not None}

    def baselines(
        self,
        train: Source | None,
        scored: Source,  # noqa: ARG002 - the examples hold the classes
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002
    ) -> dict[str, Metrics]:
        """Always the commonest label of the training data."""
        if train is None:
            return {}
        classes = [self.classes.id(row) for row in train.rows()]
        gold = [examples[0, index]["labels"] for index in range(len(examples))]
        return {"majority": majority(np.bincount(classes, minlength=len(self.classes)), gold)}

    def decode(
        self,
        outputs: Any,
        batch: Batch,  # noqa: ARG002 - the logits say it all
    ) -> list[dict[str, Any]]:
        """The likeliest `label` of each row, and the `scores` of all: probabilities by name."""
        shares = outputs.logits.double().softmax(-1)  # (B, C)
        return [
            {
                "label": self.classes.names[int(np.argmax(row))],
                "scores": dict(zip(self.classes.names, row, strict=True)),
            }
            for row in shares.tolist()
        ]

    def definition(self) -> str:
        """What the metrics mean."""
        return (
            "loss: nats a row, the summed negative log-likelihood of the true labels over the "
            f"rows; macro_f1: the mean F1 of all {len(self.classes)} labels, each counting the "
            f"same; texts are cut at {self.options.max_length} tokens."
        )


def give_padding(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the padding token; where there is none (GPT-2), the end token becomes it.

    Raises:
        TokenizerError: there is neither.
    """
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise TokenizerError(
                "tokenizer: it has neither a padding token nor an end token, so texts of unlike "
                "lengths cannot share a batch; name a `pad_token` in its tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return int(tokenizer.pad_token_id)


TASK = Classification
