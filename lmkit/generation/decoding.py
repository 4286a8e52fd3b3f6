"""The decoding loop of causal models: one forward pass a step over the continuations still open.

Prompts are padded on the left and positions counted from each prompt's first token, so that a
continuation is the same alone and in a batch; where nothing is padded no mask is passed, which is
the fastest path of the attention kernels. A continuation that has ended leaves the batch and the
cache. Shape letters: B continuations, T tokens of the longest prompt, V vocabulary.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmkit.generation.batching import left_padded
from lmkit.generation.cache import with_room
from lmkit.generation.continuation import Continuation
from lmkit.generation.remembered import Remembered
from lmkit.generation.sampling import Chooser, Strategy
from lmkit.models.inspecting import POSITIONS_AFTER_PADDING

# These know positions by the distance between tokens alone, which padding does not change.
RELATIVE_POSITIONS = frozenset({"bloom", "mpt"})


class CausalDecoder:
    """Writes with a causal model that keeps a cache of keys and values."""

    def __init__(
        self,
        model: PreTrainedModel,
        strategy: Strategy,
        ends: frozenset[int],
        remembered: Remembered | None = None,
    ) -> None:
        """Take a model on its device.

        Args:
            model: the writer.
            strategy: how a token is chosen.
            ends: the tokens that end a text.
            remembered: what a text that is alone in its batch may begin from, and leaves behind.
        """
        self.model = model
        self.remembered = remembered
        self.strategy = strategy
        self.ends = ends
        self.parameters = frozenset(inspect.signature(model.forward).parameters)
        self.first_position = 0
        if model.config.model_type in POSITIONS_AFTER_PADDING:
            self.first_position = (getattr(model.config, "pad_token_id", None) or 0) + 1

    @staticmethod
    def serves(model: PreTrainedModel) -> bool:
        """Whether the model is one for this loop: causal, with a cache that its forward takes."""
        parameters = inspect.signature(model.forward).parameters
        return not model.config.is_encoder_decoder and "past_key_values" in parameters

    @property
    def one_length(self) -> bool:
        """Whether only prompts of one length may share a batch.

        A model that takes no positions may count the padding (Mamba's state runs through it).
        """
        relative = self.model.config.model_type in RELATIVE_POSITIONS
        return not (relative or "position_ids" in self.parameters)

    @torch.inference_mode()
    def write(self, rows: Sequence[Continuation]) -> None:
        """Continue all rows to their ends.

        Raises:
            ModelError: the model's logits are not finite.
        """
        device = self.model.device
        ids, mask = (part.to(device) for part in left_padded([row.ids for row in rows]))
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + self.first_position  # (B, T)
        padded = not bool(mask.all())
        chooser = Chooser(
            self.strategy,
            [row.key for row in rows],
            max(row.limit for row in rows),
            [row.ids for row in rows],
        )
        first, remembered = rows[0], self.remembered if len(rows) == 1 else None
        cache, read = remembered.take(first.ids) if remembered else (None, 0)
        ids, positions = ids[:, read:], positions[:, read:]
        try:
            while True:
                inputs = self._inputs(ids, positions, mask if padded else None, cache)
                outputs = self.model(**inputs)
                found = outputs.past_key_values
                cache = found if cache is not None else with_room(found)
                read += ids.shape[1]
                tokens = chooser.choose(outputs.logits[:, -1].float())  # (B,)
                for row, token in zip(rows, tokens.tolist(), strict=True):
                    row.push(token, self.ends)
                open_rows = [place for place, row in enumerate(rows) if row.finish is None]
                if not open_rows:
                    return
                if len(open_rows) < len(rows):
                    kept = torch.tensor(open_rows, device=device)
                    rows = [rows[place] for place in open_rows]
                    cache.reorder_cache(kept)
                    chooser.keep(kept)
                    tokens, mask, positions = tokens[kept], mask[kept], positions[kept]
                ids, positions = tokens[:, None], positions[:, -1:] + 1
                mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
        finally:  # one that is stopped by Ctrl-C too: the talk goes on
            if remembered:
                remembered.keep([*first.ids, *first.tokens][:read], cache)

    def _inputs(
        self, ids: Tensor, positions: Tensor, mask: Tensor | None, cache: Any
    ) -> dict[str, Any]:
        """The forward's arguments; the logits of the last position are all that is asked for."""
        inputs = {"input_ids": ids, "past_key_values": cache, "use_cache": True}
        if mask is not None:
            inputs["attention_mask"] = mask
        if "position_ids" in self.parameters:
            inputs["position_ids"] = positions
        if "logits_to_keep" in self.parameters:
            inputs["logits_to_keep"] = 1
        return inputs
