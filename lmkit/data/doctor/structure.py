"""Rows whose parts contradict one another: tags, answers, turns of a conversation.

Each check takes the values of one row and says what is wrong with it, in a few words; None where
nothing is. Which check fits is told by the columns (`structure_of`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lmkit.recipe.nearest import did_you_mean

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""Who may speak in a conversation."""
_PREFIXES = {"B", "I", "S", "E", "L", "U", "M"}
_TAG = re.compile(r"([A-Z])[-_](.+)")
_OPENING = {"B", "S", "U"}  # these begin a span; S and U also end it
_WHOLE = {"S", "U"}

Values = Mapping[str, Any]
Check = Callable[[Values], str | None]


def structure_of(values: Values) -> tuple[str, Check] | None:
    """The kind of finding and the check for rows with these columns; None where none fits."""
    if isinstance(values.get("messages"), list):
        return "chat_roles", lambda row: chat_problem(row.get("messages"))
    if isinstance(values.get("answers"), Mapping) and "context" in values:
        return "answer_offset", answer_problem
    for tags in ("tags", "ner_tags", "labels"):
        if isinstance(values.get(tags), list) and isinstance(values.get("tokens"), list):
            return "broken_tags", partial(_tags_of, tags)
    return None


def _tags_of(column: str, values: Values) -> str | None:
    """`tag_problem` of a row whose tags stand in `column`."""
    return tag_problem(values.get("tokens"), values.get(column))


def tag_problem(tokens: Any, tags: Any) -> str | None:
    """A BIO or BIOES sequence that no span has: the first place.

    A span begins with B- (or S-, U- where it is one token); I-, M-, E- and L- go on with a span of
    their own type (Ramshaw and Marcus 1995, arXiv:cmp-lg/9505040, in the stricter form IOB2).
    Tags that are numbers are only counted.
    """
    if not isinstance(tokens, Sequence) or not isinstance(tags, Sequence):
        return "tokens or tags are missing"
    if len(tokens) != len(tags):
        return f"{len(tokens)} tokens but {len(tags)} tags"
    if not all(isinstance(tag, str) for tag in tags):
        return None
    open_type: str | None = None
    for number, tag in enumerate(tags, start=1):
        if tag == "O":
            open_type = None
            continue
        parts = _TAG.fullmatch(tag)
        if parts is None or parts[1] not in _PREFIXES:
            return f"token {number} has the tag `{tag}`, which is neither O nor B-TYPE nor I-TYPE"
        prefix, kind = parts[1], parts[2]
        if prefix not in _OPENING and kind != open_type:
            before = f"inside a span of {open_type}" if open_type else "with no span open"
            return f"token {number} has the tag `{tag}` {before}"
        open_type = None if prefix in _WHOLE or prefix in ("E", "L") else kind
    return None


def answer_problem(values: Values) -> str | None:
    """An answer of a SQuAD row that does not stand in the context at its offset."""
    context, answers = values.get("context"), values.get("answers")
    if not isinstance(context, str) or not isinstance(answers, Mapping):
        return "no context or no answers"
    texts, starts = answers.get("text"), answers.get("answer_start")
    if not isinstance(texts, Sequence) or not isinstance(starts, Sequence):
        return "answers have no `text` or no `answer_start`"
    if len(texts) != len(starts):
        return f"{len(texts)} answers but {len(starts)} offsets"
    for text, start in zip(texts, starts, strict=True):
        if not isinstance(text, str) or not isinstance(start, int):
            return f"an answer is {text!r} at {start!r}, which is no text and no offset"
        if not text:
            return "an answer is empty"
        found = context[start : start + len(text)] if start >= 0 else ""
        if found != text:
            return f"at {start} stands {found[:40]!r}, not {text[:40]!r}{_elsewhere(context, text)}"
    return None


def _elsewhere(context: str, text: str) -> str:
    """Where the answer stands instead."""
    at = context.find(text)
    return f"; it stands at {at}" if at >= 0 else "; it is nowhere in the context"


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
