"""Pairs of sentences that differ in whom they speak of, as a language model scores them.

Files have the columns of CrowS-Pairs (Nangia et al. 2020, arXiv:2010.00133). Shape letters: N
pairs, M examples, L tokens of one.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.rows import Source, column
from lmkit.data.tokenizer import start_token_id
from lmkit.errors import DataError
from lmkit.labels import IGNORED

Ints = npt.NDArray[np.int64]

MORE, LESS, TYPE = "sent_more", "sent_less", "bias_type"
"""The columns: the more stereotyping sentence, the less, and whom it is about (may be missing)."""


@dataclass(frozen=True)
class SentencePair:
    """Two sentences."""

    more: str
    less: str
    kind: str
    origin: str


def read_pairs(source: Source) -> list[SentencePair]:
    """The pairs of a file.

    Raises:
        DataError: a row lacks a sentence, or both are the same.
    """
    found = []
    for row in source.rows():
        more, less = column(row, MORE), column(row, LESS)
        if more == less:
            raise DataError(f"{row.origin}: `{MORE}` and `{LESS}` are equal; leave the row out")
        kind = row.values.get(TYPE)
        found.append(SentencePair(more, less, str(kind or "(none)"), row.origin))
    return found


@dataclass(frozen=True)
class SentenceExamples:
    """M examples of 2 N sentences: their log-likelihoods are sums over examples."""

    features: list[dict[str, Any]]
    """`input_ids` and `labels`, (L,) each, labels aligned to what predicts them."""
    sentence: Ints
    """Which sentence each is of, (M,): 2 n is the more stereotyping one of pair n, 2 n + 1 the
    other."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def lengths(self) -> Ints:
        """Tokens of each, (M,)."""
        return np.array([len(one["input_ids"]) for one in self.features], dtype=np.int64)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example for (epoch, index); the epoch has no part in it."""
        return self.features[key[1]]


def whole_sentences(
    pairs: Sequence[SentencePair], tokenizer: PreTrainedTokenizerBase, longest: int
) -> SentenceExamples:
    """For a left-to-right model: each sentence after the start token, every token predicted.

    Args:
        pairs: N of them.
        tokenizer: the model's.
        longest: tokens that it reads.

    Raises:
        DataError: a sentence is longer, or has no token to predict.
    """
    start = start_token_id(tokenizer)
    features = []
    for pair in pairs:
        for ids in _ids(pair, tokenizer, longest - 1):
            stream = np.array(ids if start is None else [start, *ids], dtype=np.int64)
            features.append({"input_ids": stream[:-1], "labels": stream[1:]})
    return SentenceExamples(features, np.arange(len(features)))


def hidden_shared(
    pairs: Sequence[SentencePair], tokenizer: PreTrainedTokenizerBase, longest: int
) -> SentenceExamples:
    """For a masked model: each token that both sentences share, hidden alone.

    A sentence's score is sum over its shared tokens u of log P(u | all the others), so that the
    words in which they differ are conditions and not outcomes (Nangia et al. 2020, section 4).
    Which tokens are shared, difflib says, as in the authors' script.

    Args:
        pairs: N of them.
        tokenizer: has a mask token, and [CLS] and [SEP] (or begin and end tokens).
        longest: tokens that the model reads.

    Raises:
        DataError: a sentence is longer, or the two share no token.
    """
    ends = (
        (tokenizer.cls_token_id, tokenizer.bos_token_id),
        (tokenizer.sep_token_id, tokenizer.eos_token_id),
    )
    first, last = (next(token for token in kinds if token is not None) for kinds in ends)
    features, sentence = [], []
    for number, pair in enumerate(pairs):
        sides = _ids(pair, tokenizer, longest - 2)
        places = shared_places(*sides)
        if not places:
            raise DataError(f"{pair.origin}: the two sentences share no token")
        for side, ids in enumerate(sides):
            whole = np.array([first, *ids, last], dtype=np.int64)
            for both in places:
                inputs, labels = whole.copy(), np.full(len(whole), IGNORED)
                at = both[side] + 1
                labels[at], inputs[at] = whole[at], tokenizer.mask_token_id
                features.append({"input_ids": inputs, "labels": labels})
                sentence.append(2 * number + side)
    return SentenceExamples(features, np.array(sentence, dtype=np.int64))


def shared_places(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    """The places, in either sequence, of what both have in the same order."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return [
        (block.a + step, block.b + step)
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    ]


def _ids(pair: SentencePair, tokenizer: PreTrainedTokenizerBase, room: int) -> list[list[int]]:
    """The tokens of both sentences, without special ones."""
    sides = []
    for text in (pair.more, pair.less):
        encoded = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        ids = [int(token) for token in encoded]
        if not 1 <= len(ids) <= room:
            raise DataError(
                f"{pair.origin}: a sentence has {len(ids)} tokens; allowed: 1 to {room}, which is "
                "what the model reads"
            )
        sides.append(ids)
    return sides
