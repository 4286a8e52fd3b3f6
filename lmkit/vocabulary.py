"""How many ids a tokenizer needs a model to hold."""

from transformers import PreTrainedTokenizerBase

from lmkit.errors import TokenizerError


def id_count(tokenizer: PreTrainedTokenizerBase) -> int:
    """One more than the largest id; `len(tokenizer)` counts entries, and ids may have gaps.

    Raises:
        TokenizerError: the vocabulary is empty.
    """
    vocabulary = tokenizer.get_vocab()
    if not vocabulary:
        raise TokenizerError("the tokenizer's vocabulary is empty")
    return int(max(vocabulary.values())) + 1
