"""`--set KEY.PATH=VALUE`: change a recipe before it is checked."""

from collections.abc import Sequence
from typing import Any

from lmkit.recipe.problems import Path, Problem, Spot, dotted, shown
from lmkit.recipe.yaml_text import Tree, read_yaml


def apply(tree: Tree, overrides: Sequence[str]) -> Tree:
    """A tree with the overrides made in order; what they set has them as its place.

    A mapping that is not there yet (or null) is made; a list is only changed where it has items.
    """
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        spot = Spot(key or override, 1, 1)
        parts = tuple(key.split("."))
        if not equals or not all(parts):
            found = shown(override)
            problem = Problem(spot, (), f"found {found}; allowed: KEY.PATH=VALUE")
            tree.problems.append(problem)
            continue
        # a lone dash names standard input; YAML would read a list of nothing
        given = read_yaml('"-"' if text.strip() == "-" else text, override=key)
        tree.problems.extend(given.problems)
        if not given.problems:
            tree = _put(tree, parts, given.value, spot)
    return tree


def _put(tree: Tree, parts: Sequence[str], value: Any, spot: Spot) -> Tree:
    """Set one value. What stood at its path, and the places within it, are gone."""
    root = {} if tree.value is None else tree.value
    tree = tree._replace(value=root)
    path, container = _walk(tree, parts, spot)
    if container is None:
        return tree
    _forget(tree, path)
    tree.keys[path] = tree.values[path] = spot
    container[path[-1]] = value
    return tree


def _walk(tree: Tree, parts: Sequence[str], spot: Spot) -> tuple[Path, Any]:
    """The path with its list numbers, and the mapping or list that holds its last part.

    The container is None where the path goes through something else; the problem is noted.
    """
    path: Path = ()
    current = tree.value
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(current, dict):
            path = (*path, part)
            if not last and current.get(part) is None:
                tree.keys.setdefault(path, spot)
                tree.values[path] = spot
                current[part] = {}
        elif isinstance(current, list):
            if not part.isdecimal() or int(part) >= len(current):
                allowed = f"0 to {len(current) - 1}" if current else "none, for it is empty"
                text = f"{dotted(path)} is a list: found item {shown(part)}; allowed: {allowed}"
                tree.problems.append(Problem(spot, path, text))
                return path, None
            path = (*path, int(part))
        else:
            text = f"{dotted(path)} is {shown(current)}, which has no keys"
            tree.problems.append(Problem(spot, path, text))
            return path, None
        if not last:
            current = current[path[-1]]
    return path, current


def _forget(tree: Tree, path: Path) -> None:
    """Drop the places of a value that is replaced, and the problems it had in the file."""
    for places in (tree.keys, tree.values):
        for inner in [other for other in places if other[: len(path)] == path]:
            del places[inner]
    tree.problems[:] = [
        problem
        for problem in tree.problems
        if problem.spot.override or not problem.path or problem.path[: len(path)] != path
    ]
