"""The valid name nearest to one that is not, for "did you mean"."""

import difflib
from collections.abc import Iterable

_LONGEST = 100  # characters of a name that are compared; the time is quadratic in them


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The member of `names` most like `name`, or None where none is like it.

    Args:
        name: what was found. Case, and hyphens for underscores, make no difference.
        names: what is allowed.
        cutoff: the least likeness, in [0, 1], as `difflib` measures it.
    """
    plain = {_plain(candidate): candidate for candidate in names}
    begun = [longer for longer in plain if longer.startswith(f"{_plain(name)}_")]
    if begun and _plain(name):
        return plain[begun[0]]  # `adamw` is `adamw_torch` rather than `adam`
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A clause to end a message with: "; did you mean `x`?", or nothing."""
    found = nearest(name, names)
    return f"; did you mean `{found}`?" if found is not None else ""


def _plain(name: str) -> str:
    return name[:_LONGEST].lower().replace("-", "_")
