"""See that a tokenizer of a stranger neither multiplies a text, nor burns time or memory, nor dies.

The steps of a tokenizer.json (Hugging Face tokenizers, "Components") are small programs: a chain of
replacements can double a text with each, a pattern can try without end, a decoder can panic. What
the steps themselves say is read first, which costs nothing. Where one is of a kind that can do
harm, it is tried on texts made of its own letters, in a child process with bounds (confined.py).
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from tokenizers import Regex, normalizers
from transformers import PreTrainedTokenizerBase

from lmkit.data.confined import Confined, ConfinedError
from lmkit.errors import TokenizerError

SECONDS = 5.0
"""That the trial of a tokenizer may take; one that does no harm needs some hundredths."""
LONGEST_INSERT = 256
"""Characters that one step may put in the place of a few."""
GROWTH = 64
"""Times its length that a text may become; Unicode's own normal forms (NFKD) need 18."""
MOST_STEPS = 1000
MOST_TOKENS = 1 << 24
"""Of a padded or cut text."""
LONGEST_WORD = 1000
"""Characters of a word that WordPiece looks for pieces in, which takes the square of them."""

_STAGES = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
# What can do no more than its name says, whatever its fields hold; all else is tried.
_HARMLESS = frozenset((
    *("Sequence", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents"),
    *("BertNormalizer", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Digits"),
    *("Punctuation", "UnicodeScripts", "ByteLevel", "Metaspace", "ByteFallback", "Fuse"),
    *("BertProcessing", "RobertaProcessing", "TemplateProcessing", "WordPiece", "BPEDecoder"),
))  # fmt: skip
_PUT_IN = ("Replace", "Prepend")
_ORDINARY = ("a", "A", "1", " ", "\n", "!", "é", "中", "\u0301", "\u200d")
_LONG, _SHORT = 2000, 32  # characters of the texts of a trial


def require_bounds(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Refuse a tokenizer that does harm to a text, or to the process that reads one.

    Args:
        tokenizer: just opened.
        source: what messages call it.

    Raises:
        TokenizerError: it multiplies a text, takes too long or too much memory, or crashes.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # written in Python, by transformers: a vocabulary and no steps
        return
    stages = {name: _state(getattr(backend, name)) for name in _STAGES}
    steps = [(name, step) for name, state in stages.items() for step in _steps(state)]
    doubts = [*_lengths(backend), *_of_steps(steps)]
    if not doubts and any(step["type"] not in _HARMLESS for _, step in steps):
        try:
            Confined(partial(_try, backend, stages), SECONDS)(_texts(stages))
        except ConfinedError as error:
            doubts = [f"tried on short texts: {error}"]
    if doubts:
        raise TokenizerError(
            f"{source}: the tokenizer is not safe to use: {doubts[0]}; mend its tokenizer.json, or "
            "take another one (tokenizer.source)"
        )


def _state(part: Any) -> Any:
    """A stage as tokenizer.json holds it."""
    return None if part is None else json.loads(part.__getstate__())


def _steps(state: Any) -> Iterator[dict[str, Any]]:
    """Every step of a stage, those of sequences too."""
    if isinstance(state, list):
        for item in state:
            yield from _steps(item)
    elif isinstance(state, dict):
        if isinstance(state.get("type"), str):
            yield state
        for value in state.values():
            yield from _steps(value)


def _lengths(backend: Any) -> Iterator[str]:
    """What is wrong with the lengths that a tokenizer asks for."""
    asked = {
        "padding.length": (backend.padding or {}).get("length"),
        "padding.pad_to_multiple_of": (backend.padding or {}).get("pad_to_multiple_of"),
        "truncation.stride": (backend.truncation or {}).get("stride"),
    }
    for key, size in asked.items():
        if size is not None and size > MOST_TOKENS:
            yield f"{key} asks for {size:,} tokens; allowed are {MOST_TOKENS:,}"
    word = getattr(backend.model, "max_input_chars_per_word", 0)
    if word > LONGEST_WORD:
        yield f"model.max_input_chars_per_word is {word:,}; allowed are {LONGEST_WORD:,}"


def _of_steps(steps: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """What is wrong with steps by what they say of themselves."""
    if len(steps) > MOST_STEPS:
        yield f"it has {len(steps):,} steps; allowed are {MOST_STEPS:,}"
    for stage, step in steps:
        for field in ("content", "prepend"):
            size = len(str(step.get(field) or ""))
            if step["type"] in _PUT_IN and size > LONGEST_INSERT:
                yield (
                    f"a step of its {stage} ({step['type']}) puts in {size:,} characters at once; "
                    f"allowed are {LONGEST_INSERT}"
                )
        if step["type"] == "TemplateProcessing":
            size = max(len(step["single"]), len(step["pair"]))
            size = max([size, *(len(t["ids"]) for t in step["special_tokens"].values())])
            if size > LONGEST_INSERT:
                yield (
                    f"its {stage} puts {size:,} parts around each text; allowed are "
                    f"{LONGEST_INSERT}"
                )


def _texts(stages: dict[str, Any]) -> list[str]:
    """Texts that set off what the steps do: short ones, and long runs that end otherwise."""
    named: dict[str, None] = {}
    for state in stages.values():
        for step in _steps(state):
            for field in ("pattern", "content", "prepend"):
                value = step.get(field)
                value = next(iter(value.values()), "") if isinstance(value, dict) else value
                named[str(value or "")[:_LONG]] = None
    letters = dict.fromkeys([*_ORDINARY, *re.sub(r"\\.|[^\w]", "", "".join(named))[:64]])
    short = [text * _SHORT for text in (*named, *letters)]
    return [*short, *(letter * _LONG + end for letter in letters for end in ("!", "\0"))]


def _try(backend: Any, stages: dict[str, Any], texts: list[str]) -> None:
    """Encode texts and decode ids; run in a child.

    Raises:
        ValueError: a text grows beyond bounds.
    """
    for name in ("normalizer", "decoder"):
        changes = [_change(step) for step in _steps(stages[name]) if step["type"] in _PUT_IN]
        for text in texts:
            changed = text
            for change in changes:  # one by one: a chain of them would first fill the memory
                changed = change.normalize_str(changed)
                _require_growth(len(text), len(changed))
    backend.no_padding()
    backend.no_truncation()
    for text in texts:
        if backend.normalizer is not None:
            _require_growth(len(text), len(backend.normalizer.normalize_str(text)))
        try:
            backend.encode(text, add_special_tokens=False)
        except BaseException as error:
            if type(error) is not Exception:
                raise
            # else its vocabulary cannot write the text, which is told when one is met
    size = backend.get_vocab_size()
    for number in range(min(size, 64)):
        token = len(str(backend.id_to_token(number) or ""))
        _require_growth(_SHORT * token, len(backend.decode([number] * _SHORT)))


def _change(step: dict[str, Any]) -> Any:
    """A step that puts in text, by itself; a decoder's does with a token what a normalizer does."""
    if step["type"] == "Prepend":
        return normalizers.Prepend(step["prepend"])
    ((kind, pattern),) = step["pattern"].items()
    return normalizers.Replace(Regex(pattern) if kind == "Regex" else pattern, step["content"])


def _require_growth(before: int, after: int) -> None:
    if after > GROWTH * (before + LONGEST_INSERT):
        raise ValueError(
            f"makes {after:,} characters of {before:,}; allowed are {GROWTH} times as many"
        )
