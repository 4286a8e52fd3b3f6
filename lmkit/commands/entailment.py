"""Labels without training, by entailment: does a text imply "This example is LABEL."?

A model of natural language inference reads text and sentence as premise and hypothesis (Yin et al.
2019, arXiv:1909.00161). Shape letters: N rows, B examples of a batch, T tokens of its longest, C
labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from lmkit.commands.subject import MAX_CONTEXT
from lmkit.data.collate import pad_batch
from lmkit.data.padding_token import give_padding
from lmkit.data.rows import Row, column
from lmkit.errors import UsageError
from lmkit.models.inputs import model_inputs
from lmkit.models.inspecting import usable_positions
from lmkit.models.loading import ModelLoader
from lmkit.tasks.base import LABEL_WIDTH, Batch, Features

THRESHOLD = 0.5
"""The probability from which on a label holds, where each is asked for by itself."""
NAMED = 8  # of a model's own labels, in a message

Answer = dict[str, Any]


class Entailment:
    """Labels by whether a text implies the sentence of each: an example for each of them."""

    def __init__(
        self,
        labels: Sequence[str],
        template: str,
        config: PreTrainedConfig,
        text_column: str,
        *,
        multi_label: bool,
    ) -> None:
        """Find the class of entailment, and its opposite.

        Raises:
            UsageError: the model has no such class.
        """
        self.labels = list(labels)
        self.multi_label = multi_label or len(labels) == 1
        self.hypotheses = [template.replace("{}", label) for label in labels]
        self._column = text_column
        self._positions = usable_positions(config)
        own = [str(name) for _, name in sorted((config.id2label or {}).items())]
        names = {number: name.lower() for number, name in enumerate(own)}
        implied = [number for number, name in names.items() if name.startswith("entail")]
        if not implied:
            more = f" and {len(own) - NAMED} more" if len(own) > NAMED else ""
            raise UsageError(
                f"--labels: this model's own labels are {', '.join(own[:NAMED])}{more}, and none "
                "of them is entailment; name an entailment (MNLI) or a causal model, or leave out "
                "--labels"
            )
        self.implied = implied[0]
        against = [number for number, name in names.items() if name.startswith("contra")]
        last = len(names) - 1
        self.against = against[0] if against else (last if self.implied == 0 else 0)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """The classifier as it was saved."""
        pad_id = give_padding(tokenizer)  # a decoder finds a text's last token by it
        return loader.load(AutoModelForSequenceClassification, tokenizer, pad_token_id=pad_id)

    def input_columns(self) -> tuple[str, ...]:
        """The text's."""
        return (self._column,)

    def input_rows(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """A row for each text."""
        return [{self._column: text} for text in texts]

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Text and sentence as a pair, C for each row; where they are too long the text is cut.

        Raises:
            DataError: a row holds no text.
            UsageError: a sentence leaves no room for a text.
        """
        self.pad_id = give_padding(tokenizer)
        limit = min(self._positions or MAX_CONTEXT, tokenizer.model_max_length)
        for sentence in self.hypotheses:
            if len(tokenizer("", sentence)["input_ids"]) >= limit:
                raise UsageError(
                    f"--hypothesis: {sentence[:40]!r} leaves no room for a text; the model reads "
                    f"{limit} tokens"
                )
        texts = [column(row, self._column) for row in rows]
        first = [text for text in texts for _ in self.hypotheses]
        found = tokenizer(
            first, self.hypotheses * len(texts), truncation="only_first", max_length=limit,
            return_attention_mask=False,
        )  # fmt: skip
        return [
            dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)
        ]

    def collate(self, features: list[Features]) -> Batch:
        """Ids, and segments where the tokenizer gives them, (B, T), and the mask."""
        pad_values = {"input_ids": self.pad_id, "token_type_ids": 0}
        return pad_batch(features, pad_values=pad_values, attention_mask=True)

    def infer(self, model: PreTrainedModel, batch: Batch) -> Any:
        """The logits of implied and of contradicted, (B, 2)."""
        return model(**model_inputs(model, batch)).logits[:, [self.implied, self.against]]

    def decode(
        self,
        outputs: Any,
        batch: Batch,  # noqa: ARG002 - the logits say it all
    ) -> list[Answer]:
        """Both logits of each example."""
        return [{"logits": pair} for pair in outputs.double().tolist()]

    def answers(self, rows: Sequence[Row], found: list[Answer]) -> list[Answer]:
        """The label of each row (or its `labels`, the likeliest first), the probabilities of all.

        Each by itself against its contradiction where any number may hold; else a softmax over the
        logits of entailment.
        """
        logits = np.array([one["logits"] for one in found]).reshape(len(rows), -1, 2)  # (N, C, 2)
        if self.multi_label:
            chances = 1 / (1 + np.exp(logits[..., 1] - logits[..., 0]))  # (N, C)
        else:
            powers = np.exp(logits[..., 0] - logits[..., 0].max(1, keepdims=True))
            chances = powers / powers.sum(1, keepdims=True)
        made = []
        for row in chances.tolist():
            scores = dict(zip(self.labels, row, strict=True))
            if self.multi_label:
                holding = [name for name, score in scores.items() if score >= THRESHOLD]
                holding.sort(key=lambda name: -scores[name])
                made.append({"labels": holding, "scores": scores})
            else:
                made.append({"label": self.labels[int(np.argmax(row))], "scores": scores})
        return made

    def shown(self, answer: Answer) -> str:
        """The label and its score, or those that hold."""
        names = answer.get("labels", [answer.get("label")])
        told = [f"{name} {answer['scores'][name]:.2f}" for name in names]
        return f"{', '.join(told) or '(none)':<{LABEL_WIDTH}}"
