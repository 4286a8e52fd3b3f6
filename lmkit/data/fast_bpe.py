r"""Byte-level BPE by `tiktoken`, several times the speed of `tokenizers`, where the ids are equal.

`tiktoken` joins, in a piece of text that its pattern cut, the pair whose bytes together are the
token of lowest rank; `tokenizers` the pair that stands first in its list of merges. Let V be the
256 bytes and all that merges make. Where (1) the merges that make one token stand together in the
list and (2) `tokenizers` reads every token of V by itself as that token, both are the same:

Take the first step at which they would differ. A pair (x, y) whose bytes are a token c of V lies
between two boundaries that no merge has crossed, so what was joined between them was joined in the
same order as in c alone (ties go to the left in both). By (2) c alone ends as c, so (x, y) is in
the list, and it is the one last merge of c. So both know the same pairs; by (1) they rank them by
their tokens alike, and equal ranks are the same merge. Whole pieces that are tokens are looked up
by `tiktoken`: by (2) again the same.

Pieces are cut by a regular expression whose text both are given, by backtracking engines that mean
the same by it. What may differ are the tables of characters behind `\p{L}`, `\p{N}` and `\s`: so
every character beyond ASCII that occurs is looked up in both, and a text with one on which they
differ is left to `tokenizers`. So is a text in which an added token occurs, one that a normalizer
might change, and one on which the engine gives up (long runs of white space).
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tiktoken import Encoding
from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = frozenset(
    (
        GPT2,
        rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}",  # GPT-4, Llama 3
        rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}",  # Qwen 2
    )
)
"""Each of them covers every text: a character is a letter, a number, white space or another."""

# What the patterns ask of a character; `(?i:...)` asks for these letters in either case.
_CLASSES = (r"\p{L}", r"\p{N}", r"\s", r"(?i:[stremvld])")
_EXTRAS = (  # of the model, each of which changes what is made of a piece
    "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
    "ignore_merges",
)  # fmt: skip
# A text in ASCII is as these leave it.
_COMPOSING = ("NFC", "NFD", "NFKC", "NFKD")
_ADDED = 16  # tokens of the user that are looked for in every text
_PROBE = 1000  # characters looked up at a time
# Never allowed, so it is never found; without any the engine looks at every place in vain.
_NO_SPECIAL = "<|lmkit: no text is this token|>"

Ids = npt.NDArray[np.uint32]


class FastBPE:
    """The ids of texts, for a tokenizer whose structure allows it.

    Args:
        backend: The `tokenizers` tokenizer; it is not changed.

    Raises:
        NotProvenError: the ids might differ; why.
    """

    def __init__(self, backend: Tokenizer) -> None:
        state = json.loads(backend.to_str())
        pattern = _pattern(state)
        merged, ids = _ranks(state["model"])
        _check_whole(backend, merged)
        self._only_ascii = state["normalizer"] is not None
        self._added = [token["content"] for token in state["added_tokens"] if not token["special"]]
        if len(self._added) > _ADDED:
            raise NotProvenError(f"{len(self._added)} tokens were added")
        ranks = {**{bytes([byte]): byte for byte in range(256)}, **merged}
        self._ids = np.array(ids, dtype=np.uint32)  # (ranks,)
        self._encoding = Encoding(
            "lmkit",
            pat_str=pattern,
            mergeable_ranks=ranks,
            special_tokens={_NO_SPECIAL: len(ranks)},
        )
        self._alike: set[str] = set()
        self._unlike: set[str] = set()

    def encode(self, text: str) -> Ids | None:
        """The ids of a text, (tokens,); None where they might differ from those of `tokenizers`."""
        if not text.isascii() and (self._only_ascii or not self._same_classes(text)):
            return None
        if any(token in text for token in self._added):
            return None
        try:
            ranks = self._encoding.encode_to_numpy(text, disallowed_special=())
        except ValueError:  # the stack of the regular expression is full
            return None
        return self._ids[ranks]

    def _same_classes(self, text: str) -> bool:
        """Whether both engines take every character of `text` for the same."""
        characters = set(text)
        if new := characters - self._alike - self._unlike:
            unlike = characters_apart("".join(sorted(new)))
            self._unlike |= unlike
            self._alike |= new - unlike
        return self._unlike.isdisjoint(characters)


class NotProvenError(Exception):
    """A tokenizer that `tiktoken` might read otherwise."""


def characters_apart(text: str) -> set[str]:
    """The characters of `text` that the two engines class differently."""
    apart: set[str] = set()
    for start in range(0, len(text), _PROBE):
        part = text[start : start + _PROBE]
        for name in _CLASSES:
            splitter = pre_tokenizers.Split(Regex(name), "removed")
            ours = set(part) - {c for piece, _ in splitter.pre_tokenize_str(part) for c in piece}
            ranks = {bytes([byte]): byte for byte in range(256)}
            finder = Encoding("bytes", pat_str=name, mergeable_ranks=ranks, special_tokens={})
            theirs = set(bytes(finder.encode_ordinary(part)).decode())  # only what matched
            apart |= ours ^ theirs
    return apart


def _pattern(state: Mapping[str, Any]) -> str:
    """The regular expression by which a tokenizer cuts text, once all around it is as it must be.

    Raises:
        NotProvenError: it is not byte-level BPE without extras, or the pattern is not a known one.
    """
    model, before = state["model"], state["pre_tokenizer"] or {}
    if model["type"] != "BPE":
        raise NotProvenError(f"the model is {model['type']}, not BPE")
    for name in _EXTRAS:
        if model.get(name):
            raise NotProvenError(f"the model sets {name}")
    normalizer = state["normalizer"]
    if normalizer is not None and normalizer["type"] not in _COMPOSING:
        raise NotProvenError(f"the normalizer {normalizer['type']} changes the text")
    steps = before["pretokenizers"] if before.get("type") == "Sequence" else [before]
    last = steps[-1] if steps else {}
    if last.get("type") != "ByteLevel" or last["add_prefix_space"]:
        raise NotProvenError("the text is not cut at the level of bytes, without a space before it")
    if len(steps) == 1 and last["use_regex"]:
        return GPT2
    if len(steps) == 2 and steps[0]["type"] == "Split" and not last["use_regex"]:
        pattern: Any = steps[0]["pattern"].get("Regex")
        plain = steps[0]["behavior"] == "Isolated" and not steps[0]["invert"]
        if plain and pattern in PATTERNS:
            return str(pattern)
    raise NotProvenError("the pattern by which the text is cut is not a known one")


def _ranks(model: Mapping[str, Any]) -> tuple[dict[bytes, int], list[int]]:
    """Rank of each token that merges make, after 256 for the bytes; and the id of each rank.

    Raises:
        NotProvenError: a byte has no token, or merges of one token stand apart.
    """
    characters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call] # theirs
    of_character = {character: byte for byte, character in characters.items()}
    vocabulary = model["vocab"]
    missing = [byte for byte in range(256) if characters[byte] not in vocabulary]
    if missing:
        raise NotProvenError(f"{len(missing)} of the 256 bytes have no token")
    ids = [vocabulary[characters[byte]] for byte in range(256)]
    merged: dict[bytes, int] = {}
    last = ""
    for pair in model["merges"]:
        name = "".join(pair) if isinstance(pair, list) else pair.replace(" ", "")
        if name == last:
            continue
        last = name
        if not of_character.keys() >= set(name):
            raise NotProvenError("a merge makes a token that is not of bytes")
        content = bytes(of_character[character] for character in name)
        if content in merged:
            raise NotProvenError("the merges of one token stand apart")
        merged[content] = len(ids)
        ids.append(vocabulary[name])
    return merged, ids


def _check_whole(backend: Tokenizer, merged: Mapping[bytes, int]) -> None:
    """See that each token is read as itself, by the merges alone.

    Raises:
        NotProvenError: one is not.
    """
    characters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call] # theirs
    table = {byte: ord(character) for byte, character in characters.items()}
    read = backend.model.tokenize
    for content in merged:
        name = content.decode("latin-1").translate(table)
        if len(read(name)) != 1:
            raise NotProvenError("a token of the vocabulary cannot be reached by its merges")
