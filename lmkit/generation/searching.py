"""Through transformers' `generate`: beam search, encoder-decoder models, models without a cache.

The tokens are still chosen here (`Chooser`), so that a sampled text depends on seed, prompt,
sequence and position only; and continuations end by the same rules as in `decoding`.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from lmkit.generation.batching import right_padded
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.sampling import Chooser, Strategy


class Searcher:
    """Writes with any model that transformers can generate with."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        strategy: Strategy,
        ends: frozenset[int],
        *,
        beams: int = 1,
    ) -> None:
        """Keep what every batch needs; `beams` above 1 is a beam search."""
        self.model = model
        self.tokenizer = tokenizer
        self.strategy = strategy
        self.ends = ends
        self.beams = beams

    @property
    def one_length(self) -> bool:
        """Prompts of a causal model are not padded here: not every model stands it."""
        return not self.model.config.is_encoder_decoder

    @torch.inference_mode()
    def write(self, rows: Sequence[Continuation]) -> None:
        """Continue all rows to their ends; with beams the rows of one prompt stand together."""
        per_prompt = 1
        if self.beams > 1:
            per_prompt = sum(row.key[0] == rows[0].key[0] for row in rows)
        starts = rows[::per_prompt]
        ids, mask = (part.to(self.model.device) for part in right_padded([r.ids for r in starts]))
        steps = max(row.limit for row in rows)
        processors, criteria = LogitsProcessorList(), StoppingCriteriaList()
        skip = 1 if self.model.config.is_encoder_decoder else ids.shape[1]
        if self.beams > 1:
            if rows[0].text.stops:
                criteria.append(_StopStrings(self.tokenizer, rows[0].text.stops, skip))
        else:
            chooser = Chooser(
                replace(self.strategy, repetition_penalty=1.0),
                [row.key for row in rows],
                steps,
            )
            processors.append(_Chosen(chooser))
            criteria.append(_Follow(rows, self.ends))
        tokens = self.model.generate(  # type: ignore[operator] # typed as a Tensor by torch
            input_ids=ids,
            attention_mask=mask,
            generation_config=self._config(steps, per_prompt),
            logits_processor=processors,
            stopping_criteria=criteria,
        )
        for row, found in zip(rows, tokens[:, skip:].tolist(), strict=True):
            for token in found:
                if row.finish is None:
                    row.push(token, self.ends)
            row.end()

    def _config(self, steps: int, per_prompt: int) -> GenerationConfig:
        """The model's own generation config without what is settled here."""
        config = copy.deepcopy(self.model.generation_config)
        settled: dict[str, Any] = {
            "max_length": None, "max_new_tokens": steps, "do_sample": False, "temperature": None,
            "top_k": None, "top_p": None, "num_beams": self.beams,
            "num_return_sequences": per_prompt, "stop_strings": None,
            "repetition_penalty": self.strategy.repetition_penalty,
            "return_dict_in_generate": False,
            "eos_token_id": sorted(self.ends) or None,
        }  # fmt: skip
        if self.beams == 1:
            settled |= {"early_stopping": None, "length_penalty": None}
        if config.pad_token_id is None:
            settled["pad_token_id"] = min(self.ends, default=0)
        for name, value in settled.items():
            setattr(config, name, value)
        return config


class _Chosen(LogitsProcessor):
    """Leaves only the chosen token of each row, so that greedy decoding takes it."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - their signature
        tokens = self.chooser.choose(scores.float())
        return torch.full_like(scores, -torch.inf).scatter_(1, tokens[:, None], 0.0)


class _Follow(StoppingCriteria):
    """Hands each new token to its continuation and tells which have ended."""

    def __init__(self, rows: Sequence[Continuation], ends: frozenset[int]) -> None:
        self.rows = rows
        self.ends = ends

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:  # noqa: ARG002
        for row, token in zip(self.rows, input_ids[:, -1].tolist(), strict=True):
            if row.finish is None:
                row.push(token, self.ends)
        ended = [row.finish is not None for row in self.rows]
        return torch.tensor(ended, device=input_ids.device)


class _StopStrings(StoppingCriteria):
    """Ends a beam whose new text holds a stop string."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], skip: int) -> None:
        self.tokenizer = tokenizer
        self.stops = stops
        self.skip = skip

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:  # noqa: ARG002
        return torch.tensor(
            [self._holds(ids) for ids in input_ids.tolist()], device=input_ids.device
        )

    def _holds(self, ids: list[int]) -> bool:
        stream = TextStream(self.tokenizer, ids[: self.skip], stops=self.stops)
        for token in ids[self.skip :]:
            stream.push(token)
        stream.close()
        return stream.stopped
