"""Choose one of the answers that stand beside a question.

An encoder reads the question with each answer and gives a score (Radford et al. 2018, GPT, section
3.3; Zellers et al. 2018, SWAG, arXiv:1808.05326); of a causal model the log-likelihood of the
answer after the question is the score (Brown et al. 2020, GPT-3, section 2.4, arXiv:2005.14165). A
softmax over the scores of a row makes them probabilities, and its cross-entropy is the loss. Rows
may have unlike numbers of answers. Shape letters: N rows of a split, B rows of a batch, C answers
of the row with most, R answers of all rows of a batch, T tokens, V vocabulary.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMultipleChoice,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES as HEADS,
)

from lmkit.data.choices import (
    Columns,
    Encode,
    answer_of,
    encode_asked,
    encode_questions,
    pair_encoder,
    prompt_encoder,
    read_question,
    usual_places,
)
from lmkit.data.encoded_groups import (
    EncodedGroups,
    counted_tokens,
    pad_groups,
    tell_cut,
)
from lmkit.data.padding_token import give_padding
from lmkit.data.sources import Row, Source
from lmkit.errors import UsageError
from lmkit.evaluation.interval import bootstrap_ratio, wilson
from lmkit.evaluation.text_similarity import choice_baselines
from lmkit.labels import IGNORED
from lmkit.models.choosing import log_likelihoods, nll_among, places
from lmkit.models.inspecting import length_limit, saved_with_head
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.tasks.base import Answers, Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask

_SEEN = ("input_ids", "attention_mask")


class MultipleChoice(TokenTask[MultipleChoiceOptions]):
    """Questions with answers to choose from."""

    best_metric = "accuracy"
    greater_is_better = True

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> MultipleChoiceOptions | None:
        """As much as it can read, for a model saved with a multiple-choice head."""
        if not saved_with_head(config, HEADS):
            return None
        kept: dict[str, Any] = {"head": "classifier", "max_length": positions}
        return MultipleChoiceOptions(name="multiple_choice", **kept)

    def resolve(self, train: Source) -> MultipleChoiceOptions:
        """The options as they are, when every row fits them.

        Raises:
            DataError: a row does not.
        """
        self.check(train)
        return self.options

    def check(self, source: Source) -> None:
        """Hold every row of a split against the columns.

        Raises:
            DataError: a row asks nothing, or its answer is none of its choices.
        """
        columns = Columns.of(self.options)
        for row in source.rows():
            answer_of(row, read_question(row, columns), columns.answer)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """An encoder that gives a score, ids (R, 1, T) to (R, 1), or a causal model."""
        config = loader.config()
        head = self.options.head
        if head is None:
            head = "classifier" if config.model_type in HEADS else "likelihood"
        limit = length_limit(self.options, config)
        self.options = self.options.model_copy(update={"head": head, "max_length": limit})
        self.reads_types = getattr(config, "type_vocab_size", 0) > 1
        auto_class = AutoModelForCausalLM if head == "likelihood" else AutoModelForMultipleChoice
        return loader.load(auto_class, tokenizer, positions=limit)

    def _encoder(self, tokenizer: PreTrainedTokenizerBase) -> Encode:
        """How questions become sequences for the kind of model."""
        assert self.options.head is not None, "build_model comes first, or a resolved recipe"
        self.pad_id = give_padding(tokenizer)
        if self.options.head == "classifier":
            return pair_encoder(tokenizer, self.options.max_length)
        return prompt_encoder(tokenizer, self.options.max_length, self.options.separator)

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> EncodedGroups:
        """Each question with each of its answers, at most `max_length` tokens, and the right one.

        Raises:
            DataError: a row asks nothing, or its answer is none of its choices.
        """
        found = encode_questions(source.rows(), Columns.of(self.options), self._encoder(tokenizer))
        tell_cut(found, source.name, self.options.max_length)
        return found

    def ledger(self, examples: EncodedGroups) -> dict[str, int]:
        """Questions, texts (each with one answer), their tokens, and how many texts were cut."""
        counts = super().ledger(examples)
        return {
            "examples": counts["examples"], "texts": examples.texts, "cut": examples.cut,
            "tokens": counts["tokens"],
        }  # fmt: skip

    def input_columns(self) -> tuple[str, ...]:
        """The question, its context if there is one, and the answers."""
        columns = Columns.of(self.options)
        context = () if columns.context is None else (columns.context,)
        return (columns.question, *context, columns.choices)

    def input_rows(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One row: the question (then its context, if there is one), then its answers.

        Raises:
            UsageError: there are fewer than two answers.
        """
        *named, choices = self.input_columns()
        if len(texts) < len(named) + 2:
            wanted = f"{', '.join(named)}, and then two {choices} or more"
            raise UsageError(f"{len(texts)} texts: this model takes {wanted}")
        asked = dict(zip(named, texts, strict=False))
        return [{**asked, choices: list(texts[len(named) :])}]

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """Each question with each of its answers, cut as those that it was trained on."""
        return encode_asked(rows, Columns.of(self.options), self._encoder(tokenizer))

    def collate(self, features: list[Features]) -> Batch:
        """Ids (R, T), row after row, with a mask where there is padding and `token_type_ids`.

        Of each row there are `labels` (B,), `sizes` (B,) and `bytes` (B, C).
        """
        return pad_groups(features, pad_id=self.pad_id, pad_values={"bytes": 1})

    def tokens(self, batch: Batch) -> int:
        """Tokens of rows that are counted, padding left out."""
        return counted_tokens(batch)

    def attach(self, model: PreTrainedModel) -> None:
        """Let a causal model leave out the logits that nobody needs."""
        if self.options.head == "likelihood":
            super().attach(model)

    def forward(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """The scores of each row's answers, (B, C) float32; -inf where a row has no more."""
        if self.options.head == "likelihood":
            scores = self._likelihoods(model, batch)
        else:
            kept = (*_SEEN, "token_type_ids") if self.reads_types else _SEEN
            given: Batch = {key: batch[key][:, None] for key in kept if key in batch}  # (R, 1, T)
            scores = super().forward(model, given).logits.float().squeeze(-1)  # (R,)
        allowed = places(batch["sizes"])
        return scores.new_full(allowed.shape, -torch.inf).masked_scatter(allowed, scores)

    def _likelihoods(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        """The log-likelihood of each answer after its question, by `normalize`: (R,)."""
        given: Batch = {key: batch[key] for key in _SEEN if key in batch}
        states = super().forward(model, given).logits[:, :-1]  # (R, T - 1, V), or states
        wanted = batch["token_type_ids"][:, 1:] == 1
        logits = states[wanted]
        if self.attached is not None:
            logits = self.attached.layer_logits(logits)
        scores = log_likelihoods(logits, batch["input_ids"][:, 1:][wanted], wanted)
        if self.options.normalize == "mean":
            return scores / wanted.sum(-1)
        if self.options.normalize == "bytes":
            return scores / batch["bytes"][places(batch["sizes"])]
        return scores

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """Summed cross-entropy in nats over the B rows."""
        counted = batch["labels"] != IGNORED
        scores, gold = outputs[counted], batch["labels"][counted]
        allowed = places(batch["sizes"])[counted]
        return nll_among(scores, allowed, gold, label_smoothing).sum()

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Negative log-likelihood of the right answer, and the likeliest beside it."""
        scores, gold = outputs.double(), batch["labels"]  # (B, C), (B,)
        nll = nll_among(scores, places(batch["sizes"]), gold.clamp(min=0))
        return {
            "nll": nll.tolist(),
            "count": (gold != IGNORED).long().tolist(),
            "predicted": scores.argmax(-1).tolist(),
            "gold": gold.tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a row, and the share of rows whose likeliest answer is right."""
        right = np.asarray(rows["gold"]) == np.asarray(rows["predicted"])
        loss = math.fsum(rows["nll"]) / sum(rows["count"])
        return {"loss": loss, "accuracy": float(right.mean())}

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Wilson's for the accuracy, a bootstrap over the rows for the loss."""
        right = np.asarray(rows["gold"]) == np.asarray(rows["predicted"])
        loss = bootstrap_ratio(rows["nll"], rows["count"], seed)
        found: Intervals = {} if loss is None else {"loss": loss}
        return found | {"accuracy": wilson(float(right.sum()), len(right))}

    def answers_of(self, rows: Rows) -> Answers:
        """The numbers of the chosen and of the right answers."""
        return rows["predicted"], rows["gold"]

    def tried(self) -> Answers:
        """The first few, all right."""
        return [0, 1, 2], [0, 1, 2]

    def baselines(
        self,
        train: Source | None,
        scored: Source,
        examples: Examples,  # noqa: ARG002 - the texts are needed
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002 - by words
    ) -> dict[str, Metrics]:
        """Guessing, the longest answer, the one most like the question by words, the usual place.

        Words are weighted by TF-IDF over the scored texts; the usual place is that of the training
        data, where they are known.
        """
        columns = Columns.of(self.options)
        asked = [(row, read_question(row, columns)) for row in scored.rows()]
        gold = [answer_of(row, question, columns.answer) for row, question in asked]
        usual = None if train is None else usual_places(train, columns)
        return choice_baselines([(q.prompt, q.choices) for _, q in asked], gold, usual)

    def decode(self, outputs: Any, batch: Batch) -> list[dict[str, Any]]:
        """The likeliest answer's `index`, and the probabilities of all, in their order."""
        shares = outputs.double().softmax(-1).tolist()  # (B, C)
        sizes = batch["sizes"].tolist()
        return [
            {"index": int(np.argmax(row[:size])), "scores": row[:size]}
            for row, size in zip(shares, sizes, strict=True)
        ]

    def answers(self, rows: Sequence[Row], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The `label`, which is the answer's text, its `index`, and the `scores` by text."""
        told = []
        for row, answer in zip(rows, found, strict=True):
            choices = read_question(row, Columns.of(self.options)).choices
            scores = dict(zip(choices, answer["scores"], strict=True))
            told.append({"label": choices[answer["index"]], **answer, "scores": scores})
        return told

    def definition(self) -> str:
        """What the metrics mean."""
        score = "the score of a linear layer"
        if self.options.head == "likelihood":
            by = {"sum": "", "mean": " a token", "bytes": " a byte"}[self.options.normalize]
            score = f"the log-likelihood{by} of an answer after the question"
        return (
            "loss: nats a row, the mean negative log-likelihood of the right answers, where "
            f"{score} goes through a softmax over the answers of the row; accuracy: the share of "
            f"rows whose likeliest answer is right; cut at {self.options.max_length} tokens."
        )


TASK = MultipleChoice
