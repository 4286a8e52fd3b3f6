"""Recurrent language models and classifiers (LSTM, GRU), as models of transformers.

`import lmkit.models.lstm` makes the Auto classes know them; everything of lmkit that opens models
does so. The language model is the classic one: embedding, LSTM, linear layer (Zaremba et al. 2014,
arXiv:1409.2329), with the regularization of AWD-LSTM as options (Merity et al. 2018,
arXiv:1708.02182). Shape letters: B rows, T columns, W width of an output, V vocabulary, C classes.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    GenerationMixin,
)
from transformers.cache_utils import Cache
from transformers.modeling_outputs import (
    CausalLMOutputWithPast,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.models.auto import modeling_auto
from transformers.utils.generic import can_return_tuple

from lmkit.models.lstm_config import LSTMConfig
from lmkit.models.lstm_model import LSTMModel, LSTMPreTrainedModel


class LSTMForCausalLM(LSTMPreTrainedModel, GenerationMixin):
    """A language model: ids (B, T) to the logits (B, T, V) of what follows each."""

    _tied_weights_keys = {"lm_head.weight": "model.embeddings.weight"}  # noqa: RUF012 - as theirs

    def __init__(self, config: LSTMConfig) -> None:
        if config.bidirectional:
            raise ValueError(
                "bidirectional: true reads what follows, which a language model is to predict"
            )
        super().__init__(config)
        self.model = LSTMModel(config)
        width = config.output_size
        self.projection: nn.Module = nn.Identity()
        if config.tie_word_embeddings and width != config.embedding_size:
            self.projection = nn.Linear(width, config.embedding_size, bias=False)
            width = config.embedding_size
        self.lm_head = nn.Linear(width, config.vocab_size)
        self.post_init()  # type: ignore[no-untyped-call] # not annotated

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """Whether `generate` should make a cache of keys and values: the model makes its own."""
        return False

    @can_return_tuple  # type: ignore[untyped-decorator] # not annotated
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits, and with `labels` (B, T), which are shifted here, the mean cross-entropy.

        Args:
            input_ids: as of `LSTMModel`, with the five that follow.
            attention_mask: of which the last column should be real where it is read on.
            position_ids: see there.
            past_key_values: see there.
            inputs_embeds: see there.
            labels: -100 where nothing is predicted.
            use_cache: see there.
            logits_to_keep: of how many last columns, or of which; 0 is all.
            kwargs: for the loss (`num_items_in_batch`).
        """
        found = self.model(
            input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, use_cache,
            return_dict=True,
        )  # fmt: skip
        states = found.last_hidden_state  # (B, T, W)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(self.projection(states[:, kept]))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs
            )
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=found.past_key_values
        )


class LSTMForSequenceClassification(LSTMPreTrainedModel):
    """A classifier of texts: ids (B, T) to logits (B, C)."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        self.num_labels = int(config.num_labels or 2)
        self.model = LSTMModel(config)
        self.dropout = nn.Dropout(config.output_dropout)
        self.score = nn.Linear(config.output_size, self.num_labels)
        self.post_init()  # type: ignore[no-untyped-call] # not annotated

    @can_return_tuple  # type: ignore[untyped-decorator] # not annotated
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,  # noqa: ARG002 - tokenizers give more than every model reads
    ) -> SequenceClassifierOutput:
        """Logits of the classes, and with `labels` (B,) the mean loss of `problem_type`."""
        found = self.model(
            input_ids, attention_mask, inputs_embeds=inputs_embeds, use_cache=False,
            return_dict=True,
        )  # fmt: skip
        states = found.last_hidden_state
        real = torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        if attention_mask is not None:
            real = attention_mask != 0
        logits = self.score(self.dropout(self._pooled(states, real)))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                labels=labels, logits=logits, pooled_logits=logits, config=self.config
            )
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def _pooled(self, states: Tensor, real: Tensor) -> Tensor:
        """(B, T, W) and (B, T), whether a token is there, to (B, W)."""
        if self.config.pooling == "max":
            lowest = torch.finfo(states.dtype).min
            return states.masked_fill(~real[..., None], lowest).amax(1)
        if self.config.pooling == "mean":
            count = real.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
            return (states * real[..., None]).sum(1) / count
        rows = torch.arange(len(states), device=states.device)
        places = torch.arange(real.shape[1], device=states.device)
        first = torch.where(real, places, real.shape[1] - 1).amin(1)
        last = torch.where(real, places, 0).amax(1)
        size = self.config.hidden_size  # left to right ends at the last, right to left at the first
        return torch.cat([states[rows, last, :size], states[rows, first, size:]], -1)


class LSTMForTokenClassification(LSTMPreTrainedModel):
    """A classifier of tokens: ids (B, T) to logits (B, T, C)."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        self.num_labels = int(config.num_labels or 2)
        self.model = LSTMModel(config)
        self.score = nn.Linear(config.output_size, self.num_labels)
        self.post_init()  # type: ignore[no-untyped-call] # not annotated

    @can_return_tuple  # type: ignore[untyped-decorator] # not annotated
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,  # noqa: ARG002 - tokenizers give more than every model reads
    ) -> TokenClassifierOutput:
        """Logits of the classes of each token, and with `labels` (B, T) the mean cross-entropy."""
        found = self.model(
            input_ids, attention_mask, inputs_embeds=inputs_embeds, use_cache=False,
            return_dict=True,
        )  # fmt: skip
        logits = self.score(found.last_hidden_state)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.config)
        return TokenClassifierOutput(loss=loss, logits=logits)


def _register() -> None:
    """Make the Auto classes know the models, and by name what asks for names (pipelines)."""
    name = LSTMConfig.model_type
    AutoConfig.register(name, LSTMConfig, exist_ok=True)
    heads: tuple[tuple[Any, Any, dict[str, Any]], ...] = (
        (AutoModel, LSTMModel, modeling_auto.MODEL_MAPPING_NAMES),
        (
            AutoModelForCausalLM,
            LSTMForCausalLM,
            modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        ),
        (
            AutoModelForSequenceClassification,
            LSTMForSequenceClassification,
            modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        ),
        (
            AutoModelForTokenClassification,
            LSTMForTokenClassification,
            modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
        ),
    )
    for auto_class, model, names in heads:
        auto_class.register(LSTMConfig, model, exist_ok=True)
        names[name] = model.__name__


_register()
