"""Labels without training, by likelihood: how probable does a causal model find each as the answer?

The model reads the text, a line end, and the sentence up to its label; P(label) is what it gives
to the label and the rest of the sentence, over the sum of that for all labels (Brown et al. 2020,
section 2.1, arXiv:2005.14165). The rest belongs to it, so that `pos` does not win by being the
beginning of `positive`. Answered examples go before the text in the same form, a blank line after
each. Shape letters: N rows, B of them in a batch, T tokens of the longest prompt, C labels.
"""

import logging
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.commands.few_shot import Example
from lmkit.data.rows import Row, column
from lmkit.data.tokenizer import start_token_id
from lmkit.errors import UsageError
from lmkit.generation.batching import left_padded
from lmkit.generation.likelihood import log_likelihoods
from lmkit.models.loading import ModelLoader
from lmkit.tasks.base import LABEL_WIDTH, Batch, Features

Answer = dict[str, Any]

logger = logging.getLogger(__name__)


class Pieces(NamedTuple):
    """The parts of every prompt, as token ids; each is encoded by itself."""

    start: list[int]
    """The start token, where there is one."""
    examples: list[list[int]]
    """Each example with the blank line after it."""
    before: list[int]
    """The line end after the text, and the sentence as far as all labels share it."""
    continuations: list[list[int]]
    """The rest of the sentence with each label, C of them."""

    @property
    def needed(self) -> int:
        """Tokens that every prompt takes beside examples and text."""
        return len(self.start) + len(self.before) + max(map(len, self.continuations))


class Likeliest:
    """Labels by a causal model: an example for each row, its prompt."""

    def __init__(
        self,
        labels: Sequence[str],
        template: str,
        examples: Sequence[Example],
        text_column: str,
        *,
        positions: int,
    ) -> None:
        """Keep what prompts are made of.

        Args:
            labels: C of them.
            template: the sentence, with `{}` for the label.
            examples: what goes before each text.
            text_column: the column of the text.
            positions: tokens that the model reads.
        """
        self.labels = list(labels)
        self.template = template
        self.examples = list(examples)
        self.positions = positions
        self._column = text_column
        self._pieces: Pieces | None = None

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """The causal model as it was saved."""
        return loader.load(AutoModelForCausalLM, tokenizer)

    def input_columns(self) -> tuple[str, ...]:
        """The text's."""
        return (self._column,)

    def input_rows(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """A row for each text."""
        return [{self._column: text} for text in texts]

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """The prompt of each row; examples that do not fit are dropped from the front.

        Raises:
            DataError: a row holds no text.
            UsageError: the sentence leaves no room for a text.
        """
        texts = [column(row, self._column) for row in rows]
        pieces = self._made(tokenizer)
        room = self.positions - pieces.needed
        cut = fewer = 0
        features = []
        for ids in _encoded(texts, tokenizer):
            text, left = ids[:room], room - len(ids)
            cut += len(ids) > room
            first = len(pieces.examples)
            while first and len(pieces.examples[first - 1]) <= left:
                first -= 1
                left -= len(pieces.examples[first])
            fewer += first > 0
            shown = [token for example in pieces.examples[first:] for token in example]
            features.append({"input_ids": [*pieces.start, *shown, *text, *pieces.before]})
        if cut:
            logger.info("%d of %d texts are cut at %d tokens", cut, len(rows), room)
        if fewer:
            logger.info(
                "%d of %d prompts have fewer than the %d examples: the first are dropped where the "
                "model's %d tokens do not hold them all",
                fewer, len(rows), len(pieces.examples), self.positions,
            )  # fmt: skip
        return features

    def collate(self, features: list[Features]) -> Batch:
        """Ids and mask, (B, T), padded on the left: what is asked for follows on the right."""
        ids, mask = left_padded([feature["input_ids"] for feature in features])
        return {"input_ids": ids, "attention_mask": mask}

    def infer(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """Log P of each label, (B, C), in nats."""
        assert self._pieces is not None, "encode_inputs comes first"
        return log_likelihoods(
            model, batch["input_ids"], batch["attention_mask"], self._pieces.continuations
        )

    def decode(
        self,
        outputs: Any,
        batch: Batch,  # noqa: ARG002 - the likelihoods say it all
    ) -> list[Answer]:
        """The likeliest label of each row, and the probabilities of all given one of them."""
        made = []
        for row in outputs.double().softmax(-1).tolist():
            scores = dict(zip(self.labels, row, strict=True))
            made.append({"label": self.labels[row.index(max(row))], "scores": scores})
        return made

    def answers(self, rows: Sequence[Row], found: list[Answer]) -> list[Answer]:
        """One example a row: as they are."""
        assert len(rows) == len(found), "one example a row"
        return found

    def shown(self, answer: Answer) -> str:
        """The label and its score."""
        label = str(answer["label"])
        return f"{label:<{LABEL_WIDTH}}  {answer['scores'][label]:.2f}"

    def _made(self, tokenizer: PreTrainedTokenizerBase) -> Pieces:
        """The parts of every prompt, encoded once.

        Raises:
            UsageError: they leave no room for a text, or two labels are the same tokens.
        """
        if self._pieces is not None:
            return self._pieces
        sentences = [self.template.replace("{}", label) for label in self.labels]
        line, gap = _between("\n", tokenizer), _between("\n\n", tokenizer)
        wholes = _encoded(sentences, tokenizer)
        if not self.template.partition("{}")[2].strip():
            wholes = [[*whole, *line] for whole in wholes]  # nothing else ends the label
        alike = takewhile(lambda column: len(set(column)) == 1, zip(*wholes, strict=False))
        shared = min(sum(1 for _ in alike), min(map(len, wholes)) - 1)
        by_label = dict(zip(self.labels, wholes, strict=True))
        start = start_token_id(tokenizer)
        texts = _encoded([example.text for example in self.examples], tokenizer)
        made = Pieces(
            start=[] if start is None else [start],
            examples=[
                [*text, *line, *by_label[example.label], *gap]
                for text, example in zip(texts, self.examples, strict=True)
            ],
            before=[*line, *wholes[0][:shared]],
            continuations=[whole[shared:] for whole in wholes],
        )
        if made.needed >= self.positions:
            raise UsageError(
                f"--hypothesis: sentence and labels take {made.needed} tokens of the model's "
                f"{self.positions} and leave no room for a text"
            )
        self._pieces = made
        return made


def _encoded(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of each text, no special ones added."""
    if not texts:
        return []
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, verbose=False)[
        "input_ids"
    ]
    return found


def _between(mark: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of `mark` as it stands between two texts.

    By itself it may be another token: GPT-2 reads two line ends before a word one by one.
    """
    letter, whole, before, alone = _encoded(["a", f"a{mark}a", f"a{mark}", mark], tokenizer)
    size = len(letter)
    if len(whole) > 2 * size and whole[:size] == whole[-size:] == letter:
        return whole[size:-size]
    if len(before) > size and before[:size] == letter:
        return before[size:]
    return alone
