"""Options of `chat`: learn the answers of conversations."""

from itertools import chain
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from lmkit.recipe.base import TaskOptions

LISTS = ("messages", "conversations")
"""Columns that hold whole conversations, where none is named."""
PAIRS = (("prompt", "completion"), ("instruction", "input", "output"))
"""Columns of a question (what follows it) and its answer."""


class ChatOptions(TaskOptions):
    """Supervised fine-tuning of a causal model on conversations."""

    shows: ClassVar[bool] = True

    name: Literal["chat"]
    """The task."""
    messages_column: str | None = None
    """The column of lists of messages (`role`, `content`, or ShareGPT's `from`, `value`). With none
    of these columns named they are found: `messages`, `conversations`, `prompt` and `completion`,
    or `instruction`, `input` and `output`."""
    prompt_column: str | None = None
    """The column of what is asked, where a row is one question and one answer."""
    completion_column: str | None = None
    """The column of the answer."""
    input_column: str | None = None
    """A column whose text, where there is any, follows what is asked after a blank line."""
    system: str | None = Field(default=None, min_length=1)
    """The system message of conversations that bring none."""
    chat_template: str | None = Field(default=None, min_length=1)
    """How messages become text: `chatml`, a Jinja file, or Jinja itself; left out, the tokenizer's
    own. Tokens `<|...|>` that it writes and the tokenizer lacks are added to it. Where it has
    `{% generation %}` marks, what they hold is the answers. One that renders earlier messages
    otherwise once others follow is refused: a model would be asked what it never learned."""
    train_on: Literal["answers", "last_answer", "all"] = "answers"
    """What is predicted: every answer with the token that ends it, the last one only, or every
    token of the conversation."""
    max_length: int = Field(default=1024, ge=8)
    """Tokens a conversation may have; its end is cut off, and the number of cut ones is told. Left
    out, fewer where the model has fewer positions."""
    packing: Literal["none", "isolated"] = "none"
    """`none`: each conversation by itself, padded. `isolated`: several in a row of `max_length`
    that do not see one another."""

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that are named, else all those that are looked for."""
        named = (
            self.messages_column, self.prompt_column, self.input_column, self.completion_column,
        )  # fmt: skip
        return tuple(name for name in named if name is not None) or (*LISTS, *chain(*PAIRS))

    @model_validator(mode="after")
    def _one_shape(self) -> "ChatOptions":
        if self.messages_column and (self.prompt_column or self.completion_column):
            raise ValueError(
                "task.messages_column: holds whole conversations; leave out prompt_column and "
                "completion_column, or it"
            )
        if (self.prompt_column is None) != (self.completion_column is None):
            raise ValueError("task.prompt_column and task.completion_column: give both or neither")
        if self.input_column and not self.prompt_column:
            raise ValueError("task.input_column: only with task.prompt_column")
        return self
