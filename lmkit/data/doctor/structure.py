"""Rows whose parts contradict one another: tags, answers, turns of a conversation.

Each check takes the values of one row and says what is wrong with it, in a few words; None where
nothing is. Which check fits is told by the columns (`structure_of`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lmkit.data.entities import span_problem
from lmkit.data.questions import QuestionColumns
from lmkit.data.tag_schemes import tag_problem
from lmkit.recipe.base import TaskOptions
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.options.qa import QAOptions

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""Who may speak in a conversation."""
_SQUAD = QuestionColumns()
_SPEAKERS = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant"}
"""ShareGPT's names for them."""

Values = Mapping[str, Any]
Check = Callable[[Values], str | None]


def structure_of(values: Values) -> tuple[str, Check] | None:
    """The kind of finding and the check for rows with these columns; None where none fits."""
    if isinstance(values.get("messages"), list):
        return "chat_roles", lambda row: chat_problem(row.get("messages"))
    if isinstance(values.get("conversations"), list):
        return "chat_roles", lambda row: chat_problem(sharegpt_messages(row.get("conversations")))
    if "chosen" in values and "rejected" in values:
        return "preference", pair_problem
    if isinstance(values.get("answers"), Mapping) and "context" in values:
        return "answer_offset", answer_problem
    if isinstance(values.get("choices"), list) and "answer" in values:
        return "broken_choices", choice_problem
    for left, right in (("anchor", "positive"), ("sentence1", "sentence2")):
        if left in values and right in values:
            return "missing_side", partial(_pair_problem, (left, right))
    for tags in ("tags", "ner_tags", "labels"):
        if isinstance(values.get(tags), list) and isinstance(values.get("tokens"), list):
            return "broken_tags", partial(_tags_of, tags)
    return None


def entity_check(options: NerOptions, values: Values) -> tuple[str, Check] | None:
    """As `structure_of`, for rows of named entities whose columns and scheme a recipe names."""
    if isinstance(values.get(options.tokens_column), list):
        return "broken_tags", lambda row: tag_problem(
            row.get(options.tokens_column), row.get(options.tags_column), options.scheme
        )
    if options.spans_column in values:
        return "broken_spans", lambda row: span_problem(
            row.get(options.text_column), row.get(options.spans_column)
        )
    return None


def structure_for(options: TaskOptions) -> Callable[[Values], tuple[str, Check] | None]:
    """What tells the check for rows of a task; most are told by their columns alone."""
    if isinstance(options, NerOptions):
        return partial(entity_check, options)
    if isinstance(options, QAOptions):
        check = partial(answer_problem, columns=QuestionColumns.of(options))
        return lambda _: ("answer_offset", check)
    return structure_of


def _tags_of(column: str, values: Values) -> str | None:
    """`tag_problem` of a row whose tags stand in `column`."""
    return tag_problem(values.get("tokens"), values.get(column))


def _pair_problem(columns: Sequence[str], values: Values) -> str | None:
    """A pair with one side missing."""
    for name in columns:
        text = values.get(name)
        if not isinstance(text, str) or not text.strip():
            return f"`{name}` holds no text"
    return None


def choice_problem(values: Values) -> str | None:
    """Choices that are no two unlike texts, or an answer that is none of them."""
    choices, answer = values.get("choices"), values.get("answer")
    if not isinstance(choices, list) or len(choices) < 2:
        return "there are fewer than two choices"
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        return "a choice is no text"
    if len(set(choices)) < len(choices):
        return "two choices are equal"
    letters = [chr(ord("A") + number) for number in range(len(choices))]
    numbers = [str(number) for number in range(len(choices))]
    if isinstance(answer, bool) or str(answer) not in (*choices, *letters, *numbers):
        return f"the answer {answer!r} is none of the {len(choices)} choices"
    return None


def answer_problem(values: Values, columns: QuestionColumns = _SQUAD) -> str | None:
    """An answer that does not stand in the context at its offset."""
    return columns.problem(values)


def chat_problem(messages: Any) -> str | None:
    """Turns out of order: the first place.

    A conversation may open with `system` or `developer`; then `user` and `assistant` take turns,
    the user first. `tool` (or `function`) answers an assistant, who may speak again after it.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        return "there is no message"
    before = ""
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            return f"message {number} has no role"
        role = message["role"]
        if role not in ROLES:
            return f"message {number} has the role `{role}`{did_you_mean(role, ROLES)}"
        if _is_empty(message):
            return f"message {number} ({role}) is empty"
        if problem := _turn_problem(role, before):
            return f"message {number}: {problem}"
        before = role
    if before == "user":
        return "it ends with the user: there is no answer to learn"
    if before not in ("assistant", "tool", "function"):
        return "nobody but the system speaks"
    return None


def sharegpt_messages(value: Any) -> Any:
    """ShareGPT's messages (`from`: human, gpt, ...; `value`) with `role` and `content`.

    Anything else is given back as it is.
    """
    if not isinstance(value, list):
        return value
    return [
        {"role": _SPEAKERS.get(item["from"], item["from"]), "content": item.get("value")}
        if isinstance(item, Mapping) and isinstance(item.get("from"), str) and "role" not in item
        else item
        for item in value
    ]


def pair_problem(values: Values) -> str | None:
    """A preferred and a rejected answer between which there is nothing to choose."""
    for side in ("chosen", "rejected"):
        answer = values.get(side)
        if not answer or (isinstance(answer, str) and not answer.strip()):
            return f"`{side}` is empty"
    return "`chosen` and `rejected` are equal" if values["chosen"] == values["rejected"] else None


def _turn_problem(role: str, before: str) -> str | None:
    """What is wrong with `role` speaking after `before` ("" at the beginning)."""
    opening = ("", "system", "developer")
    if role in ("system", "developer"):
        return None if before in opening else f"{role} after {before}"
    if role == "user":
        return "user after user" if before == "user" else None
    if role == "assistant":
        if before in opening:
            return "the assistant speaks first"
        return "assistant after assistant" if before == "assistant" else None
    fits = before in ("assistant", "tool", "function")
    return None if fits else f"{role} after {before or 'nobody'}"


def _is_empty(message: Mapping[str, Any]) -> bool:
    """Whether a message says nothing and calls no tool."""
    if message.get("tool_calls") or message.get("function_call"):
        return False
    content = message.get("content")
    return content is None or (isinstance(content, str) and not content.strip())
