"""Find named entities: the spans of a text that have a type.

Each word gets a tag in IOB2 at its first token, by a linear layer over the encoder's states and a
softmax; the loss is the cross-entropy (Devlin et al. 2019, BERT, section 5.3, arXiv:1810.04805).
Shape letters: N windows of a split, B windows of a batch, T tokens of the longest, w words of one,
C tags (O, and B- and I- of each type).
"""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import (
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES

from lmkit.data.collate import pad_batch
from lmkit.data.entities import SentenceReader, find_entities, read_labeled
from lmkit.data.sources import Row, Source
from lmkit.data.word_windows import FILLER, PAD_VALUES, WordWindows, encode_words, filling_token
from lmkit.evaluation import entity_scores
from lmkit.evaluation.gazetteer import entity_baselines
from lmkit.evaluation.interval import ratio_intervals
from lmkit.evaluation.paired import Units
from lmkit.evaluation.tagging import SCHEME, Floats, Ints, TagSet, tag_names
from lmkit.labels import IGNORED, OUTSIDE
from lmkit.models.inspecting import length_limit, saved_with_head
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.ner import NerOptions
from lmkit.tasks.base import LABEL_WIDTH, Batch, Examples, Features, Intervals, Metrics, Rows, Task

logger = logging.getLogger(__name__)


class Ner(Task[NerOptions]):
    """Named entities, as tags of words."""

    best_metric = "f1"
    greater_is_better = True

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> NerOptions | None:
        """The types of a model saved with a head for O, and B- and I- of each."""
        names = [str(name) for _, name in sorted((config.id2label or {}).items())]
        types = list(dict.fromkeys(name[2:] for name in names if name != OUTSIDE))
        if (
            not saved_with_head(config, MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES)
            or not all(types)
            or sorted(names) != sorted(tag_names(types))
        ):
            return None
        return NerOptions(name="ner", labels=types, max_length=positions)

    @cached_property
    def tags(self) -> TagSet:
        """The C tags, in the order of the model's outputs."""
        assert self.options.labels is not None, "resolve comes first"
        return TagSet(tag_names(self.options.labels))

    def resolve(self, train: Source) -> NerOptions:
        """The options with the tag scheme and the entity types of the training data.

        Raises:
            DataError: a row contradicts itself, the tags follow no scheme, or nothing is an entity.
        """
        return find_entities(self.options, train)

    def check(self, source: Source) -> None:
        """Hold every row of a split against the options.

        Raises:
            DataError: a row contradicts itself, or an entity is of a type that is not learned.
        """
        for _ in read_labeled(self.options, source):
            pass

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A model with a C-way head at each token: ids (B, T) to logits (B, T, C).

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer. A
        saved head for the same tags is kept, in its order; unless it says IOB2, as IOB1 too.
        """
        config = loader.config()
        limit = length_limit(self.options, config)
        self.options = self.options.model_copy(update={"max_length": limit})
        saved = [str(name) for _, name in sorted((config.id2label or {}).items())]
        if sorted(saved) == sorted(self.tags.names):
            foreign = self.options.scheme == "auto" and not hasattr(config, SCHEME)
            self.tags = TagSet(saved, strict=not foreign)
        model = loader.load(
            AutoModelForTokenClassification, tokenizer, positions=self.options.max_length,
            id2label=dict(enumerate(self.tags.names)), label2id=dict(self.tags.ids),
        )  # fmt: skip
        if self.tags.strict:
            setattr(model.config, SCHEME, "iob2")
        return model

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> WordWindows:
        """Windows of at most `max_length` tokens; each word is labeled in one of them.

        Raises:
            DataError: a row contradicts itself, or an entity is of a type that is not learned.
            TokenizerError: the tokenizer is not a fast one.
        """
        self.pad_id = filling_token(tokenizer)
        found = encode_words(
            read_labeled(self.options, source), tokenizer, max_length=self.options.max_length,
            stride=self.options.stride, tag_ids=self.tags.ids,
        )  # fmt: skip
        if more := len(found) - len(found.token_offsets) + 1:
            logger.info(
                "%s texts longer than %d tokens are read through windows: %d for %d rows",
                source.name, self.options.max_length, len(found), len(found) - more,
            )  # fmt: skip
        return found

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """The windows of each row, of its words or of its text."""
        self.pad_id = filling_token(tokenizer)
        found = encode_words(
            map(self._reader.plain, rows), tokenizer,
            max_length=self.options.max_length, stride=self.options.stride,
        )  # fmt: skip
        return [found[0, index] for index in range(len(found))]

    def collate(self, features: list[Features]) -> Batch:
        """Ids and labels (B, T), places and gold tags (B, w); a mask where there is padding."""
        values = {"input_ids": self.pad_id, **PAD_VALUES}
        batch = pad_batch(features, pad_values=values, attention_mask=True)
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # attention without a mask is faster, and equal
        return batch

    def tokens(self, batch: Batch) -> int:
        """Tokens of the windows that are counted, padding left out."""
        counted = (batch["labels"] != IGNORED).any(1)  # (B,)
        if "attention_mask" in batch:
            return int(batch["attention_mask"][counted].sum())
        return int(batch["input_ids"][counted].numel())

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """Summed cross-entropy in nats over the words that have a token of their own."""
        return functional.cross_entropy(
            outputs.logits.flatten(0, 1).float(), batch["labels"].flatten(), ignore_index=IGNORED,
            reduction="sum", label_smoothing=label_smoothing,
        )  # fmt: skip

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Of each window: summed nll, tags that were scored, and the tags of its w words."""
        logits, labels = outputs.logits.double(), batch["labels"]  # (B, T, C), (B, T)
        nll = functional.cross_entropy(
            logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
        predicted = [tags.tolist() for tags, _ in self._tagged(logits, batch)]
        pairs = zip(batch["gold"].tolist(), predicted, strict=True)
        return {
            "nll": nll.sum(1).tolist(),
            "count": (labels != IGNORED).sum(1).tolist(),
            "predicted": predicted,
            "gold": [gold[: len(tags)] for gold, tags in pairs],
            "document": batch["document"].tolist(),
        }

    def _tagged(self, logits: torch.Tensor, batch: Batch) -> list[tuple[Ints, Floats]]:
        """For each window the tags of its words, (w,), and their probabilities, (w,).

        A word without a token of its own has its mark in the place of the tag, and no probability.
        """
        log_p = logits.log_softmax(-1).cpu().numpy()  # (B, T, C)
        places, within = batch["places"].cpu().numpy(), batch["within"].tolist()
        found = []
        for row, padded, inner in zip(log_p, places, within, strict=True):
            place = padded[padded != FILLER]  # (w,)
            own = np.flatnonzero(place >= 0)
            tags, shares = place.copy(), np.full(len(place), np.nan)
            if len(own):
                tags[own], shares[own] = self.tags.tagged(row[place[own]], within=bool(inner))
            found.append((tags, shares))
        return found

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a tag; precision, recall and F1 of entities, accuracy of words' tags."""
        return entity_scores.sentence_metrics(self.tags, rows)

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """A bootstrap over the sentences: the words and windows of one are not independent."""
        return ratio_intervals(self.units(rows), seed)

    def units(self, rows: Rows) -> Units:
        """The sums of each sentence."""
        return entity_scores.sentence_units(self.tags, rows)

    def answers_of(self, rows: Rows) -> tuple[list[Any], list[Any]]:
        """The names of the tags of each sentence."""
        return entity_scores.named_tags(self.tags, rows)

    def tried(self) -> tuple[list[Any], list[Any]]:
        """One sentence that has every tag."""
        return [self.tags.names], [self.tags.names]

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,  # noqa: ARG002 - words are compared, whatever the tokens
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002
    ) -> dict[str, Metrics]:
        """The names of the training data wherever they stand, and always the commonest tag."""
        if train is None:
            return {}
        return entity_baselines(
            self.tags,
            [(found.words, found.tags) for found in read_labeled(self.options, train)],
            [(found.words, found.tags) for found in read_labeled(self.options, scored)],
        )

    def decode(self, outputs: Any, batch: Batch) -> list[dict[str, Any]]:
        """Of each window the number of its row, the tags of its words and their probabilities."""
        tagged = self._tagged(outputs.logits.double(), batch)
        return [
            {"row": number, "tags": tags.tolist(), "shares": shares.tolist()}
            for number, (tags, shares) in zip(batch["document"].tolist(), tagged, strict=True)
        ]

    def answers(self, rows: Sequence[Row], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The `spans` of each row: offsets in characters of its text, `label`, `score`.

        `score` is the mean probability of the tags of the span's words. A row of words gets the
        `text` that the offsets are of, too: the words with a space between them.
        """
        windows: list[list[dict[str, Any]]] = [[] for _ in rows]
        for part in found:
            windows[part["row"]].append(part)
        return [self._answer(row, parts) for row, parts in zip(rows, windows, strict=True)]

    def _answer(self, row: Row, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """What is told of a row, from its windows in their order."""
        sentence = self._reader.plain(row)
        shares = [share for part in parts for share in part["shares"]]
        tags = self.tags.whole([tag for part in parts for tag in part["tags"]])
        spans = [
            {
                "start": sentence.starts[first],
                "end": sentence.ends[last],
                "label": kind,
                "score": float(np.nanmean(shares[first : last + 1])),
            }
            for kind, first, last in self.tags.entities(tags)
        ]
        text = {"text": sentence.text} if self._reader.has_tokens(row) else {}
        return text | {"spans": spans}

    @cached_property
    def _reader(self) -> SentenceReader:
        """Reads rows that need no tags."""
        return SentenceReader(self.options, "auto")

    def shown(self, answer: dict[str, Any]) -> str:
        """The spans in one line: type, offsets, score."""
        told = (f"{s['label']} {s['start']}-{s['end']} ({s['score']:.2f})" for s in answer["spans"])
        return f"{', '.join(told) or 'no entity':<{LABEL_WIDTH}}"

    def definition(self) -> str:
        """What the metrics mean."""
        how = "sequence in which each I- follows a tag of its type"
        return (
            "loss: nats a tag, the summed negative log-likelihood of the true tags over the words; "
            "precision, recall, f1: of entities, right only with their type and both ends right "
            "(IOB2, strict, as seqeval counts); f1_TYPE: of one type; accuracy: share of words "
            "whose tag is right. Tags are the likeliest "
            f"{how if self.tags.strict else 'of each word, and an I- may begin an entity'}; texts "
            f"longer than {self.options.max_length} tokens are read through windows, each word "
            "predicted once, where it has the most context."
        )


TASK = Ner
