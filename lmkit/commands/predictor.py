"""A model that answers for rows: a window at a time, texts of similar length in one batch.

Shape letters: N rows of a window, B examples of a batch, T tokens of its longest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.commands.ahead import Ahead
from lmkit.commands.asked import Asked
from lmkit.commands.narrow import MANY, Narrow, try_narrow
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.models.device import Device, default_device
from lmkit.models.loading import ModelLoader
from lmkit.tasks.base import Batch, Features
from lmkit.training.hardware import Precision, choose_precision

# Tokens of a batch, padding included: with more a processor's cache is outgrown, with fewer a GPU
# waits. MiniLM on one core answered 15-token texts as fast with 512 as with 1,024, and 8 % slower
# with 2,048.
BATCH_TOKENS: dict[Device, int] = {"cpu": 1024, "cuda": 16384, "mps": 8192}

Answer = dict[str, Any]


class Answerer(Protocol):
    """What answers for rows: a task, or labels that no model was trained on."""

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """The model."""

    def input_columns(self) -> tuple[str, ...]:
        """The columns that are read; the first is what the answer is about."""

    def input_rows(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The rows that texts given as arguments stand for."""

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Examples of the rows, each with its `input_ids`.

        Raises:
            DataError: a row holds no text; it is named.
        """

    def collate(self, features: list[Features]) -> Batch:
        """Pad B examples to one batch."""

    def infer(self, model: PreTrainedModel, batch: Batch) -> Any:
        """What `decode` reads."""

    def decode(self, outputs: Any, batch: Batch) -> list[Answer]:
        """What is told of each of the B examples."""

    def answers(self, rows: Sequence[Row], found: list[Answer]) -> list[Answer]:
        """One answer for each row, from those of its examples."""

    def shown(self, answer: Answer) -> str:
        """An answer for people, in one line."""


@dataclass(frozen=True)
class Encoded:
    """A window of rows, ready for the model."""

    asked: list[Asked]
    """All of them as they came, in order."""
    rows: list[Row]
    """Those that can be answered, N, with their texts as the model knows them."""
    features: list[Features]
    """The examples of those."""


class Predictor:
    """A model, read when the first rows are there, and what it says of them."""

    def __init__(
        self,
        answerer: Answerer,
        loader: ModelLoader,
        tokenizer: PreTrainedTokenizerBase,
        *,
        clean: Callable[[Row], Row] | None = None,
        batch_size: int | None = None,
        precision: Precision | None = None,
    ) -> None:
        """Settle how to answer.

        Args:
            answerer: encodes rows and reads the model's outputs.
            loader: opens the model.
            tokenizer: the model's own.
            clean: makes of a row one as it was trained on, or raises a DataError.
            batch_size: examples at a time; None: as many as make up `BATCH_TOKENS`.
            precision: in which matrices are multiplied; None: as is fastest without changing a
                label (see narrow.py).
        """
        self.answerer = answerer
        self.columns = answerer.input_columns()
        self._loader, self._tokenizer, self._clean = loader, tokenizer, clean
        self._batch_size = batch_size
        self._precision = precision
        self._narrow: Narrow | None = None
        self._model: PreTrainedModel | None = None

    def answers(
        self, windows: Iterator[list[Asked]]
    ) -> Iterator[list[tuple[Asked, Answer | None]]]:
        """The rows of each window with what is said of them; None of those with an error.

        The next window is read and encoded in a thread while the model runs.
        """
        with Ahead(map(self._encode, windows)) as ahead:
            for encoded in ahead:
                found = iter(self._answers(encoded) if encoded.rows else [])
                yield [(item, None if item.error else next(found)) for item in encoded.asked]

    def _encode(self, window: list[Asked]) -> Encoded:
        """The examples of a window; a row that makes none has its error."""
        asked: list[Asked] = []
        rows: list[Row] = []
        for item in window:
            try:
                if item.error is None:
                    rows.append(item.row if self._clean is None else self._clean(item.row))
                asked.append(item)
            except DataError as error:
                asked.append(Asked(item.row, error))
        wrong: dict[int, DataError] = {}
        try:
            features = self._features(rows)
        except DataError:
            wrong = self._refused(rows, 0)
            kept = [row for number, row in enumerate(rows) if number not in wrong]
            features = self._features(kept)
        else:
            return Encoded(asked, rows, features)
        number = 0
        for place, item in enumerate(asked):
            if item.error is None:
                asked[place] = Asked(item.row, wrong.get(number))
                number += 1
        return Encoded(asked, kept, features)

    def _features(self, rows: list[Row]) -> list[Features]:
        return self.answerer.encode_inputs(rows, self._tokenizer) if rows else []

    def _refused(self, rows: list[Row], first: int) -> dict[int, DataError]:
        """What is wrong with which of the rows, the first of which is number `first`.

        A task tells of the first row that it cannot use: halves are tried until each stands alone.
        """
        try:
            self._features(rows)
        except DataError as error:
            if len(rows) == 1:
                return {first: error}
            half = len(rows) // 2
            return self._refused(rows[:half], first) | self._refused(rows[half:], first + half)
        return {}

    def _answers(self, encoded: Encoded) -> list[Answer]:
        """What is said of the N rows."""
        model, features = self._opened(), encoded.features
        if self._precision is None:
            self._settle(model, encoded)
        found = self._run(model, features, self._precision or "float32")
        if self._narrow is not None:
            close = self._narrow.close_calls(found)
            exact = self._run(model, [features[index] for index in close], "float32")
            for index, answer in zip(close, exact, strict=True):
                found[index] = answer
        return self.answerer.answers(encoded.rows, found)

    def _settle(self, model: PreTrainedModel, encoded: Encoded) -> None:
        """Find out, on the first window, whether fewer bits give the same labels."""
        self._precision = "float32"
        choice = choose_precision("auto")
        if choice.value == "float32" or len(encoded.rows) < MANY:
            return

        def tried(chosen: Sequence[int], precision: Precision) -> list[Answer]:
            return self._run(model, [encoded.features[index] for index in chosen], precision)

        self._narrow = try_narrow(choice.value, len(encoded.features), tried)
        if self._narrow is not None:
            self._precision = choice.value

    @torch.no_grad()
    def _run(
        self, model: PreTrainedModel, features: list[Features], precision: Precision
    ) -> list[Answer]:
        """What is told of each example."""
        lengths = np.array([len(feature["input_ids"]) for feature in features], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")  # the longest first: memory fails at once
        found: list[Answer] = [{}] * len(features)
        device = default_device()
        lower = getattr(torch, precision)
        start = 0
        # one block around all batches: at its end the weights of fewer bits are forgotten
        with torch.autocast(device, dtype=lower, enabled=precision != "float32"):
            while start < len(order):
                fitting = max(1, BATCH_TOKENS[device] // int(lengths[order[start]]))
                chosen = order[start : start + (self._batch_size or fitting)].tolist()
                start += len(chosen)
                batch = self.answerer.collate([features[index] for index in chosen])
                batch = {key: value.to(model.device) for key, value in batch.items()}
                outputs = self.answerer.infer(model, batch)
                with torch.autocast(device, enabled=False):
                    told = self.answerer.decode(outputs, batch)
                for index, answer in zip(chosen, told, strict=True):
                    found[index] = answer
        return found

    def _opened(self) -> PreTrainedModel:
        """The model, read once."""
        if self._model is None:
            model = self.answerer.build_model(self._loader, self._tokenizer)
            self._model = model.to(default_device()).eval()  # type: ignore[arg-type] # its stub knows no string
        return self._model
