"""Open a tokenizer that someone else made: from a folder, a run, or the hub.

Code that comes with a tokenizer is run only for a recipe that allows it, and whatever is wrong with
it is a TokenizerError that names the file, what was found and what is needed.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import (
    AutoTokenizer,
    GPT2Tokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from lmkit.data.sentencepiece_file import SUFFIX, check_sentencepiece
from lmkit.data.tokenizer_bounds import require_bounds
from lmkit.errors import HubError, TokenizerError, of_tokenizers
from lmkit.hub import model_commit
from lmkit.own_code import REFUSED
from lmkit.recipe.nearest import nearest

_VOCABULARIES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "config.json")
_LARGEST = 256 << 20  # bytes of a file; that of a vocabulary of 262,144 tokens has 33 MB
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def load_tokenizer(
    source: str, revision: str | None = None, *, trusted: bool = False
) -> PreTrainedTokenizerBase:
    """A tokenizer from a folder, a run folder (its `model/`) or the hub.

    Args:
        source: the folder or the hub name.
        revision: of a hub name.
        trusted: run the code that comes with it.

    Raises:
        TokenizerError: there is no such folder, no tokenizer in it, or it is damaged or hostile;
            the file is named.
        HubError: the hub cannot be reached or does not hold it.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        opened = _from_folder(folder, trusted=trusted)
    elif folder.exists():
        raise TokenizerError(f"{source}: is a file; name the folder that holds it")
    elif _is_hub_name(source):
        opened = _from_hub(source, revision, trusted=trusted)
    else:
        found = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        close = nearest(folder.name, found)
        hint = f"; did you mean {folder.parent / close}?" if close else ""
        raise TokenizerError(f"{source}: there is no such tokenizer folder{hint}")
    require_bounds(opened, source)
    return opened


def _from_folder(folder: Path, *, trusted: bool) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder, of a run's `model/` where the folder itself has none."""
    if not _found(folder) and _found(folder / "model"):
        folder = folder / "model"
    found = _found(folder)
    settings = [name for name in _SETTINGS if (folder / name).is_file()]
    for name in (*found, *settings):
        _check_file(folder / name)
    _check_pieces(folder)
    with told_as_tokenizer_error(str(folder)):
        if found and {"tokenizer_config.json", "config.json"} & {*settings}:
            opened = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
            return as_made(opened)
        if "tokenizer.json" in found:
            return as_made(PreTrainedTokenizerFast.from_pretrained(folder))
    if {"vocab.json", "merges.txt"} <= {*found}:
        return _gpt2(folder)
    files = sorted(path.name for path in folder.iterdir()) or ["nothing"]
    more = ", ..." if len(files) > 8 else ""
    needed = "tokenizer.json and tokenizer_config.json, or the vocab.json and merges.txt of GPT-2"
    if found:
        needed = f"a tokenizer_config.json beside {found[0]} that names `tokenizer_class`"
    raise TokenizerError(
        f"{folder}: no tokenizer that can be opened; found {', '.join(files[:8])}{more}; needed is "
        f"{needed}"
    )


def _gpt2(folder: Path) -> PreTrainedTokenizerBase:
    """A bare vocab.json and merges.txt: those of GPT-2, told by its one special token."""
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    if not isinstance(vocabulary, dict) or "<|endoftext|>" not in vocabulary:
        raise TokenizerError(
            f"{folder}: vocab.json holds no `<|endoftext|>`, so this is not GPT-2's vocabulary; "
            "add a tokenizer_config.json that names `tokenizer_class` and the special tokens"
        )
    with told_as_tokenizer_error(str(folder)):
        return as_made(GPT2Tokenizer.from_pretrained(folder))


def _from_hub(name: str, revision: str | None, *, trusted: bool) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub model; from the hub's local cache where there is no network."""
    commit = model_commit(name, revision)
    try:
        with told_as_tokenizer_error(name):
            opened = AutoTokenizer.from_pretrained(
                name,
                revision=commit or revision,
                local_files_only=commit is None,
                trust_remote_code=trusted,
            )
    except TokenizerError as error:
        if commit is not None:
            raise
        raise HubError(
            f"{name}: there is no such folder here, the hub cannot be reached, and it was not "
            f"downloaded before; get it where there is a network (`hf download {name} --local-dir "
            f"FOLDER`) and name the folder (tokenizer.source), or train one (tokenizer.train)"
        ) from error
    read = opened.init_kwargs.get("vocab_file")
    if isinstance(read, str) and read.endswith(SUFFIX):
        _check_pieces(Path(read).parent)
    return as_made(opened)


def _found(folder: Path) -> list[str]:
    """The files of a folder that hold a vocabulary."""
    return [name for name in _VOCABULARIES if (folder / name).is_file()]


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise TokenizerError(
                f"{path}: has {size >> 20} MB, which no tokenizer needs; allowed are "
                f"{_LARGEST >> 20} MB"
            )
        if path.suffix == ".json":
            json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path}: is damaged: not JSON: {error}") from error
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from error


def _check_pieces(folder: Path) -> None:
    """Hold the vocabulary of a folder that has nothing but sentencepiece's against its library."""
    found = _found(folder)
    if found and all(name.endswith(SUFFIX) for name in found):
        for name in found:
            check_sentencepiece(folder / name)


def _is_hub_name(source: str) -> bool:
    """Whether this may be a name on the hub rather than a path: `name` or `org/name`."""
    parent = Path(source).parent
    return bool(_HUB_NAME.fullmatch(source)) and (parent == Path() or not parent.is_dir())


def as_made(tokenizer: Any) -> PreTrainedTokenizerBase:
    """The tokenizer without what loading noted in it: saved again, it gives the same bytes."""
    for name in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(name, None)
    checked: PreTrainedTokenizerBase = tokenizer
    return checked


@contextmanager
def told_as_tokenizer_error(source: str) -> Iterator[None]:
    """Whatever a damaged or hostile tokenizer sets off, as a TokenizerError."""
    try:
        yield
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ImportError,
        RuntimeError,
    ) as error:
        raise TokenizerError(_explained(source, error)) from error
    except BaseException as error:
        if of_tokenizers(error):
            raise TokenizerError(_explained(source, error)) from error
        raise


def _explained(source: str, error: BaseException) -> str:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if "trust_remote_code" in reason or "execute" in reason:
        reason = f"it {REFUSED}"
    return f"{source}: the tokenizer cannot be opened: {reason}"
