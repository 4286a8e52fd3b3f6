"""A vocabulary in a file of the `sentencepiece` library, looked at before transformers opens it.

Without the library, transformers takes such a file for one of tiktoken's: one that holds nothing,
or the wrong thing, then gives a tokenizer that knows only its special tokens.
"""

import base64
import binascii
import importlib
from pathlib import Path

from lmkit.data.confined import Confined, ConfinedError
from lmkit.errors import TokenizerError, require_extra

SUFFIX = ".model"
SECONDS = 20.0
"""That opening one may take; of 256,000 pieces, 0.3 s."""
_HEAD = 4096  # bytes that tell the kind of a file


def check_sentencepiece(path: Path) -> None:
    """Refuse a file that would be misread.

    Args:
        path: a `.model` file, which no `tokenizer.json` stands beside.

    Raises:
        MissingExtraError: it is sentencepiece's, and the library is absent.
        TokenizerError: it cannot be read, or is neither sentencepiece's nor tiktoken's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}") from error
    if _is_tiktoken(content[:_HEAD]):
        return
    require_extra(str(path), "sentencepiece", "sentencepiece")
    try:
        pieces = Confined(_pieces, SECONDS)(content)
    except ConfinedError as error:
        raise TokenizerError(f"{path}: is damaged: no model of sentencepiece: {error}") from error
    if not pieces:
        raise TokenizerError(f"{path}: is damaged: a model of sentencepiece without pieces")


def _pieces(content: bytes) -> int:
    """How many pieces a model holds; run in a child, since the parser is not Python's."""
    library = importlib.import_module("sentencepiece")
    return int(library.SentencePieceProcessor(model_proto=content).get_piece_size())


def _is_tiktoken(head: bytes) -> bool:
    """Whether a file begins as tiktoken's do: a token in base 64, and its rank."""
    parts = head.partition(b"\n")[0].split()
    if len(parts) != 2 or not parts[1].isdigit():
        return False
    try:
        return bool(base64.b64decode(parts[0], validate=True))
    except binascii.Error:
        return False
