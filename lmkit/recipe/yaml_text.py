"""YAML to plain values, with the place of every key and value.

ruamel.yaml parses (YAML 1.2: `5e-5` is a number and `no` is text); values are built here, from the
nodes, so that every problem is found at once and has its place, nothing is ever constructed by a
tag, and aliases cannot multiply without bound.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from lmkit.recipe.problems import Path, Problem, Spot, shown

MAX_DEPTH = 50  # mappings and lists within one another
MAX_VALUES = 100_000  # keys and values, those of an alias counted each time
_CORE = "tag:yaml.org,2002:"
_MERGE = f"{_CORE}merge"
_VERSION = re.compile(r"^%YAML\s+(\S+)", re.MULTILINE)
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_CURES = {
    "\t": "a tab; YAML is indented with spaces",
    "*": "an alias that no anchor (`&`) defines; write the value in quotes if it begins with `*`",
}


class Tree(NamedTuple):
    """What a text holds."""

    value: Any
    """Mappings, lists and scalars; None for an empty text, and wherever there is a problem."""
    keys: dict[Path, Spot]
    """Where each key stands."""
    values: dict[Path, Spot]
    """Where each value stands; an alias's where its anchor is."""
    problems: list[Problem]


def read_yaml(text: str, override: str = "") -> Tree:
    """Read one document.

    Args:
        text: the YAML.
        override: the key that `--set` gives, where the text is its value; every place is then it.
    """
    builder = _Builder(override)
    tree = Tree(None, builder.keys, builder.values, builder.problems)
    if (version := _VERSION.search(text)) and version.group(1) != "1.2":
        line = text.count("\n", 0, version.start()) + 1
        problem = f"found %YAML {version.group(1)}; recipes are YAML 1.2 (leave the line out)"
        builder.problems.append(Problem(Spot(override, line, 1), (), problem))
        return tree
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.composer.warn_double_anchors = False  # YAML 1.2 allows them
        node = yaml.compose(text)
        return tree if node is None else tree._replace(value=builder.build(node, (), ()))
    except ReaderError as error:
        line = text.count("\n", 0, error.position)
        spot = Spot(override, line + 1, error.position - (text.rfind("\n", 0, error.position)))
        code = ord(error.character) if isinstance(error.character, str) else error.character
        problem = f"the character U+{code:04X} is not allowed in YAML; is this a text file?"
    except MarkedYAMLError as error:
        spot, problem = _syntax(error, text, override)
    except _TooMuchError as error:
        spot, problem = error.spot, error.text
    except RecursionError:
        spot, problem = Spot(override, 1, 1), f"nested deeper than {MAX_DEPTH} levels"
    except (YAMLError, ValueError, OverflowError, LookupError) as error:
        # What ruamel lets through on mangled input, such as "\\UFFFFFFFF"; it has no place.
        spot, problem = Spot(override, 1, 1), f"not YAML: {type(error).__name__}: {error}"
    builder.problems.append(Problem(spot, (), problem))
    return tree


def _syntax(error: MarkedYAMLError, text: str, override: str) -> tuple[Spot, str]:
    """Where a syntax error is, and what it is, in one line."""
    mark = error.problem_mark or error.context_mark
    spot = Spot(override, mark.line + 1, mark.column + 1) if mark else Spot(override, 1, 1)
    found = text[mark.index : mark.index + 1] if mark else ""
    problem = str(error.problem or "not YAML")
    if problem == "but found another document":
        return spot, "a second document begins here; a recipe is one document"
    if found in _CURES and ("cannot start" in problem or "undefined alias" in problem):
        return spot, f"found {_CURES[found]}"
    context = f"{error.context}: " if error.context else ""
    cure = "; write the value in quotes" if "cannot start" in problem else ""
    return spot, f"not YAML: {context}{problem}{cure}".replace("\n", " ")


class _TooMuchError(Exception):
    """More than a recipe can need: the rest is not read."""

    def __init__(self, spot: Spot, text: str) -> None:
        self.spot, self.text = spot, text
        super().__init__(text)


class _Builder:
    """Builds values from nodes, and notes places and problems on the way."""

    def __init__(self, override: str) -> None:
        self.override = override
        self.keys: dict[Path, Spot] = {}
        self.values: dict[Path, Spot] = {}
        self.problems: list[Problem] = []
        self.count = 0

    def build(self, node: Node, path: Path, above: tuple[int, ...]) -> Any:
        """The value of a node at `path`; `above` are the identities of the nodes it is within."""
        spot = self.values[path] = self.spot(node)
        within = self.enter(node, above)
        tag = str(node.tag)
        if isinstance(node, MappingNode) and tag == f"{_CORE}map":
            return self.mapping(node, path, within)
        if isinstance(node, SequenceNode) and tag == f"{_CORE}seq":
            return [
                self.build(item, (*path, index), within) for index, item in enumerate(node.value)
            ]
        if isinstance(node, ScalarNode) and tag in _SCALARS:
            return self.scalar(node, tag, path)
        name = tag.replace(_CORE, "!!", 1)
        text = f"the tag {shown(name)[1:-1]} is not allowed; recipes hold plain values"
        return self.problem(spot, path, text)

    def enter(self, node: Node, above: tuple[int, ...]) -> tuple[int, ...]:
        """Count a node; `above` with it."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise _TooMuchError(
                self.spot(node),
                f"more than {MAX_VALUES:,} values (those of an alias counted each time)",
            )
        if id(node) in above:
            raise _TooMuchError(self.spot(node), "an alias that holds itself")
        if len(above) > MAX_DEPTH:
            raise _TooMuchError(self.spot(node), f"nested deeper than {MAX_DEPTH} levels")
        return (*above, id(node))

    def mapping(self, node: MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        """A mapping; keys of its own win over those that `<<` merges in."""
        value: dict[str, Any] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, item in node.value:
            spot = self.spot(key)
            if str(key.tag) == _MERGE:
                for other_key, other in self.merges(item, path, above):
                    merged.setdefault(str(other_key.value), (other_key, other))
            elif not isinstance(key, ScalarNode) or str(key.tag) != f"{_CORE}str":
                found = shown(key.value)[1:-1] if isinstance(key, ScalarNode) else "[...]"
                text = f"found the key {found}; a key is text (write it in quotes)"
                self.problem(spot, path, text)
            elif key.value in value:
                first = self.keys[(*path, key.value)]
                text = f"the key {shown(key.value)} is given twice, first in line {first.line}"
                self.problem(spot, (*path, key.value), text)
            else:
                inner = (*path, str(key.value))
                self.keys[inner] = spot
                value[key.value] = self.build(item, inner, above)
                if item.value == "":  # nothing is there: ruamel's place is that of what follows
                    self.values[inner] = spot
        for name, (key, item) in merged.items():
            if name not in value:
                self.keys[(*path, name)] = self.spot(key)
                value[name] = self.build(item, (*path, name), above)
        return value

    def merges(
        self, node: Node, path: Path, above: tuple[int, ...]
    ) -> Iterator[tuple[ScalarNode, Node]]:
        """Keys and values that `<<: node` brings in, the first mapping's before the others'."""
        for mapping in node.value if isinstance(node, SequenceNode) else [node]:
            within = self.enter(mapping, above)
            if not isinstance(mapping, MappingNode):
                self.problem(self.spot(mapping), path, "`<<` takes a mapping or a list of them")
                continue
            for key, item in mapping.value:
                if str(key.tag) == _MERGE:
                    yield from self.merges(item, path, within)
                elif isinstance(key, ScalarNode):
                    yield key, item

    def scalar(self, node: ScalarNode, tag: str, path: Path) -> Any:
        """Null, a truth value, a number or text."""
        kind, read = _SCALARS[tag]
        try:
            value = read(str(node.value))
        except (ValueError, KeyError):
            return self.problem(self.spot(node), path, f"found {shown(node.value)}; not {kind}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return self.problem(self.spot(node), path, "a whole number of more than 64 bits")
        return value

    def spot(self, node: Node) -> Spot:
        """Where a node begins."""
        return Spot(self.override, node.start_mark.line + 1, node.start_mark.column + 1)

    def problem(self, spot: Spot, path: Path, text: str) -> None:
        """Note a problem; the value there is None."""
        self.problems.append(Problem(spot, path, text))


def _whole(text: str) -> int:
    """`12`, `-3`, `1_000`, `0x1f`, `0o17`, `0b11`; a leading zero means nothing."""
    digits = text.replace("_", "")
    if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b"):
        return int(digits, 0)
    return int(digits)


def _number(text: str) -> float:
    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, tuple[str, Callable[[str], Any]]] = {
    f"{_CORE}null": ("null", lambda _: None),
    f"{_CORE}bool": ("true or false", lambda text: _WORDS[text.lower()]),
    f"{_CORE}int": ("a whole number of less than 4,300 digits", _whole),
    f"{_CORE}float": ("a number", lambda text: _number(text.lower())),
    f"{_CORE}str": ("text", str),
    f"{_CORE}timestamp": ("text", str),  # a run may be named by a day; no key is a time
    f"{_CORE}value": ("text", str),
}
