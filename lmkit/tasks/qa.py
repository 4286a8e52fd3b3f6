"""Find the part of a text that answers a question about it.

A linear layer scores each token as the first and as the last of the answer (Devlin et al. 2019,
BERT, sections 4.2 and 4.3, arXiv:1810.04805). A long context is read in several windows; one that
does not hold the answer points to [CLS] twice, and so does a question without one. Shape letters: N
questions, W windows, B of them in a batch, T tokens of the longest.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from weakref import WeakValueDictionary

import torch
from transformers import (
    AutoModelForQuestionAnswering,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto import modeling_auto as auto

from lmkit.data.collate import pad_batch
from lmkit.data.question_windows import QuestionWindows, WindowShape, question_windows
from lmkit.data.questions import Question, QuestionColumns, read_questions, some_are_unanswered
from lmkit.data.sources import Row, Source
from lmkit.evaluation.answers import RightAnswers, baselines
from lmkit.evaluation.paired import Units
from lmkit.evaluation.question_scores import QuestionScores, judged, tried_in_squad
from lmkit.evaluation.span_search import WindowAnswers, choose, window_answers
from lmkit.labels import IGNORED
from lmkit.models.inspecting import length_limit, saved_with_head
from lmkit.models.loading import ModelLoader
from lmkit.models.span_head import own_tokens, span_loss, span_nll
from lmkit.recipe.options.qa import QAOptions
from lmkit.tasks.base import Answers, Batch, Examples, Features, Intervals, Metrics, Rows, Task

logger = logging.getLogger(__name__)

_THRESHOLD = "no_answer_threshold"  # its key in the model's config.json, too
_PADDING = {"token_type_ids": 0, "labels": IGNORED, "begins": -1, "ends": -1}


class QuestionAnswering(Task[QAOptions]):
    """Extractive question answering."""

    best_metric = "f1"
    greater_is_better = True

    def __init__(self, options: QAOptions) -> None:
        super().__init__(options)
        self.threshold = options.no_answer_threshold  # None: not chosen yet
        self._takes_segments, self._pad_id, self._opened = True, 0, 0
        self._scored: WeakValueDictionary[int, QuestionWindows] = WeakValueDictionary()

    @classmethod
    def options_for(cls, config: PreTrainedConfig, positions: int) -> QAOptions | None:
        """Those of a model saved with a head for spans; one may have kept a threshold."""
        if not saved_with_head(config, auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES):
            return None
        may_be_none: Literal["auto", True] = True if hasattr(config, _THRESHOLD) else "auto"
        return QAOptions(name="qa", max_length=positions, no_answer=may_be_none)

    @property
    def may_be_none(self) -> bool:
        """Whether a question may have no answer."""
        return self.options.no_answer is True

    def resolve(self, train: Source) -> QAOptions:
        """The options, with whether a question may have no answer.

        Raises:
            DataError: a row does not fit, or there is no answer to learn.
        """
        found, columns = self.options.no_answer, QuestionColumns.of(self.options)
        some = some_are_unanswered(train, columns, may_be_none=found is not False)
        update = {"no_answer": some if found == "auto" else found}
        return self.options.model_copy(update=update)

    def check(self, source: Source) -> None:
        """Hold the answers of a split against their contexts.

        Raises:
            DataError: a row does not fit, or has no answer where each must have one.
        """
        for _ in self._questions(source):
            pass

    def _questions(self, source: Source) -> Iterator[Question]:
        columns, may_be_none = QuestionColumns.of(self.options), self.options.no_answer is not False
        return read_questions(source, columns, may_be_none=may_be_none)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A model with a head for spans: ids (B, T) to scores of begin and end, (B, T) each.

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer.
        """
        limit = length_limit(self.options, loader.config())
        self.options = self.options.model_copy(update={"max_length": limit})
        model = loader.load(
            AutoModelForQuestionAnswering, tokenizer, positions=self.options.max_length,
            num_labels=2,
        )  # fmt: skip
        # RoBERTa's one segment: a tokenizer of BERT's kind counts two
        self._takes_segments = getattr(model.config, "type_vocab_size", 2) != 1
        if self.options.no_answer is False:  # what an earlier training chose means nothing now
            vars(model.config).pop(_THRESHOLD, None)
        elif self.threshold is None:
            self.threshold = getattr(model.config, _THRESHOLD, None)
        elif self.may_be_none:
            setattr(model.config, _THRESHOLD, self.threshold)
        return model

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,
    ) -> QuestionWindows:
        """The windows of a split; to be scored, with their questions and answers.

        Raises:
            DataError: a row does not fit.
        """
        if self.options.no_answer == "auto":  # of a model without a recipe
            self.options = self.resolve(source)
        if training:  # a threshold that came with the model was another run's choice
            self.threshold = self.options.no_answer_threshold
        found = self._windows(
            self._questions(source), tokenizer, keep=not training, split=source.name
        )
        for line in found.troubles():
            logger.warning(line)
        if not training:
            self._scored[found.number] = found
        return found

    def _windows(
        self, questions: Iterator[Question], tokenizer: PreTrainedTokenizerBase, **keep: Any
    ) -> QuestionWindows:
        options = self.options
        self._opened += 1
        self._pad_id = tokenizer.pad_token_id or 0
        stride = options.stride or max(1, options.max_length // 3)
        shape = WindowShape(options.max_length, stride, options.max_answer_length)
        return question_windows(questions, tokenizer, shape, number=self._opened, **keep)

    def encode_inputs(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase
    ) -> list[Features]:
        """The windows of questions to be answered, in the order of the rows."""
        read = QuestionColumns.of(self.options).read
        questions = (read(row, answered=False) for row in rows)
        found = self._windows(questions, tokenizer, keep=True)
        windows = [found[0, index] for index in range(len(found))]
        return [{k: v for k, v in window.items() if k != "labels"} for window in windows]

    def ledger(self, examples: QuestionWindows) -> dict[str, int]:
        """Questions, their windows and tokens, and answers that no window holds."""
        counts = examples.counts
        return {key: counts[key] for key in ("questions", "lost")} | super().ledger(examples)

    def collate(self, features: list[Features]) -> Batch:
        """Ids, segments and places (B, T), padded to the longest, and labels (B, 2)."""
        batch = pad_batch(
            features, pad_values=_PADDING | {"input_ids": self._pad_id}, attention_mask=True
        )
        if not self._takes_segments:
            del batch["token_type_ids"]
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # attention without a mask is faster, and equal
        return batch

    def tokens(self, batch: Batch) -> int:
        """Tokens of the windows that are counted, padding left out."""
        counted = batch["labels"][:, 0] != IGNORED  # (B,)
        return int(own_tokens(batch)[counted].sum())

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> torch.Tensor:
        """Summed cross-entropy in nats of where answers begin and end."""
        return span_loss(outputs, batch, label_smoothing)

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Of each window its loss, the score of no answer, and of its best span how good it is."""
        found = window_answers(outputs, batch, longest=self.options.max_answer_length, count=1)
        rows: Rows = defaultdict(list)
        rows["nll"], rows["count"] = span_nll(outputs, batch)
        for window, number in zip(found, batch["source"].tolist(), strict=True):
            examples = self._scored[number]
            question = examples.questions[window.question]
            texts = bool(self.options.outside_metrics)
            values = judged(window, question.context, question.answers, texts=texts)
            values["validation"] = examples.split == "validation"
            for name, value in values.items():
                rows[name].append(value)
        return dict(rows)

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a position; exact match and F1 of the answers, in [0, 1], over N questions.

        The answer of a question is the best span of all its windows, or none. On validation data
        without a threshold the best one is chosen, elsewhere it is then 0.
        """
        return self._scores(rows).metrics()

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """By a bootstrap over the questions, Wilson's for what is right or wrong."""
        return self._scores(rows).intervals(seed)

    def units(self, rows: Rows) -> Units:
        """The values of each question."""
        return self._scores(rows).units()

    def answers_of(self, rows: Rows) -> Answers:
        """As the scripts of SQuAD take them."""
        return self._scores(rows).in_squad(rows) if "answers" in rows else ((), ())

    def tried(self) -> Answers:
        """An answer that is right, and where there may be none, none."""
        return tried_in_squad(may_be_none=self.may_be_none)

    def _scores(self, rows: Rows) -> QuestionScores:
        return QuestionScores(rows, may_be_none=self.may_be_none, threshold=self.threshold)

    def tunes(self) -> bool:
        """Whether a threshold is to be chosen."""
        return self.may_be_none and self.options.no_answer_threshold is None

    def tune(self, rows: Rows, model: PreTrainedModel) -> None:
        """Choose the threshold with the best F1, and keep it in the model's configuration."""
        self.threshold = QuestionScores(rows, may_be_none=True, threshold=None).threshold
        setattr(model.config, _THRESHOLD, self.threshold)
        logger.info("no answer where it outdoes the best span by more than %.4g", self.threshold)

    def baselines(
        self,
        train: Source | None,  # noqa: ARG002 - nothing is learned
        scored: Source,  # noqa: ARG002 - the examples hold the questions
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002
    ) -> dict[str, Metrics]:
        """A whole sentence as the answer: the first, or that with the words of the question."""
        assert isinstance(examples, QuestionWindows)
        questions = [(each.text, each.context) for each in examples.questions]
        right = [RightAnswers(a.text for a in each.answers) for each in examples.questions]
        return baselines(questions, right, no_answer=self.may_be_none)

    def decode(self, outputs: Any, batch: Batch) -> list[dict[str, Any]]:
        """The candidates of each window, which `answers` joins."""
        longest, count = self.options.max_answer_length, self.options.n_best
        found = window_answers(outputs, batch, longest=longest, count=count)
        return [window._asdict() for window in found]

    def answers(self, rows: Sequence[Row], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of each row `answer`, `start`, `end` and `score`, from all its windows.

        `context[start:end]` is the answer, and `score` its probability among the `n_best`
        candidates. Where there is none the answer is "" and has no place.
        """
        windows: dict[int, list[WindowAnswers]] = defaultdict(list)
        for window in found:
            windows[window["question"]].append(WindowAnswers(**window))
        made = []
        for number, row in enumerate(rows):
            place, share = choose(
                windows[number], count=self.options.n_best, may_be_none=self.may_be_none,
                threshold=self.threshold or 0.0,
            )  # fmt: skip
            start, end = place or (None, None)
            text = row.values[self.options.context_column][start:end] if place else ""
            made.append({"answer": text, "start": start, "end": end, "score": share})
        return made

    def input_columns(self) -> tuple[str, ...]:
        """The question and its context."""
        return (self.options.question_column, self.options.context_column)

    def shown(self, answer: dict[str, Any]) -> str:
        """The answer and its score."""
        return f"{answer['answer'] or '(no answer)'}  {answer['score']:.2f}"

    def definition(self) -> str:
        """What the metrics mean."""
        told = (
            "loss: nats a position (begin and end of each window's answer); exact_match and f1: of "
            "the best span of all windows of a question, compared as SQuAD's script does, in "
            f"[0, 1]; windows of at most {self.options.max_length} tokens, answers of at most "
            f"{self.options.max_answer_length}."
        )
        if self.may_be_none:
            told += " No answer is given where it outdoes the best span by no_answer_threshold."
        return told


TASK = QuestionAnswering
