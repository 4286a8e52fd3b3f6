"""What an encoder-decoder starts a text with, and what of it stands in its configuration."""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.errors import ModelError, TokenizerError
from lmkit.models.inputs import unwrapped
from lmkit.models.inspecting import one_line
from lmkit.recipe.options.seq2seq import Seq2SeqOptions

# A text of these starts with the end token (BART, Lewis et al. 2020); of all others with padding,
# as T5's (Raffel et al. 2020).
STARTS_WITH_END = frozenset({"bart", "led", "m2m_100", "mvp", "nllb-moe", "plbart"})


def start_keys(config: PreTrainedConfig, *, end: int, pad: int, vocabulary: int) -> dict[str, int]:
    """The keys of a new model's configuration that tell of its targets: their start, end, tokens.

    Args:
        config: of the model, before its vocabulary is that of the tokenizer.
        end: id of the token that ends a text.
        pad: id of the padding token.
        vocabulary: tokens that there are.
    """
    keys = {"decoder_start_token_id": end if config.model_type in STARTS_WITH_END else pad}
    if getattr(config, "forced_eos_token_id", None) is not None:
        keys["forced_eos_token_id"] = end
    if hasattr(config, "decoder_vocab_size"):  # Marian's
        keys["decoder_vocab_size"] = vocabulary
    return keys


def decoder_inputs(model: torch.nn.Module, labels: Tensor) -> Tensor:
    """What the decoder reads to predict `labels`, (B, T): each row shifted right by its own rule.

    The start token and, after it, all but the last label; IGNORED becomes padding. (mBART's start
    is the label that tells the language, the last of each row.)
    """
    inner: Any = unwrapped(model)
    shifted: Tensor = inner.prepare_decoder_input_ids_from_labels(labels)
    return shifted


def check_start(model: PreTrainedModel) -> None:
    """See that the model knows what a text starts with.

    Raises:
        ModelError: it does not; says which key to set.
    """
    table: Any = model.get_input_embeddings()
    try:
        decoder_inputs(model, torch.zeros((1, 2), dtype=torch.long, device=table.weight.device))
    except (AttributeError, ValueError, TypeError, RuntimeError) as error:
        told = one_line(error)
        raise ModelError(
            f"model: {model.config.model_type} does not say which token a target starts with "
            f"({told.rstrip('.')}); set model.config.decoder_start_token_id (and pad_token_id) to "
            "the ids that it was trained with"
        ) from error


def check_end(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """See that an encoder-decoder finds the end of a text, by whose state it classifies.

    (BART, Lewis et al. 2020, section 3.1. Of padding, texts of one batch have unlike numbers.)

    Args:
        config: of the model; of other kinds nothing is asked.
        tokenizer: with its padding token.

    Raises:
        ModelError: there is no such token, or texts do not end with it.
    """
    if not config.is_encoder_decoder:
        return
    end = getattr(config, "eos_token_id", None)
    if end is None:
        found = "the tokenizer has none"
    elif end not in tokenizer("a")["input_ids"]:
        found = f"the tokenizer does not put it (id {end}) after a text"
    elif end == tokenizer.pad_token_id:
        found = f"the tokenizer pads with it (id {end})"
    else:
        return
    raise ModelError(
        f"model: {config.model_type} classifies a text by the state of its end token, but {found}; "
        "take the model's own tokenizer, train one (tokenizer.train), or name an `eos_token` and a "
        "`pad_token` in its tokenizer_config.json and let its tokenizer.json add the end to a text"
    )


def fitting_lengths(options: Seq2SeqOptions, positions: int | None) -> dict[str, int]:
    """The lengths that were left to lmkit and are more than a model's positions, made to fit.

    Args:
        options: of the task.
        positions: that the model has; None where nothing bounds them.

    Raises:
        ModelError: a length that the recipe sets is too large.
    """
    made = {}
    for name in ("max_source_length", "max_target_length"):
        length = getattr(options, name)
        if positions is None or length <= positions:
            continue
        if name in options.model_fields_set:
            raise ModelError(
                f"task.{name}: {length}, but the model has {positions} positions; set it to at "
                f"most {positions}"
            )
        made[name] = positions
    return made


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the padding token.

    Raises:
        TokenizerError: there is none.
    """
    if tokenizer.pad_token_id is None:
        raise TokenizerError(
            "tokenizer: it has no padding token, which sources of unlike lengths need; name a "
            "`pad_token` in its tokenizer_config.json"
        )
    return int(tokenizer.pad_token_id)
