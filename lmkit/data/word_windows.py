"""Sentences as token ids with the place of each word, in windows that a model can hold.

A word is labeled and predicted at its first token (Devlin et al. 2019, BERT, section 5.3,
arXiv:1810.04805). A text longer than the window is read through several that overlap, and each
word belongs to the one where it has the most context: where the nearer end of the window, unless
it is that of the text, is farthest. Shape letters: N windows, D sentences, W words of all
sentences, I tokens of all sentences, L tokens of one window, w words of one window.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lmkit.data.encoded import CHUNK, chunks
from lmkit.data.entities import Sentence
from lmkit.errors import TokenizerError, UsageError
from lmkit.labels import IGNORED, NO_TOKEN, SHARED

Ints = NDArray[np.int64]

FILLER = -3
"""In a batch, what is no word of the window."""
PAD_VALUES = {"labels": IGNORED, "gold": IGNORED, "places": FILLER}
"""What shorter windows of a batch are filled up with, for `pad_batch`; `input_ids` beside."""


@dataclass(frozen=True)
class WordWindows:
    """N windows on D sentences."""

    ids: NDArray[np.uint32]
    """Token ids of one sentence after the other, without special tokens, (I,)."""
    token_offsets: Ints
    """Where the tokens of each sentence begin, and the end of the last, (D + 1,)."""
    firsts: Ints
    """The first token of each word, from that of its sentence on, or NO_TOKEN or SHARED, (W,)."""
    gold: Ints | None
    """The tag of each word, (W,); None where they are not known."""
    word_offsets: Ints
    """Where the words of each sentence begin, and the end of the last, (D + 1,)."""
    windows: Ints
    """Sentence, first token, end of the tokens, first word, end of the words, (N, 5)."""
    around: tuple[Ints, Ints]
    """The special tokens before and after."""

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def lengths(self) -> Ints:
        """Tokens of each window, special ones included, (N,)."""
        extra = sum(map(len, self.around))
        found: Ints = self.windows[:, 2] - self.windows[:, 1] + extra
        return found

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The window for (epoch, index), the same in every epoch.

        Returns:
            `input_ids` (L,); `places`, the first token of each of its words among them, or
            NO_TOKEN or SHARED, (w,); `document`, the sentence's number; `within`, 1 where its
            first word is not the sentence's; and, where tags are known, `labels` (L,), ignored but
            at those places, and `gold` (w,).
        """
        document, begin, end, first_word, end_word = self.windows[key[1]].tolist()
        start, word = int(self.token_offsets[document]), int(self.word_offsets[document])
        before, after = self.around
        ids = np.concatenate([before, self.ids[start + begin : start + end], after])
        firsts = self.firsts[word + first_word : word + end_word]
        places = np.where(firsts >= 0, firsts - begin + len(before), firsts)
        found = {
            "input_ids": ids, "places": places, "document": document, "within": int(first_word > 0)
        }  # fmt: skip
        if self.gold is not None:
            gold = self.gold[word + first_word : word + end_word]
            labels = np.full(len(ids), IGNORED, dtype=np.int64)
            labels[places[firsts >= 0]] = gold[firsts >= 0]
            found |= {"labels": labels, "gold": gold}
        return found


def encode_words(
    sentences: Iterable[Sentence],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    stride: int | None = None,
    tag_ids: dict[str, int] | None = None,
) -> WordWindows:
    """Encode sentences, holding no text but that of a chunk.

    Args:
        sentences: Read once.
        tokenizer: A fast one; adds the special tokens it was made to add.
        max_length: Tokens of a window, special ones included.
        stride: Tokens that a window is ahead of the one before; left out, half of what it holds.
        tag_ids: The number of each tag; None where tags are not known.

    Raises:
        TokenizerError: the tokenizer cannot tell where its tokens stand in a text.
        UsageError: the stride is more than a window holds.
    """
    if not tokenizer.is_fast:
        raise TokenizerError(
            f"{tokenizer.name_or_path or 'tokenizer'}: {type(tokenizer).__name__} is not a fast "
            "tokenizer, so it cannot tell where in the text its tokens stand; take one with a "
            "tokenizer.json (tokenizer.source), or train one (tokenizer.train)"
        )
    around = special_around(tokenizer)
    width = max_length - sum(map(len, around))
    step = max(width // 2, 1) if stride is None else stride
    if step > width:
        raise UsageError(
            f"task.stride: {step} is more than the {width} tokens of a text that a window of "
            f"{max_length} holds, so words would be left unread"
        )
    nothing = np.array([filling_token(tokenizer)], dtype=np.int64)
    ids: list[Ints] = []
    firsts: list[Ints] = []
    gold: list[Ints] = []
    windows: list[tuple[int, ...]] = []
    token_offsets, word_offsets = [0], [0]
    for chunk in chunks(sentences, CHUNK):
        encoded = tokenizer(
            [sentence.text for sentence in chunk], add_special_tokens=False, verbose=False,
            return_offsets_mapping=True, return_attention_mask=False, return_token_type_ids=False,
        )  # fmt: skip
        made = zip(chunk, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        for sentence, tokens, offsets in made:
            first = first_tokens(offsets, sentence)
            size = max(len(tokens), 1)
            begins, cuts = window_cuts(size, width, step)
            reach = np.maximum.accumulate(np.maximum(first, 0))  # (w,)
            parts = np.searchsorted(reach, [0, *cuts, size])
            for begin, word, end_word in zip(begins, parts[:-1], parts[1:], strict=True):
                windows.append(
                    (len(firsts), begin, min(begin + width, size), int(word), int(end_word))
                )
            ids.append(np.asarray(tokens, dtype=np.int64) if tokens else nothing)
            firsts.append(first)
            if tag_ids is not None:
                gold.append(np.array([tag_ids[tag] for tag in sentence.tags], dtype=np.int64))
            token_offsets.append(token_offsets[-1] + size)
            word_offsets.append(word_offsets[-1] + len(first))
    return WordWindows(
        ids=_joined(ids).astype(np.uint32),
        token_offsets=np.array(token_offsets, dtype=np.int64),
        firsts=_joined(firsts),
        gold=_joined(gold) if tag_ids is not None else None,
        word_offsets=np.array(word_offsets, dtype=np.int64),
        windows=np.array(windows, dtype=np.int64).reshape(-1, 5),
        around=around,
    )


def first_tokens(offsets: list[tuple[int, int]], sentence: Sentence) -> Ints:
    """The first token of each word of a sentence, or NO_TOKEN or SHARED, (w,).

    Args:
        offsets: Where each token begins and ends in the text, in characters.
        sentence: The text and its words.
    """
    starts = np.asarray(sentence.starts, dtype=np.int64)
    found = np.full(len(starts), NO_TOKEN, dtype=np.int64)
    if not offsets or not len(starts):
        return found
    spans = np.asarray(offsets, dtype=np.int64)  # (I, 2)
    reach = np.maximum.accumulate(spans[:, 1])
    token = np.minimum(np.searchsorted(reach, starts, side="right"), len(spans) - 1)  # (w,)
    begin, end = spans[token, 0], spans[token, 1]
    there = (end > starts) & (begin < np.asarray(sentence.ends)) & (begin < end)
    found[there] = token[there]
    again = np.zeros(len(found), dtype=bool)
    again[1:] = there[1:] & (found[1:] == np.maximum.accumulate(found)[:-1])
    found[again] = SHARED
    return found


def window_cuts(size: int, width: int, step: int) -> tuple[list[int], list[int]]:
    """Where windows on a text begin, and from which tokens on the next is the better one.

    Args:
        size: Tokens of the text, at least 1.
        width: Tokens of a window.
        step: Tokens from one window to the next; the last one ends with the text.

    Returns:
        The n begins, and n - 1 cuts: a token belongs to the window after as many cuts as are at or
        before it. Tokens equally far from the ends of two windows belong to the first.
    """
    last = max(size - width, 0)
    begins = [*range(0, last, step), last]
    return begins, [(begin + width - 1 + later) // 2 + 1 for begin, later in pairwise(begins)]


def special_around(tokenizer: PreTrainedTokenizerBase) -> tuple[Ints, Ints]:
    """The special tokens that the tokenizer puts before and after a text."""
    whole = list(tokenizer("a")["input_ids"])
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    at = next(i for i in range(len(whole) + 1) if whole[i : i + len(bare)] == bare)
    return (
        np.asarray(whole[:at], dtype=np.int64),
        np.asarray(whole[at + len(bare) :], dtype=np.int64),
    )


def filling_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that stands where nothing does.

    That is in padding, which a mask hides, and by itself for a text of which the tokenizer makes
    nothing, so that no sequence is empty.
    """
    known = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.eos_token_id)
    return next((int(token_id) for token_id in known if token_id is not None), 0)


def _joined(parts: list[Ints]) -> Ints:
    """The numbers of all parts, one after the other."""
    return np.concatenate([np.zeros(0, np.int64), *parts])
