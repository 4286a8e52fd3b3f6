"""How many continuations fit side by side: by the memory of their keys, values and logits.

Kept for each token of a continuation: a key and a value in every layer (Pope et al. 2022,
"Efficiently Scaling Transformer Inference", arXiv:2211.05102, section 3.3). A model that keeps
something else (states, windows) needs less.
"""

import inspect

from transformers import PreTrainedModel

from lmkit.models.memory import free_memory

MOST = {"cpu": 64, "cuda": 512, "mps": 128}
"""Beyond these nothing is won. On a CPU a GPT-2 of 6 layers was slower by 32, 128 and 200 than
by 64 (bench_decode.py); those of GPUs are cautious guesses."""
SHARE = 0.5
"""Of the free memory; the rest is for what the estimate leaves out and for other programs."""
FLOATS_OF_VOCABULARY = 8
"""Numbers of four bytes for each token of the vocabulary: logits, and what sampling makes of them
(scores, weights and their sums in float64)."""
STATES = 12
"""Numbers as wide as the model, a token of the prompt, that are there at once while it is read."""


class Fitting:
    """What a continuation of a model takes, and how many of them fit."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Read the sizes from the configuration of a model that is on its device."""
        config = model.config.get_text_config(decoder=True)
        width = _first(config, "hidden_size", "d_model", "n_embd")
        layers = _first(config, "num_hidden_layers", "decoder_layers", "n_layer", "num_layers")
        heads = _first(config, "num_attention_heads", "decoder_attention_heads", "n_head")
        kept = _first(config, "num_key_value_heads") or heads
        head = _first(config, "head_dim", "d_kv") or width // max(1, heads)
        size = model.dtype.itemsize
        self.device = model.device
        self.bytes_per_token = 2 * layers * max(kept * head, 1 if heads else width) * size
        self.bytes_per_prompt_token = STATES * width * size
        if "logits_to_keep" not in inspect.signature(model.forward).parameters:
            self.bytes_per_prompt_token += 4 * int(config.vocab_size)  # all of them are computed
        self.bytes_per_row = FLOATS_OF_VOCABULARY * 4 * int(config.vocab_size)

    def bytes(self, prompt: int, new: int) -> int:
        """What one continuation takes: a prompt of so many tokens and so many new ones."""
        growing = self.bytes_per_token * (prompt + new)
        return growing + self.bytes_per_prompt_token * prompt + self.bytes_per_row

    def most(self, prompt: int, new: int) -> int:
        """How many such continuations fit now, at least 1 and at most as many as pay."""
        room = int(free_memory(self.device) * SHARE)
        return max(1, min(room // self.bytes(prompt, new), MOST[self.device.type]))


def _first(config: object, *names: str) -> int:
    """The first of these sizes that a configuration has; 0 where it has none."""
    found = (getattr(config, name, None) for name in names)
    return next((size for size in found if isinstance(size, int)), 0)
