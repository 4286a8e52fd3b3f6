"""What keys a recipe may have: the sections by their path, and a value's type in words."""

import functools
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from lmkit.recipe.base import Section
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.problems import Path, shown
from lmkit.recipe.sections import Recipe

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "object": "a mapping",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


@functools.cache
def sections() -> dict[str, type[Section]]:
    """Every section by its dotted path, the recipe itself at ""; the tasks' own are left out.

    A section that a list holds has `*` for its number: `data.train.*`.
    """
    found: dict[str, type[Section]] = {"": Recipe}
    waiting: list[tuple[str, type[Section]]] = [("", Recipe)]
    while waiting:
        path, section = waiting.pop(0)
        for name, field in section.model_fields.items():
            if name == "task":
                continue
            for below, kind in _sections_in(field.annotation, f"{path}.{name}".lstrip(".")):
                found[below] = kind
                waiting.append((below, kind))
    return found


def _sections_in(annotation: Any, path: str) -> Iterator[tuple[str, type[Section]]]:
    """The sections that a type may hold at a path: itself, of its branches, or of its items."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield path, annotation
    inner = f"{path}.*" if get_origin(annotation) is list else path
    for branch in get_args(annotation):
        yield from _sections_in(branch, inner)


def section_at(path: Path, data: Any) -> type[Section] | None:
    """The section at a path; for `task`, and below it, that of the task which `data` names."""
    if path == ("task",):
        task = data.get("task")
        name = task.get("name") if isinstance(task, dict) else None
        return OPTIONS.get(name) if isinstance(name, str) else None
    dotted = ".".join("*" if isinstance(part, int) else part for part in path)
    if path[:1] == ("task",) and (options := section_at(path[:1], data)) is not None:
        field = options.model_fields.get(str(path[1]))
        return dict(_sections_in(field.annotation, f"task.{path[1]}") if field else ()).get(dotted)
    return sections().get(dotted)


def homes(key: str) -> list[str]:
    """Where a key is valid, as phrases: "under `train`", "for the task masked_lm"."""
    found = [_place(path) for path, section in sections().items() if key in section.model_fields]
    tasks = [name for name, options in OPTIONS.items() if key in options.model_fields]
    if tasks and key != "name":
        found.append(f"under `task` (of {', '.join(tasks)})")
    return found


def _place(path: str) -> str:
    """Where a section is, as a phrase."""
    if path.endswith(".*"):
        return f"in a mapping of the list `{path.removesuffix('.*')}`"
    return f"under `{path}`" if path else "at the top of the recipe"


def allowed(path: Path, data: Any) -> tuple[str, list[Any]]:
    """What may stand at a path: in words, and the single values among it (text, true, ...)."""
    depth = len(path)
    while depth and section_at(path[: depth - 1], data) is None:
        depth -= 1
    section = section_at(path[: depth - 1], data) if depth else None
    if path == ("task", "name") or section is None:
        return "one of " + ", ".join(OPTIONS), list(OPTIONS)
    node = _properties(section).get(str(path[depth - 1]), {})
    for part in path[depth:]:
        node = _inner(node, part)
    return _words(node), _values(node)


@functools.cache
def _properties(section: type[Section]) -> dict[str, Any]:
    """The JSON Schema of each key of a section."""
    schema = section.model_json_schema()
    properties: dict[str, Any] = _resolved(schema["properties"], schema.get("$defs", {}))
    return properties


def _resolved(node: Any, known: dict[str, Any]) -> Any:
    """A schema with what its references stand for in their places; no section holds itself."""
    if isinstance(node, list):
        return [_resolved(one, known) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = known[node["$ref"].rpartition("/")[2]]
    return {key: _resolved(value, known) for key, value in node.items()}


def _inner(node: dict[str, Any], part: str | int) -> dict[str, Any]:
    """The schema of a list's items, of a mapping's key or of all its values."""
    branches = node.get("anyOf", [node])
    for branch in branches:
        if isinstance(part, str) and part in branch.get("properties", {}):
            return dict(branch["properties"][part])
    key = "items" if isinstance(part, int) else "additionalProperties"
    inner: Any = next((branch[key] for branch in branches if key in branch), {})
    return inner if isinstance(inner, dict) else {}


def _words(node: dict[str, Any]) -> str:
    if "anyOf" in node:
        branches = list(dict.fromkeys(_words(branch) for branch in node["anyOf"]))
        between = ", or " if any("," in branch for branch in branches) else " or "
        return between.join(branches)
    if "enum" in node:
        return "one of " + ", ".join(_value(value) for value in node["enum"])
    if "const" in node:
        return _value(node["const"])
    if "oneOf" in node:
        return "a mapping"
    if node.get("type") == "array":
        items = _words(node["items"])
        words = f"a list of {items}" if items.startswith("text") else f"a list (each {items})"
        return f"{words}, at least {node['minItems']}" if "minItems" in node else words
    words = _KINDS.get(str(node.get("type")), "any value")
    if "minLength" in node:
        words += " (not empty)"
    bounds = [f"{text} {_number(node[key])}" for key, text in _BOUNDS.items() if key in node]
    return ", ".join([words, *bounds])


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _value(value: Any) -> str:
    """A single value as one writes it: text bare."""
    return value if isinstance(value, str) else shown(value)


def _values(node: dict[str, Any]) -> list[Any]:
    if "anyOf" in node:
        return [value for branch in node["anyOf"] for value in _values(branch)]
    single = [node["const"]] if "const" in node else []
    return single + list(node.get("enum", []))
