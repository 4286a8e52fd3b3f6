"""Options of `qa`: the part of a context that answers a question."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from lmkit.recipe.outside_metrics import MeasuredOptions

_SPECIAL = 4  # tokens beside question and context, at most ([CLS], one or two [SEP], [SEP])


class QAOptions(MeasuredOptions):
    """Extractive question answering (Rajpurkar et al. 2016, SQuAD, arXiv:1606.05250)."""

    has_offsets: ClassVar[bool] = True

    name: Literal["qa"]
    """The task."""
    question_column: str = "question"
    """The column that holds the question."""
    context_column: str = "context"
    """The column that holds the text in which the answer stands."""
    answers_column: str = "answers"
    """The column of the answers: SQuAD's `text` and `answer_start`, or one answer as text, its
    place in a column `answer_start` (in characters) unless it occurs once. Also read: `answer`."""
    max_length: int = Field(default=384, ge=16)
    """Tokens of a question and as much of its context as fits; longer contexts are read in several
    windows. Left out, fewer where the model has fewer positions."""
    stride: int | None = Field(default=None, ge=1)
    """Tokens that a window moves along a long context; left out, a third of `max_length` (128 of
    384, as in BERT). Never more than fits beside the question, so that nothing is left unread."""
    max_answer_length: int = Field(default=30, ge=1)
    """Tokens of the longest answer that is given."""
    n_best: int = Field(default=20, ge=1)
    """Candidates among which `lmkit predict` shares out the probability."""
    no_answer: Literal["auto"] | bool = "auto"
    """Whether a question may have no answer in its context (Rajpurkar et al. 2018, SQuAD 2.0,
    arXiv:1806.03822). `auto`: whether one in the training data has none."""
    no_answer_threshold: float | None = None
    """No answer is given where its score exceeds that of the best span by more than this. Left
    out, it is chosen on the validation data after training and kept in the model's config.json."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The question and its context; answers are parts of that."""
        return (self.question_column, self.context_column)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Always told."""
        return ("exact_match", "f1")

    @model_validator(mode="after")
    def _windows_touch(self) -> "QAOptions":
        if self.stride is not None and self.stride > (room := self.max_length - _SPECIAL):
            raise ValueError(
                f"task.stride: {self.stride} with task.max_length: {self.max_length}: at most "
                f"{room} tokens of a context fit into a window, so some would be left unread; "
                "lower stride or raise max_length"
            )
        return self
