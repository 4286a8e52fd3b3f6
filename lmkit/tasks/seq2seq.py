"""Write a target text for each source text: summaries, translations, answers.

An encoder reads the source, a decoder predicts the target token by token; the loss is the
cross-entropy of the target's tokens, its end included (Raffel et al. 2020, T5, section 2.4,
arXiv:1910.10683; Lewis et al. 2020, BART, arXiv:1910.13461). Shape letters: B pairs of a batch,
S tokens of its longest source, T tokens of its longest target, V vocabulary.
"""

import copy
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import (
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES

from lmkit.data.collate import pad_batch
from lmkit.data.encoded_pairs import EncodedPairs, PairLimits, encode_pairs, encode_sources
from lmkit.data.references import alternatives, unpack
from lmkit.data.sources import Row, Source, column
from lmkit.data.tokenizer import end_token_id
from lmkit.evaluation import texts
from lmkit.evaluation.interval import bootstrap_ratio
from lmkit.evaluation.outside import TRIED_TEXTS
from lmkit.evaluation.paired import Units
from lmkit.generation.answering import settle_generation, write_answers
from lmkit.labels import IGNORED
from lmkit.models.inputs import model_inputs
from lmkit.models.inspecting import saved_with_head, usable_positions
from lmkit.models.loading import ModelLoader
from lmkit.models.seq2seq import (
    check_start,
    decoder_inputs,
    fitting_lengths,
    padding_id,
    start_keys,
)
from lmkit.recipe.options.seq2seq import Seq2SeqOptions
from lmkit.tasks.base import Answers, Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask
from lmkit.vocabulary import id_count

logger = logging.getLogger(__name__)

KEPT = 400  # characters of a generated text, for those that are told of


@dataclass(frozen=True)
class Inferred:
    """What a batch is scored and answered by."""

    outputs: Any
    """Of the decoder over the labels; None where there are none."""
    texts: list[str] | None  # as generated, (B,); None where none were


class Seq2Seq(TokenTask[Seq2SeqOptions]):
    """Texts for texts, by an encoder-decoder."""

    writes = True  # whether `infer` generates
    references: Collection[int] = (1,)  # how many each text of the split is held against

    @property
    def headline(self) -> tuple[str, bool]:  # type: ignore[override] # no baseline has a loss
        """The first of the metrics that are asked for."""
        return texts.HEADLINES[self.options.own_metrics[0]], True

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> Seq2SeqOptions | None:
        """For a model saved with a sequence-to-sequence head."""
        if not saved_with_head(config, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES):
            return None
        target = min(positions, int(Seq2SeqOptions.model_fields["max_target_length"].default))
        return Seq2SeqOptions(name="seq2seq", max_source_length=positions, max_target_length=target)

    def check(self, source: Source) -> None:
        """See that no side of a pair is missing.

        Raises:
            DataError: one is; the row is named.
        """
        for row in source.rows():
            column(row, self.options.source_column)
            alternatives(row, self.options.target_column)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """An encoder-decoder: ids (B, S) and decoder ids (B, T) to logits (B, T, V).

        A `max_source_length` that was left to lmkit becomes the model's positions where those are
        fewer. How texts are generated is kept in the model's generation config.

        Raises:
            ModelError: it has too few positions, or does not say what a target starts with.
        """
        self.tokenizer, self.pad_id = tokenizer, padding_id(tokenizer)
        config = loader.config()
        new = loader.section.architecture is not None
        self.options = self.options.model_copy(
            update=fitting_lengths(self.options, None if new else usable_positions(config))
        )
        keys: dict[str, int] = {}
        if new:
            end, size = end_token_id(tokenizer), id_count(tokenizer)
            keys = start_keys(config, end=end, pad=self.pad_id, vocabulary=size)
        model = loader.load(
            AutoModelForSeq2SeqLM, tokenizer,
            positions=max(self.options.max_source_length, self.options.max_target_length),
            **{name: value for name, value in keys.items() if name not in loader.section.config},
        )  # fmt: skip
        check_start(model)
        options = self.options
        self.beams = settle_generation(
            model, max_new_tokens=self.new_tokens, num_beams=options.num_beams,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            length_penalty=options.length_penalty,
        )  # fmt: skip
        return model

    @property
    def new_tokens(self) -> int:
        """Tokens that a generated text may have."""
        return self.options.max_new_tokens or self.options.max_target_length

    @property
    def limits(self) -> PairLimits:
        """What is read of a pair."""
        options = self.options
        return PairLimits(
            options.source_column, options.target_column,
            options.max_source_length, options.max_target_length, options.source_prefix,
        )  # fmt: skip

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,
    ) -> EncodedPairs:
        """Token ids of sources and targets, and the target texts where they are scored.

        Raises:
            DataError: one side of a pair is missing.
        """
        self.tokenizer, self.pad_id = tokenizer, padding_id(tokenizer)
        found = encode_pairs(
            source.rows(), tokenizer, self.limits, end_id=end_token_id(tokenizer),
            keep_references=not training,
        )  # fmt: skip
        self.references = found.reference_counts or self.references
        if found.cut_sources or found.cut_targets:
            logger.info(
                "%s: %.3g %% of the sources are cut at %d tokens, %.3g %% of the targets at %d",
                source.name, 100 * found.cut_sources / len(found), self.options.max_source_length,
                100 * found.cut_targets / len(found), self.options.max_target_length,
            )  # fmt: skip
        return found

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Token ids of sources, cut as those that it was trained on."""
        self.tokenizer, self.pad_id = tokenizer, padding_id(tokenizer)
        found, cut = encode_sources(rows, tokenizer, self.limits)
        if cut:
            logger.info("%d of %d are cut at %d", cut, len(rows), self.limits.source_length)
        return [{"input_ids": ids} for ids in found]

    def input_columns(self) -> tuple[str, ...]:
        """The sources."""
        return (self.options.source_column,)

    def ledger(self, examples: EncodedPairs) -> dict[str, int]:
        """Pairs, how many were cut on either side, and the tokens of both."""
        cut = {"cut_sources": examples.cut_sources, "cut_targets": examples.cut_targets}
        return {**super().ledger(examples), **cut}

    def collate(self, features: list[Features]) -> Batch:
        """Source ids and their mask (B, S), labels (B, T), references in bytes (B, bytes)."""
        pads = {"input_ids": self.pad_id, "labels": IGNORED, "references": IGNORED}
        return pad_batch(features, pad_values=pads, attention_mask=True)

    def forward(self, model: PreTrainedModel, batch: Batch) -> Any:
        """The decoder's outputs over the labels, each position reading those before it."""
        inputs = model_inputs(model, batch)
        return model(**inputs, decoder_input_ids=decoder_inputs(model, batch["labels"]))

    def infer(self, model: PreTrainedModel, batch: Batch) -> Inferred:
        """The outputs over the labels, where there are any, and a text for each source."""
        outputs = self.forward(model, batch) if "labels" in batch else None
        return Inferred(outputs, self._written(model, batch) if self.writes else None)

    def _written(self, model: PreTrainedModel, batch: Batch) -> list[str]:
        """A text for each of the B sources."""
        rows = zip(
            batch["input_ids"].tolist(), batch["attention_mask"].sum(1).tolist(), strict=True
        )
        with self.with_logits():
            return write_answers(
                model, self.tokenizer, [ids[:length] for ids, length in rows],
                max_new_tokens=self.new_tokens,
                num_beams=self.beams,
            )  # fmt: skip

    def while_training(self, metric: str) -> "Seq2Seq":
        """Without generating, unless the recipe or the choice of the best asks for it."""
        scored = copy.copy(self)
        scored.writes = self.options.generate_on_validation or metric != "loss"
        return scored

    def tokens(self, batch: Batch) -> int:
        """Tokens of the sources and targets that count, padding left out."""
        labels = batch["labels"] != IGNORED  # (B, T)
        return int(batch["attention_mask"][labels.any(1)].sum() + labels.sum())

    def reduce(self, outputs: Inferred, batch: Batch) -> Rows:
        """Of each pair: summed nll, target tokens, and the statistics of its generated text."""
        rows = super().reduce(outputs.outputs, batch)
        if outputs.texts is not None:
            packed = ([v for v in row if v != IGNORED] for row in batch["references"].tolist())
            wanted = [unpack(values) for values in packed]
            rows |= texts.text_statistics(outputs.texts, wanted, self.options.own_metrics)
            rows["generated"] = [text[:KEPT] for text in outputs.texts]
            if self.options.outside_metrics:  # these need all of it
                rows |= {"generated": outputs.texts, "wanted": wanted}
        return rows

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a target token, and the metrics of the generated texts."""
        return {"loss": math.fsum(rows["nll"]) / sum(rows["count"]), **texts.text_metrics(rows)}

    def answers_of(self, rows: Rows) -> Answers:
        """Generated texts, and for each a list of those that are right."""
        return rows.get("generated", ()), rows.get("wanted", ())

    def tried(self) -> Answers:
        """A few such answers."""
        return TRIED_TEXTS

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Bootstrap over the pairs: the tokens of one text are not independent."""
        ends = bootstrap_ratio(rows["nll"], rows["count"], seed)
        return ({} if ends is None else {"loss": ends}) | texts.text_intervals(rows, seed)

    def units(self, rows: Rows) -> Units:
        """The loss of each pair, and the metrics that are means over texts: ROUGE."""
        return {**super().units(rows), **texts.text_units(rows)}

    def baselines(
        self,
        train: Source | None,  # noqa: ARG002 - neither learns
        scored: Source,
        examples: Examples,  # noqa: ARG002 - the texts themselves are needed
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002
    ) -> dict[str, Metrics]:
        """`lead`: the first sentence of the source. `copy`: the source."""
        source, target = self.options.source_column, self.options.target_column
        pairs = [(column(row, source), alternatives(row, target)) for row in scored.rows()]
        families = self.options.own_metrics
        found = {"lead": texts.against(texts.lead, pairs, families)}
        return {**found, "copy": texts.against(str, pairs, families)}

    def decode(self, outputs: Inferred, batch: Batch) -> list[dict[str, Any]]:  # noqa: ARG002
        """What was written for each source."""
        assert outputs.texts is not None
        return [{"generated": text} for text in outputs.texts]

    def shown(self, answer: dict[str, Any]) -> str:
        """What was written, in one line."""
        return " ".join(str(answer["generated"]).split())

    def definition(self) -> str:
        """What the metrics mean."""
        options = self.options
        how = f"a search with {self.beams} beams" if self.beams > 1 else "greedy decoding"
        return (
            "loss: nats a target token, end tokens included, of each row's first target, cut at "
            f"{options.max_target_length} tokens. Texts of up to {self.new_tokens} tokens by {how} "
            f"from sources cut at {options.max_source_length}. "
            + texts.told(options.own_metrics, self.references)
        )


TASK = Seq2Seq
