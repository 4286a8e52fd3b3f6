"""Predict tokens that were hidden, from both sides.

15 % of the tokens are chosen; of these 80 % become [MASK], 10 % a random token, 10 % stay, and the
loss is the cross-entropy of the chosen ones (Devlin et al. 2019, BERT, section 3.1 and appendix
A.1, arXiv:1810.04805). Shape letters: B sequences of a batch, T tokens, V vocabulary.
"""

from typing import Any

from transformers import (
    AutoModelForMaskedLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from lmkit.data.collate import pad_batch
from lmkit.data.isolated import IsolatedMaskedBlocks
from lmkit.data.masking import Masker
from lmkit.data.packing import MaskedBlocks
from lmkit.data.packing_plan import Cut, plan_packing
from lmkit.data.sources import Source
from lmkit.data.token_cache import tokenize_corpus
from lmkit.data.token_parts import tokens_of
from lmkit.data.windows import MaskedWindows
from lmkit.evaluation import baselines, perplexity
from lmkit.evaluation.paired import Units
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.inspecting import saved_with_head
from lmkit.models.isolation import find_isolation
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.tasks.base import Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask
from lmkit.vocabulary import id_count


class MaskedLM(TokenTask[MaskedLMOptions]):
    """Masked language modeling over blocks `[CLS] ... [SEP]`."""

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> MaskedLMOptions | None:
        """Pieces of all positions, for a model saved with a masked head."""
        encoder = not config.is_encoder_decoder  # BART's one class is in this list too
        if encoder and saved_with_head(config, MODEL_FOR_MASKED_LM_MAPPING_NAMES):
            return MaskedLMOptions(name="masked_lm", block_size=positions)
        return None

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A masked model with `block_size` positions or more.

        Raises:
            ModelError: it cannot keep the documents of a block apart (`packing: isolated`).
        """
        size = self.options.block_size
        model = loader.load(AutoModelForMaskedLM, tokenizer, positions=size)
        self.prove(model)
        return model

    def prove(self, model: PreTrainedModel) -> None:
        """Find out how this model, with its attention kernel, keeps packed documents apart."""
        if self.options.packing == "isolated":
            self.isolation = find_isolation(model, block_size=self.options.block_size, causal=False)

    def prepare(self, source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
        """The tokens of the split."""
        tokenize_corpus(source, tokenizer, text_column=self.options.text_column)

    def examples(
        self, source: Source, tokenizer: PreTrainedTokenizerBase, *, seed: int, training: bool
    ) -> Examples:
        """Masked blocks of the token stream for training; each document by itself to score."""
        options = self.options
        corpus = tokenize_corpus(source, tokenizer, text_column=options.text_column)
        masker = Masker(
            tokenizer,
            probability=options.mlm_probability,
            whole_word=options.whole_word_masking,
            seed=seed,
        )
        self.pad_values = masker.pad_values | {SEGMENTS: 0}
        size = options.block_size
        if not training:
            return MaskedWindows(corpus, masker, block_size=size)
        if options.packing == "isolated":
            plan = plan_packing(corpus, Cut(size, around=2, unread=1))
            return IsolatedMaskedBlocks(corpus, plan, masker)
        return MaskedBlocks(corpus, masker, block_size=size, packing=options.packing)

    def ledger(self, examples: MaskedBlocks | IsolatedMaskedBlocks) -> dict[str, int]:
        """Documents, bytes and tokens; cut, kept, dropped (none) and padded."""
        return examples.ledger()

    def batch_length(self, longest: int) -> int:
        """That of a block where documents are isolated, so that a compiled model stays compiled."""
        return self.options.block_size if self.options.packing == "isolated" else longest

    def collate(self, features: list[Features]) -> Batch:
        """Masked ids and labels (B, T), and what keeps tokens apart.

        That is an attention mask where there is padding, or segments where documents are isolated.
        """
        if SEGMENTS in features[0]:
            width = self.options.block_size
            return pad_batch(features, pad_values=self.pad_values, pad_to_multiple=width)
        batch = pad_batch(features, pad_values=self.pad_values, attention_mask=True)
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # attention without a mask is faster, and equal
        return batch

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Of each window: summed nll, masked tokens, how many the likeliest token got right."""
        nll, hit = self.head.score(outputs.logits, batch["labels"])  # (B, T) each
        return {
            "nll": nll.double().sum(1).tolist(),
            "count": (batch["labels"] != IGNORED).sum(1).tolist(),
            "correct": hit.sum(1).tolist(),
            "document": batch["document"].tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a masked token, its exponential, and the share predicted right."""
        return perplexity.masked_metrics(rows)

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Bootstrap over documents: the tokens of one document are not independent."""
        return perplexity.masked_intervals(rows, seed)

    def units(self, rows: Rows) -> Units:
        """The sums of each document."""
        return perplexity.masked_units(rows)

    def baselines(
        self,
        train: Source | None,
        scored: Source,  # noqa: ARG002 - the examples hold the targets
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Metrics]:
        """Always the commonest token, and token frequencies, of the training split."""
        name = self.options.text_column
        tokens = None
        if train is not None:
            tokens = tokens_of(train, tokenizer, text_column=name)
        return baselines.for_masked(
            tokens, examples, id_count(tokenizer), tokenizer.all_special_ids
        )

    def definition(self) -> str:
        """How `loss` is counted here."""
        return perplexity.masked_definition(self.options.block_size, self.options.mlm_probability)


TASK = MaskedLM
