"""Predict each token from those before it.

The loss is the cross-entropy of the next token (Radford et al. 2019, GPT-2, section 2). Shape
letters: B sequences of a batch, T tokens, V vocabulary, H width.
"""

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from lmkit.data.collate import pad_batch
from lmkit.data.isolated import IsolatedCausalBlocks
from lmkit.data.packing import CausalBlocks
from lmkit.data.packing_plan import Cut, plan_packing
from lmkit.data.sources import Source, column
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.token_parts import tokens_of
from lmkit.data.tokenizer import end_token_id, start_token_id, unknown_token_id
from lmkit.data.windows import CausalWindows
from lmkit.errors import ModelError
from lmkit.evaluation import baselines, perplexity
from lmkit.evaluation.paired import Units
from lmkit.evaluation.surprise import by_context
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.inspecting import probe_length, saved_with_head, vocabulary_size
from lmkit.models.isolation import find_isolation
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.tasks.base import Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask
from lmkit.vocabulary import id_count

PAD_VALUES = {"input_ids": 0, "labels": IGNORED, SEGMENTS: 0}  # any id will do: nothing sees it


class CausalLM(TokenTask[CausalLMOptions]):
    """Left-to-right language modeling over blocks of a token stream."""

    unknown: int | None = None
    """The unknown token of what is scored, from `examples` on."""

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> CausalLMOptions | None:
        """Windows of all positions, for a model saved with a causal head."""
        if saved_with_head(config, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
            return CausalLMOptions(name="causal_lm", block_size=positions)
        return None

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A causal model with `block_size` positions or more.

        Raises:
            ModelError: the architecture sees later tokens, so its loss would mean nothing; or it
                cannot keep the documents of a block apart (`packing: isolated`).
        """
        model = loader.load(AutoModelForCausalLM, tokenizer, positions=self.options.block_size)
        if sees_later_tokens(model):
            raise ModelError(
                f"model: {model.config.model_type} lets a token see those after it, so predicting "
                "them means nothing; set model.config.is_decoder: true, or use task.name: masked_lm"
            )
        self.prove(model)
        return model

    def prove(self, model: PreTrainedModel) -> None:
        """Find out how this model, with its attention kernel, keeps packed documents apart."""
        if self.options.packing == "isolated":
            self.isolation = find_isolation(model, block_size=self.options.block_size, causal=True)

    def prepare(self, source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
        """The tokens of the split."""
        tokenize_corpus(source, tokenizer, text_column=self.options.text_column)

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,
    ) -> Examples:
        """Blocks of the token stream to train on; each document alone, in windows, to score."""
        options = self.options
        corpus = tokenize_corpus(source, tokenizer, text_column=options.text_column)
        start, end = start_token_id(tokenizer), end_token_id(tokenizer)
        size, pad = options.block_size, PAD_VALUES["input_ids"]
        if not training:
            self.unknown = unknown_token_id(tokenizer)
            return CausalWindows(
                corpus, block_size=size, stride=options.stride, start_id=start, pad_id=pad
            )
        if options.packing == "isolated":
            plan = plan_packing(corpus, Cut(size, around=0, unread=0 if start is not None else 1))
            return IsolatedCausalBlocks(corpus, plan, start_id=start, pad_id=pad)
        return CausalBlocks(
            corpus, block_size=size, packing=options.packing,
            start_id=start, end_id=end, pad_id=pad,
        )  # fmt: skip

    def ledger(self, examples: CausalBlocks | IsolatedCausalBlocks) -> dict[str, int]:
        """Documents, bytes and tokens; cut, kept, dropped (none) and padded."""
        return examples.ledger()

    def batch_length(self, longest: int) -> int:
        """That of a block where documents are isolated, so that a compiled model stays compiled."""
        return self.options.block_size if self.options.packing == "isolated" else longest

    def collate(self, features: list[Features]) -> Batch:
        """Ids and aligned labels (B, T), and segments where documents are isolated.

        No mask: what follows a token cannot change its state.
        """
        width = self.options.block_size if SEGMENTS in features[0] else None
        return pad_batch(features, pad_values=PAD_VALUES, pad_to_multiple=width)

    def tokens(self, batch: Batch) -> int:
        """Every input token but the padding has a label."""
        return self.count(batch)

    @torch.no_grad()
    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Sums over each window (nll, predicted tokens, unknown ones), its document and bytes.

        Beside them `context`: the batch's sums by the tokens that came before.
        """
        labels = batch["labels"]
        nll = self.head.nll(outputs.logits, labels)  # (B, T)
        unknown = -1 if self.unknown is None else self.unknown
        return {
            "nll": nll.double().sum(1).tolist(),
            "count": (labels != IGNORED).sum(1).tolist(),
            "context": by_context(nll, labels),
            "unknown": (labels == unknown).sum(1).tolist(),
            "document": batch["document"].tolist(),
            "bytes": batch["bytes"].tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a token, its exponential, and bits per UTF-8 byte of text."""
        return perplexity.causal_metrics(rows)

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Bootstrap over documents: the tokens of one document are not independent."""
        return perplexity.causal_intervals(rows, seed)

    def units(self, rows: Rows) -> Units:
        """The sums of each document."""
        return perplexity.causal_units(rows)

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Metrics]:
        """`zlib` level 9 on each document alone, and token frequencies of the training split."""
        name = self.options.text_column
        tokens = None
        if train is not None:
            tokens = tokens_of(train, tokenizer, text_column=name)
        texts = (column(row, name) for row in scored.rows())
        size = id_count(tokenizer)
        return baselines.for_causal(tokens, texts, examples, size, unknown=self.unknown)

    def definition(self) -> str:
        """How `loss` is counted here."""
        return perplexity.causal_definition(self.options.block_size, self.options.stride)


@torch.no_grad()
def sees_later_tokens(model: PreTrainedModel) -> bool:
    """Whether changing the last token changes the logits before it."""
    training = model.training
    model.train(False)
    vocabulary = vocabulary_size(model)
    ids = torch.arange(probe_length(model.config), device=model.device)[None] % vocabulary
    other = ids.clone()
    other[0, -1] = (ids[0, -1] + 1) % vocabulary
    try:
        before, after = (model(input_ids=x).logits[0, :-1] for x in (ids, other))
    finally:
        model.train(training)
    return bool((before - after).abs().max() > 1e-5 * before.abs().max().clamp(min=1.0))


TASK = CausalLM
