"""Give each text a vector, near those of texts that mean the same.

Pairs with a score: the squared error of the cosine (Reimers and Gurevych 2019, Sentence-BERT,
section 3, arXiv:1908.10084). Pairs and triples: of all positives (and negatives) of an optimizer
step, each anchor finds its own (InfoNCE: van den Oord et al. 2018, arXiv:1807.03748; in-batch
negatives: Henderson et al. 2017, arXiv:1705.00652). Shape letters: N rows of a split, B rows of a
batch, P texts of a row (2 or 3), R = B * P texts of a batch, T tokens of the longest, H width.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.encoded import encode
from lmkit.data.encoded_groups import EncodedGroups, counted_tokens, pad_groups, tell_cut
from lmkit.data.padding_token import give_padding
from lmkit.data.pairs import check_texts, cosine_of, encode_texts, text_columns, with_objective
from lmkit.data.sources import Row, Source, column
from lmkit.evaluation import correlation
from lmkit.evaluation.interval import ratio_intervals
from lmkit.evaluation.paired import Units
from lmkit.evaluation.retrieval import (
    Ranked,
    rank_vectors,
    retrieval_intervals,
    retrieval_metrics,
    retrieval_units,
)
from lmkit.evaluation.text_similarity import by_words, found_by_words
from lmkit.labels import IGNORED
from lmkit.models.choosing import in_batch_nll
from lmkit.models.inspecting import length_limit
from lmkit.models.loading import ModelLoader
from lmkit.models.pooling import KEY, Pooling, as_kept, choose_pooling, saved_pooling, write_modules
from lmkit.recipe.options.embedding import EmbeddingOptions
from lmkit.tasks.base import Answers, Batch, Examples, Features, Intervals, Metrics, Rows, Task

SHOWN = 4  # numbers of a vector that people are shown


class Embedding(Task[EmbeddingOptions]):
    """Sentence embeddings."""

    greater_is_better = True

    @property
    def best_metric(self) -> str:  # type: ignore[override] # it depends on the rows
        """Spearman's correlation for scored pairs, else the mean reciprocal rank."""
        return "spearman" if self.options.objective == "cosine" else "mrr"

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> EmbeddingOptions | None:
        """How a model pools that was saved by this task or by sentence-transformers."""
        found = saved_pooling(config)
        if found is None:
            return None
        return EmbeddingOptions(
            name="embedding", pooling=found.mode, normalize=found.normalize, max_length=positions
        )

    def resolve(self, train: Source) -> EmbeddingOptions:
        """The options with the objective and the end of the scores found.

        Raises:
            DataError: the columns fit no objective, or a row does not fit it.
        """
        self.options = with_objective(self.options, train)
        self.check(train)
        return self.options

    def check(self, source: Source) -> None:
        """Hold every row of a split against the objective.

        Raises:
            DataError: a text is missing, a score is outside, or a negative is the positive.
        """
        columns = text_columns(self.options)
        for row in source.rows():
            check_texts(row, columns)
            if self.options.objective == "cosine":
                cosine_of(row, self.options)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """The bare model: ids (R, T) to states (R, T, H); how it pools goes into its configuration.

        Raises:
            ModelError: it has a decoder of its own beside the encoder, or pools in another way.
        """
        config = loader.config()
        pooling = choose_pooling(config, self.options.pooling, self.options.normalize)
        limit = length_limit(self.options, config)
        self.options = self.options.model_copy(
            update={"pooling": pooling.mode, "normalize": pooling.normalize, "max_length": limit}
        )
        model = loader.load(AutoModel, tokenizer, positions=limit, **{KEY: as_kept(pooling)})
        if isinstance(unused := getattr(model, "pooler", None), torch.nn.Module):
            unused.requires_grad_(False)  # several processes wait for the gradient of all others
        return model

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> EncodedGroups:
        """Token ids of the P texts of each row, at most `max_length` a text.

        Raises:
            DataError: a row does not fit the objective.
        """
        # A model without a recipe meets its data here.
        options = self.options = with_objective(self.options, source)
        self.pad_id = give_padding(tokenizer)
        found = encode_texts(source.rows(), tokenizer, options)
        tell_cut(found, source.name, options.max_length)
        return found

    def ledger(self, examples: EncodedGroups) -> dict[str, int]:
        """Rows, their texts and tokens, and how many texts were cut at `max_length`."""
        counts = super().ledger(examples)
        return {
            "examples": counts["examples"], "texts": examples.texts, "cut": examples.cut,
            "tokens": counts["tokens"],
        }  # fmt: skip

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Token ids of texts that are to get a vector, cut as those that it was trained on."""
        self.pad_id = give_padding(tokenizer)
        (name,), limit = self.input_columns(), self.options.max_length
        encoded, _ = encode(rows, tokenizer, text_column=name, max_length=limit)
        return [{"input_ids": ids, "texts": [ids]} for ids in encoded]

    def collate(self, features: list[Features]) -> Batch:
        """Ids (R, T), row after row, with a mask where there is padding.

        Of each row there are `labels` (B,), `keys` (B, P) and, where it has one, its `score` (B,).
        """
        return pad_groups(features, pad_id=self.pad_id, pad_values={"keys": 0})

    def tokens(self, batch: Batch) -> int:
        """Tokens of the texts of rows that are counted, padding left out."""
        return counted_tokens(batch)

    def forward(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """The vectors of each row, (B, P, H)."""
        options = self.options
        assert options.pooling is not None, "build_model comes first"
        states = super().forward(model, batch).last_hidden_state  # (R, T, H)
        pooling = Pooling(options.pooling, bool(options.normalize))
        vectors = pooling(states, batch.get("attention_mask"))  # (R, H)
        return vectors.reshape(len(batch["sizes"]), -1, vectors.shape[-1])

    @property
    def step_keys(self) -> tuple[str, ...]:
        """In-batch negatives are those of the whole optimizer step."""
        return () if self.options.objective == "cosine" else ("labels", "keys")

    def loss(
        self, outputs: torch.Tensor, batch: Batch, label_smoothing: float = 0.0
    ) -> torch.Tensor:
        """Summed squared errors of cosines, or summed nats of finding the positive.

        Smoothing is for the latter: a squared error has no labels.
        """
        counted = batch["labels"] != IGNORED
        vectors = outputs[counted].float()  # fillers are no candidates either
        if not len(vectors):
            return outputs.sum() * 0.0  # with a gradient
        with torch.autocast(vectors.device.type, enabled=False):
            if self.options.objective == "cosine":
                errors = _cosines(vectors) - batch["score"][counted]
                return (errors**2).sum()
            keys, temperature = batch["keys"][counted], self.options.temperature
            return in_batch_nll(vectors, keys, temperature, label_smoothing).sum()

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """The cosine beside the score; or the vectors, (P, H) float32 a row: ranks come later."""
        count = (batch["labels"] != IGNORED).long().tolist()
        rows: Rows = {"count": count, "keys": batch["keys"].tolist()}
        if self.options.objective == "cosine":
            cosines = _cosines(outputs.double())
            wanted = batch["score"].double()
            rows["nll"] = ((cosines - wanted) ** 2).tolist()
            return {**rows, "cosine": cosines.tolist(), "score": wanted.tolist()}
        return {**rows, "vectors": list(outputs.float().cpu().numpy())}

    def _ranked(self, rows: Rows) -> Ranked:
        """Every query against the candidates of the split."""
        return rank_vectors(np.stack(rows["vectors"]), rows["keys"], self.options.temperature)

    def metrics(self, rows: Rows) -> Metrics:
        """For scored pairs the mean squared error, Pearson and Spearman; else retrieval's."""
        if self.options.objective == "cosine":
            loss = math.fsum(rows["nll"]) / sum(rows["count"])
            found = correlation.settle_ties(rows["cosine"], rows["keys"])
            return {"loss": loss, **correlation.correlations(found, rows["score"])}
        return retrieval_metrics(self._ranked(rows))

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """A bootstrap over the rows; Wilson's for the recalls."""
        if self.options.objective != "cosine":
            return retrieval_intervals(self._ranked(rows), seed)
        cosines = correlation.settle_ties(rows["cosine"], rows["keys"])
        loss = ratio_intervals(super().units(rows), seed)
        return loss | correlation.correlation_intervals(cosines, rows["score"], seed)

    def units(self, rows: Rows) -> Units:
        """The values of each query; of scored pairs the errors and the correlations."""
        if self.options.objective != "cosine":
            return retrieval_units(self._ranked(rows))
        cosines = correlation.settle_ties(rows["cosine"], rows["keys"])
        return super().units(rows) | correlation.correlation_units(cosines, rows["score"])

    def answers_of(self, rows: Rows) -> Answers:
        """The cosines of scored pairs and their scores, brought to 0 to 1."""
        return (rows["cosine"], rows["score"]) if "cosine" in rows else ((), ())

    def tried(self) -> Answers:
        """A few such answers."""
        return [0.1, 0.5, 0.4, 0.9], [0.0, 0.6, 0.3, 1.0]

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002 - by words
    ) -> dict[str, Metrics]:
        """TF-IDF (its weights from the training texts, where they are known) and shared words."""
        columns = text_columns(self.options)
        texts = [[column(row, name) for name in columns] for row in scored.rows()]
        known = texts
        if train is not None:
            known = [[column(row, name) for name in columns] for row in train.rows()]
        ways = by_words([text for row in known for text in row])
        fields = [examples[0, index] for index in range(len(examples))]
        if self.options.objective == "cosine":
            sides, scores = list(zip(*texts, strict=True)), [field["score"] for field in fields]
            found = {name: way.pairs(*sides) for name, way in ways.items()}
            return {name: correlation.correlations(one, scores) for name, one in found.items()}
        keys = [field["keys"] for field in fields]
        return {name: found_by_words(way, texts, keys) for name, way in ways.items()}

    def decode(
        self,
        outputs: Any,
        batch: Batch,  # noqa: ARG002 - the vectors say it all
    ) -> list[dict[str, Any]]:
        """The `vector` of each text: H numbers."""
        return [{"vector": vector} for vector in outputs[:, 0].float().tolist()]

    def shown(self, answer: dict[str, Any]) -> str:
        """How many numbers there are, and the first of them."""
        first = " ".join(f"{value:+.3f}" for value in answer["vector"][:SHOWN])
        return f"{len(answer['vector'])} numbers: {first} ..."

    def write_beside(self, model: PreTrainedModel, folder: Path) -> None:
        """What sentence-transformers opens the folder by."""
        assert self.options.pooling is not None, "build_model comes first"
        pooling = Pooling(self.options.pooling, bool(self.options.normalize))
        width = int(model.config.hidden_size)
        write_modules(folder, pooling, width=width, max_length=self.options.max_length)

    def definition(self) -> str:
        """What the metrics mean."""
        limit = f"texts are cut at {self.options.max_length} tokens."
        if self.options.objective == "cosine":
            return (
                "loss: the mean squared difference of a pair's cosine and its score, which is "
                f"{self.options.score_low:g} to {self.options.score_high:g} brought to 0 to 1; "
                f"pearson and spearman: how the cosine follows the score; {limit}"
            )
        others = " and negatives" if self.options.objective == "triplet" else ""
        return (
            f"each anchor is to find its positive among all unlike positives{others} of the split "
            "(but other positives of an equal anchor); loss: nats an anchor, -log of the softmax "
            f"of cosines over {self.options.temperature:g}; recall_at_k: anchors whose positive is "
            f"among the k nearest; mrr: the mean of 1 over its place; {limit}"
        )


def _cosines(vectors: torch.Tensor) -> torch.Tensor:
    """Of the two texts of each row: (B, 2, H) to (B,)."""
    return functional.cosine_similarity(vectors[:, 0], vectors[:, 1], dim=-1)


TASK = Embedding
