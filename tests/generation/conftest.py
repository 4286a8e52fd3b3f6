"""Models whose likeliest tokens stand clear of the others, and a tokenizer of single bytes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import CONFIG_MAPPING, PreTrainedModel, PreTrainedTokenizerFast

END = "<end>"


@pytest.fixture(scope="session")
def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Token i is the i-th letter of the byte alphabet; the last, 256, is the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, bos_token=END)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., PreTrainedModel]:
    """`make_model(auto_class, model_type, **config)`: wide random weights, always the same."""

    def make(auto_class: Any, model_type: str, **config: Any) -> PreTrainedModel:
        ids = {"bos_token_id": 256, "eos_token_id": 256, "pad_token_id": 256}
        made = CONFIG_MAPPING[model_type](**{"vocab_size": 257, **ids, **config})
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model: PreTrainedModel = auto_class.from_config(made).eval()
            for weight in model.parameters():
                if weight.dim() > 1:
                    torch.nn.init.normal_(weight, std=0.3)
        return model

    return make
