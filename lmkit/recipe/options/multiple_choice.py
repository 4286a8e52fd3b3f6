"""Options of `multiple_choice`: which of a few answers to a question is right."""

from typing import Literal

from pydantic import Field

from lmkit.recipe.outside_metrics import MeasuredOptions


class MultipleChoiceOptions(MeasuredOptions):
    """Choose one of the answers that stand beside each question."""

    name: Literal["multiple_choice"]
    """The task."""
    question_column: str = "question"
    """The column that holds the question."""
    context_column: str | None = None
    """The column that holds a text to read before the question; left out, there is none."""
    choices_column: str = "choices"
    """The column that holds the answers to choose from: a list of two texts or more (in a CSV, as
    JSON), or `text` and `label` lists. Rows may have unlike numbers of them."""
    answer_column: str = "answer"
    """The column that holds the right answer: its text, its label or letter (A is the first), or
    its number (0 is the first)."""
    head: Literal["classifier", "likelihood"] | None = None
    """`classifier`: an encoder reads question and answer and gives a score. `likelihood`: a causal
    model says how likely the answer is after the question. Left out, `classifier` where
    transformers has that head for the model."""
    normalize: Literal["sum", "mean", "bytes"] = "sum"
    """The log-likelihood of an answer (`likelihood`): that of its tokens together, a token, or a
    byte of its UTF-8 text, which does not favor short answers."""
    separator: str = " "
    """What stands between the question and the answer (`likelihood`)."""
    max_length: int = Field(default=512, ge=8)
    """Tokens that question and answer may have together; the question is cut. Left out, fewer where
    the model has fewer positions."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The context, if there is one, the question and the choices."""
        context = () if self.context_column is None else (self.context_column,)
        return (*context, self.question_column, self.choices_column)

    @property
    def own_names(self) -> tuple[str, ...]:
        """Always told."""
        return ("accuracy",)
