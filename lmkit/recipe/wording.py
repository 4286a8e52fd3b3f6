"""Pydantic's findings as problems of the recipe: where, what was found, what is allowed."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails

from lmkit.recipe.keys import allowed, homes, section_at, sections
from lmkit.recipe.nearest import did_you_mean, nearest
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.problems import Path, Problem, Spot, dotted, name, shown
from lmkit.recipe.train_names import OWNED, REMOVED
from lmkit.recipe.yaml_text import Tree

_LISTED = 30  # a section with more keys than that is not listed in a message
_SURE = 0.8  # likeness from which a key of another section is proposed
_NAMED = re.compile(r"([a-z_0-9]+(?:\.[a-z_0-9]+)*): ")  # how a validator's text begins
_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def explain(errors: Sequence[ErrorDetails], tree: Tree) -> list[Problem]:
    """One problem for each path.

    A value that fits none of several types has an error for each; so the deepest path says best
    what is wrong. What already is a problem of the YAML is not told again.
    """
    unread = {problem.path for problem in tree.problems if _at(problem.path, tree.value) is None}
    by_path: dict[Path, ErrorDetails] = {}
    for error in errors:
        path = _path(error, tree.value)
        # of a mapping that is one of several types, its own rule says more than the other types
        if path not in by_path or error["type"] == "value_error":
            by_path[path] = error
    problems = []
    for path, error in by_path.items():
        deeper = any(other[: len(path)] == path != other for other in by_path)
        if not (deeper and error["type"] != "value_error") and path not in unread:
            problems.append(_problem(path, error, tree))
    return problems


def _path(error: ErrorDetails, data: Any) -> Path:
    """The path of an error in the data; what pydantic adds for the branches of unions is dropped.

    A missing key has a path too, though nothing stands there.
    """
    location = list(error["loc"])
    if location[:1] == ["task"] and location[1:2] and location[1] in OPTIONS:
        del location[1]
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location.append("name")
    path: Path = ()
    for part in location:
        if _holds(data, part):
            path, data = (*path, part), data[part]
    if error["type"] in ("missing", "union_tag_not_found") and location[-1:] != list(path[-1:]):
        path = (*path, location[-1])
    return path


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _problem(path: Path, error: ErrorDetails, tree: Tree) -> Problem:
    kind = error["type"]
    if kind == "value_error":
        text = str(error["ctx"]["error"])
        match = _NAMED.match(text)
        parts = match.group(1).split(".") if match else []
        named: Path = tuple(int(part) if part.isdecimal() else part for part in parts)
        if named and named[0] in sections()[""].model_fields:
            path = named
        else:
            text = f"{dotted(path)}: {text}"
        whole_section = section_at(path, tree.value) is not None
        return Problem(_spot(path, tree, key=whole_section), path, text)
    if kind == "extra_forbidden":
        return Problem(_spot(path, tree, key=True), path, _unknown(path, tree.value))
    words, values = allowed(path, tree.value)
    if kind in ("missing", "union_tag_not_found"):
        return Problem(_spot(path, tree), path, f"{dotted(path)}: missing; allowed: {words}")
    found = _at(path, tree.value)
    text = f"{dotted(path)}: found {shown(found)}; allowed: {words}{_cure(found, words, values)}"
    return Problem(_spot(path, tree), path, text)


def _cure(found: Any, words: str, values: Sequence[Any]) -> str:
    """How a value was meant, where that can be told."""
    if not isinstance(found, str):
        return ""
    if "true or false" in words and found.lower() in _BOOLEANS:
        return f"; YAML 1.2 reads {found} as text: write {_BOOLEANS[found.lower()]}"
    if "number" in words and re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", found, re.IGNORECASE):
        return "; write it without quotes"
    return did_you_mean(found, [value for value in values if isinstance(value, str)])


def _unknown(path: Path, data: Any) -> str:
    """What to say of a key that its section does not have."""
    key, where = str(path[-1]), dotted(path)
    section = section_at(path[:-1], data)
    own = list(section.model_fields) if section is not None else []
    in_train = path[:-1] == ("train",)
    elsewhere = homes(key)
    if not in_train and elsewhere:
        return f"{where}: unknown key; `{name(key)}` belongs {' or '.join(elsewhere)}"
    if key in OWNED:
        return f"{where}: not a key of lmkit's recipes; {OWNED[key]}"
    if key in REMOVED:
        return f"{where}: no key of TrainingArguments any more; {REMOVED[key]}"
    if elsewhere:
        return f"{where}: unknown key; `{name(key)}` belongs {' or '.join(elsewhere)}"
    if hint := did_you_mean(key, own):
        return f"{where}: unknown key{hint}"
    everywhere = {
        inner: f"{section_path}.{inner}".lstrip(".")
        for section_path, other in sections().items()
        for inner in other.model_fields
        if not section_path.endswith("*")
    }
    if (other_key := nearest(key, everywhere, cutoff=_SURE)) is not None:
        return f"{where}: unknown key; did you mean `{everywhere[other_key]}`?"
    listed = ", ".join(own) if len(own) <= _LISTED else "see `lmkit recipes schema`"
    return f"{where}: unknown key; allowed: {listed}"


def _spot(path: Path, tree: Tree, *, key: bool = False) -> Spot:
    """The place of a value (or key), or of the nearest thing around it that has one."""
    if key and path in tree.keys:
        return tree.keys[path]
    for length in range(len(path), -1, -1):
        whole = length == len(path)
        places = (tree.values, tree.keys) if whole else (tree.keys, tree.values)
        for known in places:
            if path[:length] in known:
                return known[path[:length]]
    return Spot("", 1, 1)


def _at(path: Path, data: Any) -> Any:
    """The value at a path; None where there is nothing."""
    for part in path:
        if not _holds(data, part):
            return None
        data = data[part]
    return data
