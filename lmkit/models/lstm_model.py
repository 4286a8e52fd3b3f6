"""The recurrent model that language models and classifiers share.

Shape letters: B rows, T columns, E width of a token, W width of an output.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.utils.generic import can_return_tuple

from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.lstm_layers import LockedDropout, Stack
from lmkit.models.lstm_runs import Runs, find_runs
from lmkit.models.lstm_states import RecurrentCache, State, zero_state


class LSTMPreTrainedModel(PreTrainedModel):  # type: ignore[no-untyped-call] # not annotated
    """What the models have in common: configuration, names and new weights."""

    config_class = LSTMConfig
    base_model_prefix = "model"
    _is_stateful = True  # a state cannot be taken back to an earlier token

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Fill a new module.

        Recurrent weights as torch does, uniform in +-1 / sqrt(H), but the forget gates of an LSTM
        open (Jozefowicz et al. 2015, "An empirical exploration of recurrent network
        architectures", section 2.2).
        """
        if isinstance(module, nn.LSTM | nn.GRU):
            bound = module.hidden_size**-0.5
            for name, weight in module.named_parameters():
                init.uniform_(weight, -bound, bound)
                if isinstance(module, nn.LSTM) and name.startswith("bias"):
                    gates = getattr(weight, "_is_hf_initialized", False)
                    if not gates:  # in, forget, cell, out
                        weight[module.hidden_size : 2 * module.hidden_size] = 0.5
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.initializer_range)
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                init.zeros_(module.bias)


class LSTMModel(LSTMPreTrainedModel):
    """Embedding and recurrent layers: ids (B, T) to states (B, T, W)."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        locked = config.locked_dropout
        self.embedding_dropout = LockedDropout(config.embedding_dropout, locked=locked)
        self.layers = Stack(config)
        self.output_dropout = LockedDropout(config.output_dropout, locked=locked)
        self.post_init()  # type: ignore[no-untyped-call] # not annotated

    def get_input_embeddings(self) -> nn.Module:
        """The embedding table."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Take another embedding table."""
        assert isinstance(value, nn.Embedding)
        self.embeddings = value

    @can_return_tuple  # type: ignore[untyped-decorator] # not annotated
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,  # noqa: ARG002 - tokenizers give more than every model reads
    ) -> BaseModelOutputWithPast:
        """Read a batch.

        Args:
            input_ids: (B, T).
            attention_mask: (B, T), or (B, all columns so far) with a cache; 0 at padding, which
                changes nothing, on whichever side it stands.
            position_ids: (B, T) or (1, T); where they do not go on by one, a text of its own
                begins.
            past_key_values: the states to go on from, of a `RecurrentCache`.
            inputs_embeds: (B, T, E) instead of ids.
            use_cache: return the states; by default as configured.
            kwargs: nothing that is read.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        embedded = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        embedded = self.embedding_dropout(embedded)  # (B, T, E)
        rows, columns = embedded.shape[:2]
        wanted = self.config.use_cache if use_cache is None else use_cache
        cache = self._cache(past_key_values, wanted=bool(wanted))
        if attention_mask is not None:
            if attention_mask.ndim != 2:
                raise ValueError("an attention_mask of a recurrent model has two dimensions")
            attention_mask = attention_mask[:, -columns:]
        if position_ids is not None:
            position_ids = position_ids.expand(rows, columns)
        groups = find_runs(attention_mask, position_ids, alike=cache is not None)
        states = None if cache is None else cache.states()
        if groups is None:
            outputs, after = self.layers(embedded, None, states)
        else:
            outputs, after = self._read_runs(embedded, groups, states)
        if cache is not None:
            cache.put(after, columns)
        return BaseModelOutputWithPast(
            last_hidden_state=self.output_dropout(outputs),
            past_key_values=cache,
        )

    def _cache(self, given: Cache | None, *, wanted: bool) -> RecurrentCache | None:
        """The cache to fill; none for a model that reads in both directions."""
        if self.config.bidirectional or not (wanted or given is not None):
            return None
        if given is None:
            return RecurrentCache(self.config.num_layers)
        if not isinstance(given, RecurrentCache):
            raise TypeError(f"past_key_values: a RecurrentCache is needed, not a {type(given)}")
        return given

    def _read_runs(
        self, embedded: Tensor, groups: list[Runs], states: list[State] | None
    ) -> tuple[Tensor, list[State]]:
        """Outputs (B, T, W), zero at padding, and each row's states after its last token."""
        config = self.config
        rows, columns = embedded.shape[:2]
        if states is None:
            size = config.hidden_size
            nothing = zero_state(rows, size, config.cell, embedded)
            states = [nothing] * config.num_layers
        flat = embedded.flatten(0, 1)
        after = [tuple(part.clone() for part in state) for state in states]
        places, found = [embedded.new_empty(0, dtype=torch.long)], []
        for group in groups:
            opens = group.opens[:, None]
            before = [tuple(part[group.rows] * opens for part in state) for state in states]
            outputs, ends = self.layers(flat[group.tokens], group.lengths, before)
            real = group.real()
            places.append(group.tokens[real])
            found.append(outputs[real])
            for kept, end in zip(after, ends, strict=True):
                for whole, part in zip(kept, end, strict=True):
                    # right for runs that are alike; else nobody asks for the states
                    whole[group.rows[group.closes]] = part.detach()[group.closes].to(whole.dtype)
        like = found[0] if found else embedded
        whole = like.new_zeros(rows * columns, config.output_size)
        if found:
            whole = whole.index_copy(0, torch.cat(places), torch.cat(found))
        return whole.view(rows, columns, -1), after
