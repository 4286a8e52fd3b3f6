"""The tokenizer of a run: loaded from a folder or the hub, or trained and kept in the cache."""

import hashlib
import json
import logging
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from lmkit import own_code
from lmkit.data.cache import cache_dir, entry
from lmkit.data.mixture import text_of
from lmkit.data.rows import Source
from lmkit.data.stream import Stream
from lmkit.data.text_columns import TextColumns
from lmkit.data.tokenizer_loading import as_made, told_as_tokenizer_error
from lmkit.data.tokenizer_loading import load_tokenizer as load_tokenizer
from lmkit.data.tokenizer_texts import texts_to_learn
from lmkit.data.tokenizer_training import Kind, train_tokenizer
from lmkit.errors import TokenizerError
from lmkit.recipe.sections import Recipe, TokenizerTraining

logger = logging.getLogger(__name__)

FORMAT = 2  # of trained tokenizers: raised when the same text would give other bytes
LANGUAGE_MODELS = ("causal_lm", "masked_lm")
NEEDED = {
    "masked": ("mask_token", "cls_token", "sep_token", "pad_token"),
    "causal": ("eos_token",),
    "seq2seq": ("eos_token", "pad_token"),
}
_TRAIN = "or train one (tokenizer.train)"


def prepare_tokenizer(recipe: Recipe, train: Source) -> PreTrainedTokenizerBase:
    """The tokenizer that a recipe asks for, with its `add_tokens`, checked against the task.

    Trained on the training split (or taken from the cache, where the same split and options were
    seen before), or loaded from `tokenizer.source`, else from `model.source`.

    Raises:
        TokenizerError: it cannot be read, is too small, or lacks a special token of the task.
        HubError: the hub cannot be reached or does not hold it.
        DataError: the text column is missing.
        CacheError: the cache cannot be written.
    """
    section = recipe.tokenizer
    kind = _kind(recipe)
    if section.train is not None:
        tokenizer = _trained(section.train, kind, train, TextColumns.of(recipe.task))
    else:
        source = section.source or recipe.model.source
        assert source is not None, "a recipe has a tokenizer or a model that brings one"
        revision = recipe.model.revision if section.source is None else None
        trusted = recipe.model.trust_remote_code
        if trusted:
            own_code.warn("tokenizer", source)
        tokenizer = load_tokenizer(source, revision, trusted=trusted)
        if recipe.task.name in LANGUAGE_MODELS:
            _check_special(tokenizer, kind, source)
        elif tokenizer.pad_token is None and tokenizer.eos_token is not None:
            tokenizer.pad_token = tokenizer.eos_token  # as GPT-2's; its embedding is never read
            logger.info(f"tokenizer: pads with its end token {tokenizer.eos_token}")
    if recipe.model.source is None:
        tokenizer.model_max_length = _longest(recipe)
    known = tokenizer.get_vocab()
    if new := [token for token in dict.fromkeys(section.add_tokens) if token not in known]:
        tokenizer.add_tokens(new)
    if section.add_tokens:
        there = len(section.add_tokens) - len(new)
        logger.info(
            f"tokenizer: {len(new)} tokens added ({there} were there), {len(tokenizer):,} now"
        )
    return tokenizer


def start_token_id(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token a document starts with: begin, else end (as GPT-2), else [CLS], else none."""
    for name in ("bos_token_id", "eos_token_id", "cls_token_id"):
        token_id = getattr(tokenizer, name)
        if token_id is not None:
            return int(token_id)
    return None


def end_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token a document ends with: end, else [SEP].

    Raises:
        TokenizerError: the tokenizer has neither.
    """
    for name in ("eos_token_id", "sep_token_id"):
        token_id = getattr(tokenizer, name)
        if token_id is not None:
            return int(token_id)
    raise TokenizerError(
        f"{_named(tokenizer)}has no `eos_token` and no `sep_token` to end a document with; name "
        f"one in its tokenizer_config.json, take another tokenizer (tokenizer.source), {_TRAIN}"
    )


def unknown_token_id(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that stands for text which is not in the vocabulary, or None.

    GPT-2's tokenizer names its end token as the unknown one and never needs either for a text.
    """
    unknown = tokenizer.unk_token_id
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return None if unknown is None or unknown in marks else int(unknown)


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 (hex) of all that decides ids: not of names, paths or the state of padding."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        state = json.dumps({
            "class": type(tokenizer).__name__, "vocab": tokenizer.get_vocab(),
            "options": {k: str(v) for k, v in tokenizer.init_kwargs.items() if "path" not in k},
        }, sort_keys=True)  # fmt: skip
    else:
        state = _deciding(backend.to_str())
    content = {
        "backend": state,
        "special": {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        "add": [getattr(tokenizer, f"add_{part}_token", None) for part in ("bos", "eos")],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=2)  # every split asks for the same, and a large vocabulary takes 0.1 s to read
def _deciding(serialized: str) -> str:
    """Of a tokenizer.json what decides ids, written one way: a SHA-256 (hex)."""
    state = json.loads(serialized)
    state.pop("padding", None)
    state.pop("truncation", None)
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """`save_pretrained`, where a full disk is an `OSError` as everywhere else.

    `tokenizers` raises a bare `Exception` for it, so Python writes the large file first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        (folder / "tokenizer.json").write_text(backend.to_str(pretty=True), encoding="utf-8")
    tokenizer.save_pretrained(str(folder))


def _trained(
    section: TokenizerTraining, kind: Kind, train: Source, columns: TextColumns
) -> PreTrainedTokenizerBase:
    """The tokenizer learned from a split, from the cache where it is there."""
    started = time.perf_counter()
    if isinstance(train, Stream):
        logger.info("tokenizer: learned from the first shard of the stream")
        train = train.first
    content = {
        "format": FORMAT,
        "source": text_of(train).fingerprint(),
        "columns": columns,
        "kind": kind,
        "options": section.model_dump(),
    }
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def write(folder: Path) -> dict[str, Any]:
        learned = train_tokenizer(
            section, texts_to_learn(train, columns), model_max_length=1 << 20, kind=kind
        )
        save_tokenizer(learned, folder)
        return {"content": content}

    made = entry(cache_dir() / "tokenizers" / key, write)
    with told_as_tokenizer_error(str(made.folder)):
        tokenizer = as_made(PreTrainedTokenizerFast.from_pretrained(made.folder))
    state = "hit" if made.hit else "miss"
    logger.info(
        f"tokenizer: cache {state} ({made.reason}) {key[:12]}: {section.type}, {len(tokenizer):,} "
        f"tokens, {time.perf_counter() - started:.2f} s"
    )
    if len(tokenizer) < section.vocab_size and section.type != "byte":
        logger.warning(
            f"tokenizer: the training text holds only {len(tokenizer):,} tokens of the "
            f"{section.vocab_size:,} asked for (tokenizer.train.vocab_size)"
        )
    return tokenizer


def _kind(recipe: Recipe) -> Kind:
    """Which special tokens a run needs: those of its task, else those of its architecture."""
    if recipe.task.name == "seq2seq":
        return "seq2seq"
    if recipe.task.name in LANGUAGE_MODELS:
        return "causal" if recipe.task.name == "causal_lm" else "masked"
    architecture = recipe.model.architecture
    encoder = architecture in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if architecture in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return "seq2seq"  # BART's one class is among the encoders too
    return "masked" if encoder else "causal"


def _longest(recipe: Recipe) -> int:
    """The tokens of the longest sequence that a new model is trained with."""
    task = recipe.task
    return int(getattr(task, "block_size", None) or getattr(task, "max_length", None) or 1 << 20)


def _check_special(tokenizer: PreTrainedTokenizerBase, kind: Kind, source: str) -> None:
    for name in NEEDED[kind]:
        if getattr(tokenizer, name) is None:
            raise TokenizerError(
                f"{source}: the tokenizer has no `{name}`, which a {kind} language model needs; "
                "name one in its tokenizer_config.json, take another tokenizer "
                f"(tokenizer.source), {_TRAIN}"
            )


def _named(tokenizer: PreTrainedTokenizerBase) -> str:
    return (
        f"{tokenizer.name_or_path}: the tokenizer " if tokenizer.name_or_path else "the tokenizer "
    )
