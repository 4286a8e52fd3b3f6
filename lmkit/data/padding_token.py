"""The token that fills up the shorter texts of a batch, also for tokenizers that have none."""

from transformers import PreTrainedTokenizerBase

from lmkit.errors import TokenizerError


def give_padding(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the padding token; where there is none (GPT-2), the end token becomes it.

    Raises:
        TokenizerError: there is neither.
    """
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise TokenizerError(
                "tokenizer: it has neither a padding token nor an end token, so texts of unlike "
                "lengths cannot share a batch; name a `pad_token` in its tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token
    return int(tokenizer.pad_token_id)
