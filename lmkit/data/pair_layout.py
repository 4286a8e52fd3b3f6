"""What a tokenizer puts around and between two texts: [CLS] question [SEP] context [SEP].

Windows of a long context are put together from its tokens, so it is tokenized only once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.errors import TokenizerError

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class PairLayout:
    """The special tokens of a pair of texts, and the segment of every token."""

    special: tuple[Ids, Ids, Ids]
    """The ids before the first text, between both, and after the second."""
    segments: tuple[Ids, Ids, Ids]
    """The segment (token type) of each of them."""
    texts: tuple[int, int]
    """The segment of the first text and of the second."""
    null: int | None
    """The id of the [CLS] token, where a pair has one."""

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return sum(map(len, self.special))

    def ids(self, first: Ids, second: Ids) -> Ids:
        """The ids of a pair."""
        before, between, after = self.special
        return np.concatenate([before, first, between, second, after])

    def types(self, first: int, second: int) -> Ids:
        """The segments of a pair of so many tokens each."""
        before, between, after = self.segments
        texts = [np.full(n, s) for n, s in zip((first, second), self.texts, strict=True)]
        return np.concatenate([before, texts[0], between, texts[1], after])

    def start(self, first: int) -> int:
        """Where the second text begins after a first one of so many tokens."""
        return len(self.special[0]) + first + len(self.special[1])

    def null_place(self, length: int) -> int:
        """Where [CLS] stands in a pair of so many tokens in all; 0 where there is none."""
        before, _, after = self.special
        if self.null is not None and not (before == self.null).any():
            found = np.flatnonzero(after == self.null)
            return length - len(after) + int(found[0]) if len(found) else 0
        return int(np.argmax(before == self.null)) if len(before) else 0


def pair_layout(tokenizer: PreTrainedTokenizerBase) -> PairLayout:
    """The layout of a tokenizer, seen on a pair of letters.

    Raises:
        TokenizerError: it does not tell where in a text its tokens stand.
    """
    if not tokenizer.is_fast:
        raise TokenizerError(
            f"{tokenizer.name_or_path or 'the tokenizer'}: {type(tokenizer).__name__} does not "
            "tell where in the text its tokens stand, so answers cannot be found; take a model "
            "with a fast tokenizer (one that has a tokenizer.json)"
        )
    seen = tokenizer("a", "b", return_token_type_ids=True, return_attention_mask=False)
    ids, types = np.asarray(seen["input_ids"]), np.asarray(seen["token_type_ids"])
    side = np.array([-1 if text is None else text for text in seen.sequence_ids(0)])
    first, second = np.flatnonzero(side == 0), np.flatnonzero(side == 1)
    cuts = (slice(0, first[0]), slice(first[-1] + 1, second[0]), slice(second[-1] + 1, None))
    null = tokenizer.cls_token_id
    return PairLayout(
        special=(ids[cuts[0]], ids[cuts[1]], ids[cuts[2]]),
        segments=(types[cuts[0]], types[cuts[1]], types[cuts[2]]),
        texts=(int(types[first[0]]), int(types[second[0]])),
        null=None if null is None else int(null),
    )
