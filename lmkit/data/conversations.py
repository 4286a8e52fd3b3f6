"""From a row to a conversation: messages, those of ShareGPT, or one question and its answer.

A message is a mapping with `role` and `content`, as chat templates read it.
"""

from collections.abc import Mapping
from typing import Any

from lmkit.data.doctor.structure import chat_problem, sharegpt_messages
from lmkit.data.rows import Row, column
from lmkit.errors import DataError
from lmkit.recipe.options.chat import LISTS, PAIRS, ChatOptions

Message = dict[str, Any]

_CURE = "mend the row or leave it out"


def conversation(row: Row, options: ChatOptions) -> list[Message]:
    """The messages of a row, the system message of the options first where the row has none.

    What a user says after the last answer is left off: nothing answers it.

    Raises:
        DataError: no column holds a conversation, or its turns are out of order, empty, of an
            unknown role or without an answer.
    """
    messages = _found(row, options)
    while (
        len(messages) > 1 and _role(messages[-1]) == "user" and "assistant" in map(_role, messages)
    ):
        messages = messages[:-1]
    if (
        options.system is not None
        and messages
        and _role(messages[0]) not in ("system", "developer")
    ):
        messages = [{"role": "system", "content": options.system}, *messages]
    check_messages(row, messages)
    return messages


def check_messages(row: Row, messages: list[Message]) -> None:
    """Hold a conversation against the order that turns have.

    Raises:
        DataError: the first message that is wrong is named.
    """
    if problem := chat_problem(messages):
        raise DataError(f"{row.origin}: {problem}; {_CURE}")
    for number, message in enumerate(messages, start=1):
        if not isinstance(message.get("content") or "", str):
            raise DataError(
                f"{row.origin}: message {number} ({message['role']}) holds a "
                f"{type(message['content']).__name__}, not text; {_CURE}"
            )


def messages_of(row: Row, name: str) -> list[Message]:
    """The list of messages in column `name`; those of ShareGPT as `role` and `content`.

    Raises:
        DataError: there is no such column, or it holds no list of messages.
    """
    value = row.values.get(name)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        if not isinstance(value, list):
            column(row, name)  # absent or blank is told as of every column
        raise DataError(
            f"{row.origin}: column `{name}` holds no list of messages ({{role, content}}); where "
            "it holds text, name task.prompt_column and task.completion_column"
        )
    messages: list[Message] = sharegpt_messages(value)
    return messages


def _found(row: Row, options: ChatOptions) -> list[Message]:
    """The messages by the columns that are named, else by those that are there."""
    if options.messages_column is not None:
        return messages_of(row, options.messages_column)
    if options.prompt_column is not None and options.completion_column is not None:
        return _pair(row, options.prompt_column, options.completion_column, options.input_column)
    for name in LISTS:
        if isinstance(row.values.get(name), list):
            return messages_of(row, name)
    for prompt, *between, completion in PAIRS:
        if prompt in row.values and completion in row.values:
            return _pair(row, prompt, completion, *between)
    found = ", ".join(f"`{name}`" for name in row.values) or "none"
    raise DataError(
        f"{row.origin}: no conversation is found in the columns {found}; a row has `messages`, "
        "`conversations`, `prompt` and `completion`, or `instruction`, `input` and `output`; name "
        "others in task.messages_column, or task.prompt_column and task.completion_column"
    )


def _pair(row: Row, prompt: str, completion: str, extra: str | None = None) -> list[Message]:
    """A question and its answer; either may be a list of messages."""
    asked, answer = row.values.get(prompt), row.values.get(completion)
    before = messages_of(row, prompt) if isinstance(asked, list) else None
    after = messages_of(row, completion) if isinstance(answer, list) else None
    if before is None:
        text = column(row, prompt)
        more = row.values.get(extra) if extra is not None else None
        if isinstance(more, str) and more.strip():
            text = f"{text}\n\n{more}"
        before = [{"role": "user", "content": text}]
    if after is None:
        after = [{"role": "assistant", "content": column(row, completion)}]
    return [*before, *after]


def _role(message: Message) -> Any:
    return message.get("role")
