"""Give each text, or pair of texts, one of a set of labels, several of them, or a number.

An encoder's first state, or a decoder's last, goes through a linear layer: to a softmax (Devlin et
al. 2019, BERT, section 4.1, arXiv:1810.04805; Radford et al. 2018, GPT, section 3.2), to a sigmoid
for each label, or to the number itself. What follows from that is in evaluation/ (metrics) and in
models/objectives.py (what is trained). Shape letters: N rows of a split, B examples of a batch, T
tokens of its longest text, C classes, L logits a text: C, or 1 for a number.

The objective of a step is the sum of the rows' losses, each times the weight of its label, over the
number of rows (of decisions, where there are many labels): not over the sum of the weights, which
would make a row count the less the rarer its neighbors are. So `balanced`, 1 on average, leaves
the scale of loss and learning rate as it is, however the rows are dealt out.
"""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto import modeling_auto as auto

from lmkit.data.collate import pad_batch
from lmkit.data.encoded import EncodedTexts, encode_inputs, encode_labeled
from lmkit.data.padding_token import give_padding
from lmkit.data.sources import Row, Source
from lmkit.data.targets import Targets
from lmkit.evaluation.multi_label import MultiLabel
from lmkit.evaluation.problem import Problem
from lmkit.evaluation.regression import Regression
from lmkit.evaluation.single_label import SingleLabel
from lmkit.evaluation.tfidf import ROWS, every_nth
from lmkit.evaluation.word_baselines import word_baselines
from lmkit.models.inspecting import length_limit, saved_with_head
from lmkit.models.loading import ModelLoader
from lmkit.models.objectives import BinaryCrossEntropy, CrossEntropy, SquaredError
from lmkit.models.seq2seq import check_end
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.tasks.base import Answers, Batch, Examples, Features, Intervals, Metrics, Rows, Task

logger = logging.getLogger(__name__)


class Classification(Task[ClassificationOptions]):
    """Labels, or a number, for single texts or pairs."""

    best_metric = "macro_f1"
    greater_is_better = True
    tells_texts_apart = False
    """Whether the model takes `token_type_ids` for the texts of a pair; `build_model` sees."""

    def __init__(self, options: ClassificationOptions) -> None:
        super().__init__(options)
        if options.problem == "regression":
            self.best_metric, self.greater_is_better = "mse", False

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> ClassificationOptions | None:
        """The problem and the labels of a model saved with such a head.

        One logit is a number where the configuration does not say otherwise, as in transformers.
        """
        if not saved_with_head(config, auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES):
            return None
        names = [str(name) for _, name in sorted((config.id2label or {}).items())]
        told = "single_label" if len(names) > 1 else "regression"
        problem = config.problem_type or told
        if (problem == "regression") != (len(names) == 1):
            return None
        found: dict[str, Any] = {"name": "classification", "problem": problem}
        if problem != "regression":
            found["labels"] = names
        elif not names[0].startswith("LABEL_"):  # as transformers calls what has no name
            found["label_column"] = names[0]
        return ClassificationOptions.model_validate({**found, "max_length": positions})

    @cached_property
    def targets(self) -> Targets:
        """What is read of a row."""
        return Targets(self.options)

    @cached_property
    def problem(self) -> Problem:
        """What follows from the kind of labels."""
        names = self.targets.names
        if self.targets.many:
            return MultiLabel(names, self.options.threshold)
        return Regression(names[0]) if self.targets.is_regression else SingleLabel(names)

    @cached_property
    def objective(self) -> CrossEntropy | BinaryCrossEntropy | SquaredError:
        """What is trained."""
        options = self.options
        if self.targets.is_regression:
            return SquaredError()
        given, weights = options.class_weights, None
        if isinstance(given, dict):
            weights = [given.get(name, 1.0) for name in self.targets.names]
        gamma = options.focal_gamma if options.loss == "focal" else 0.0
        return (BinaryCrossEntropy if self.targets.many else CrossEntropy)(weights, gamma)

    def resolve(self, train: Source) -> ClassificationOptions:
        """The options with the labels of the training data, sorted as text, and their weights.

        Raises:
            DataError: a text or label is missing, or the column does not hold labels.
        """
        return self.targets.resolve(train)

    def check(self, source: Source) -> None:
        """Hold every row of a split against the labels.

        Raises:
            DataError: a text or label is missing, or a label is not among them.
        """
        self.targets.check(source)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A model with a head of L logits: ids (B, T) to logits (B, L).

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer.

        Raises:
            ModelError: see `check_end`, or the model cannot be made or opened.
        """
        pad_id = give_padding(tokenizer)
        limit = length_limit(self.options, loader.config())
        self.options = self.options.model_copy(update={"max_length": limit})
        names = self.targets.names
        model = loader.load(
            AutoModelForSequenceClassification,
            tokenizer,
            positions=limit,
            id2label=dict(enumerate(names)),
            label2id={name: number for number, name in enumerate(names)},
            problem_type=self.options.problem,
            pad_token_id=pad_id,  # a decoder finds a text's last token by it
        )
        check_end(model.config, tokenizer)
        self.tells_texts_apart = getattr(model.config, "type_vocab_size", 0) > 1
        return model

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> EncodedTexts:
        """Token ids, at most `max_length` a text or pair, and what is to be told of each row.

        Raises:
            DataError: a text or label is missing, or a label is not among `task.labels`.
        """
        self.pad_id = give_padding(tokenizer)
        found = encode_labeled(
            source.rows(), tokenizer, text_column=self.options.text_column,
            max_length=self.options.max_length, label_id=self.targets.of,
            pair_column=self.options.text_pair_column,
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
        self.pad_id, limit = give_padding(tokenizer), self.options.max_length
        found, cut = encode_inputs(rows, tokenizer, self.targets.text_columns, limit)
        if cut:
            logger.info("%d of %d texts are cut at %d tokens", cut, len(rows), limit)
        return found

    def encode_again(self, row: Row, tokenizer: PreTrainedTokenizerBase) -> Features:
        """Token ids of a changed text or pair."""
        columns, limit = self.targets.text_columns, self.options.max_length
        return encode_inputs([row], tokenizer, columns, limit)[0][0]

    def input_columns(self) -> tuple[str, ...]:
        """The column of the text, or the two of a pair."""
        return self.targets.text_columns

    def ledger(self, examples: EncodedTexts) -> dict[str, int]:
        """Texts and their tokens, and how many texts were cut at `max_length`."""
        counts = super().ledger(examples)
        return {"examples": counts["examples"], "cut": examples.cut, "tokens": counts["tokens"]}

    def collate(self, features: list[Features]) -> Batch:
        """Ids (B, T), padded to the longest, and labels (B,) or (B, C); a mask where any is padded.

        Of pairs also `token_type_ids` (B, T).
        """
        texts = [{k: v for k, v in item.items() if k != "labels"} for item in features]
        padding = {"input_ids": self.pad_id, "token_type_ids": 0}
        batch = pad_batch(texts, pad_values=padding, attention_mask=True)
        if "labels" in features[0]:
            batch["labels"] = self.problem.stack([item["labels"] for item in features])
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # attention without a mask is faster, and equal
        return batch

    def forward(self, model: PreTrainedModel, batch: Batch) -> Any:
        """The logits; which text a token is of is told to models that learned to be told alone."""
        if "token_type_ids" in batch and not self.tells_texts_apart:
            batch = {key: value for key, value in batch.items() if key != "token_type_ids"}
        return super().forward(model, batch)

    def count(self, batch: Batch) -> int:
        """Rows; of many labels, decisions."""
        return self.problem.items(batch["labels"])

    def tokens(self, batch: Batch) -> int:
        """Tokens of the texts that are counted, padding left out."""
        counted = self.problem.counted(batch["labels"])  # (B,)
        if "attention_mask" in batch:
            return int(batch["attention_mask"][counted].sum())
        return int(batch["input_ids"][counted].numel())

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """The objective summed over the B rows; see models/objectives.py."""
        return self.objective(outputs.logits.float(), batch["labels"], label_smoothing)

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """A few numbers a row, and the log odds of each label."""
        return self.problem.reduce(outputs.logits, batch["labels"])

    def metrics(self, rows: Rows) -> Metrics:
        """The problem's numbers; `loss` is plain, whatever the weights."""
        return self.problem.metrics(rows)

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """By a formula where there is one, a bootstrap over the rows for the others."""
        return self.problem.intervals(rows, seed)

    def answers_of(self, rows: Rows) -> Answers:
        """Ids of labels, lists of 0 and 1, or numbers."""
        return self.problem.given(rows["predicted"]), self.problem.given(rows["gold"])

    def tried(self) -> Answers:
        """A few such answers, all right."""
        return self.problem.tried, self.problem.tried

    def per_class(self, rows: Rows) -> dict[str, Metrics]:
        """Precision, recall, F1 and support of each label."""
        return self.problem.per_class(rows)

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,  # noqa: ARG002 - the words are read anew
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002 - words are no tokens
    ) -> dict[str, Metrics]:
        """The commonest labels (of numbers the mean), and what the words tell a linear model."""
        if train is None:
            return {}
        targets = self.targets
        gold = np.asarray([targets.of(row) for row in train.rows()])  # (N,) or (N, C)
        step = every_nth(len(gold), len(targets.names))
        texts = [targets.texts(row) for at, row in enumerate(train.rows()) if at % step == 0]
        asked = [targets.texts(row) for row in scored.rows()]
        labels = self.problem.stack([targets.of(row) for row in scored.rows()])
        return word_baselines(self.problem, gold, texts, asked, labels, self.measure)

    def decode(
        self,
        outputs: Any,
        batch: Batch,  # noqa: ARG002 - the logits say it all
    ) -> list[dict[str, Any]]:
        """Label (or labels) and `scores`, probabilities by name; of a number its `score`."""
        return self.problem.answers(outputs.logits)

    def shown(self, answer: dict[str, Any]) -> str:
        """The label and its score, the labels with theirs, or the number."""
        return self.problem.shown(answer)

    def definition(self) -> str:
        """What the metrics mean."""
        return (
            f"{self.problem.definition()} Texts are cut at {self.options.max_length} tokens. The "
            f"tfidf baseline learns from at most {ROWS:,} training rows."
        )


TASK = Classification
