"""Options of `chat`: which columns go together."""

import pytest
from pydantic import ValidationError

from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.chat import ChatOptions


def test_defaults() -> None:
    options = ChatOptions(name="chat")
    assert OPTIONS["chat"] is ChatOptions
    assert (options.train_on, options.packing, options.chat_template) == ("answers", "none", None)
    assert ChatOptions.verb == "finetune"


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"prompt_column": "question"}, "task.prompt_column and task.completion_column: give both"),
        ({"completion_column": "answer"}, "give both or neither"),
        ({"input_column": "more"}, "task.input_column: only with task.prompt_column"),
        (
            {"messages_column": "m", "prompt_column": "p", "completion_column": "c"},
            "task.messages_column: holds whole conversations",
        ),
    ],
)
def test_columns_that_do_not_go_together(columns: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ChatOptions(name="chat", **columns)  # type: ignore[arg-type]
