"""Words that a masked language model finds likely in the place of others.

Of each text some whole words are hidden together, as in the model's own training, and the likeliest
other words at their places are kept (Wu et al. 2019, Conditional BERT contextual augmentation,
section 3, without its condition on the label: arXiv:1812.06705).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerBase

from lmkit.errors import ModelError
from lmkit.models.inspecting import usable_positions
from lmkit.models.loading import load_for_inference

BATCH = 32  # texts at a time
LONGEST = 512  # tokens of a text that are read
_LOOKED_AT = 8  # likeliest tokens for each that is kept: many are parts of words

Proposal = tuple[int, int, tuple[str, ...]]
"""Start and end of a word in the characters of its text, and the words proposed for it."""


def propose(
    texts: Sequence[str],
    source: str,
    tokenizer: PreTrainedTokenizerBase,
    *,
    share: float,
    top_k: int,
    keep: Callable[[str], bool],
    seed: int,
) -> Iterator[list[Proposal]]:
    """For each text the words that may be replaced, in their order, and by what.

    Args:
        texts: in any number; some are held at a time.
        source: a model folder, a run folder or a hub name.
        tokenizer: the model's own.
        share: of the words of a text that are hidden, at most.
        top_k: how many words are kept for each.
        keep: whether a word is to stay.
        seed: of the choice of words.

    Raises:
        ModelError: it is no masked model, or its tokenizer cannot say where words stand.
    """
    if not tokenizer.is_fast or tokenizer.mask_token_id is None:
        raise ModelError(
            f"{source}: its tokenizer has no mask token, or cannot tell where a token stands in "
            "the text; name a masked language model with a fast tokenizer"
        )
    model = load_for_inference(source, AutoModelForMaskedLM)
    limit = min(usable_positions(model.config) or LONGEST, LONGEST)
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        drawn = [random.Random(f"{seed}/{start + number}") for number in range(len(part))]
        yield from _of_batch(part, model, tokenizer, limit, share, top_k, keep, drawn)


@torch.no_grad()
def _of_batch(
    texts: Sequence[str],
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    limit: int,
    share: float,
    top_k: int,
    keep: Callable[[str], bool],
    drawn: Sequence[random.Random],
) -> list[list[Proposal]]:
    encoded = tokenizer(
        list(texts), truncation=True, max_length=limit, padding=True, return_tensors="pt",
        return_offsets_mapping=True,
    )  # fmt: skip
    offsets = encoded.pop("offset_mapping").tolist()
    ids = encoded["input_ids"]  # (B, T)
    hidden = [
        _hidden(encoded.word_ids(row), offsets[row], text, share, keep, drawn[row])
        for row, text in enumerate(texts)
    ]
    original = ids.clone()
    for row, places in enumerate(hidden):
        ids[row, places] = tokenizer.mask_token_id
    logits = model(**encoded.to(model.device)).logits.float()  # (B, T, V)
    found = []
    for row, places in enumerate(hidden):
        likely = logits[row, places].topk(min(_LOOKED_AT * top_k, logits.shape[-1])).indices
        proposals = []
        for place, tokens in zip(places, likely.tolist(), strict=True):
            begin, end = offsets[row][place]
            words = _words(tokens, int(original[row, place]), texts[row][begin:end], tokenizer)
            if words[:top_k]:
                proposals.append((begin, end, tuple(words[:top_k])))
        found.append(proposals)
    return found


def _hidden(
    words: Sequence[int | None],
    offsets: Sequence[tuple[int, int]],
    text: str,
    share: float,
    keep: Callable[[str], bool],
    drawn: random.Random,
) -> list[int]:
    """Places of tokens that are whole words of letters, a share of them, in order."""
    free = []
    for place, word in enumerate(words):
        begin, end = offsets[place]
        alone = word is not None and list(words).count(word) == 1
        if alone and text[begin:end].strip().isalpha() and not keep(text[begin:end].strip()):
            free.append(place)
    count = min(len(free), max(1, round(share * len(free)))) if free else 0
    return sorted(drawn.sample(free, count))


def _words(
    tokens: Sequence[int], original: int, text: str, tokenizer: PreTrainedTokenizerBase
) -> list[str]:
    """The tokens that are whole words and not the one that stood there, written as that was."""
    stood = text.strip()
    lead = text[: len(text) - len(text.lstrip())]
    opening = str(tokenizer.convert_ids_to_tokens(original))[0]
    made = []
    for token in tokens:
        entry = str(tokenizer.convert_ids_to_tokens(token))
        word = str(tokenizer.decode([token])).strip()
        alike = (entry[0] == opening) if opening in "\u0120\u2581" else entry[0].isalpha()
        if not (alike and word.isalpha()) or word.casefold() == stood.casefold():
            continue
        made.append(lead + (word.capitalize() if stood.istitle() else word))
    return list(dict.fromkeys(made))
