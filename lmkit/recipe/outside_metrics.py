"""Metrics that are another's code: named in `task.metrics`, run only with a key that says so."""

from collections.abc import Collection, Sequence

from lmkit.recipe.nearest import did_you_mean

KEY = "task.trust_metric_code"


def check_outside(names: Sequence[str], own: Collection[str], *, trusted: bool) -> None:
    """Hold the names of `task.metrics` against the key that lets another's code run.

    Args:
        names: all of them.
        own: those that lmkit measures itself, whatever is named.
        trusted: `task.trust_metric_code`.

    Raises:
        ValueError: a name comes twice, brings code that may not be run, or the key is set in vain.
    """
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"task.metrics: `{twice[0]}` is named more than once")
    outside = [name for name in names if name not in own]
    if outside and not trusted:
        raise ValueError(
            f"task.metrics: `{outside[0]}` is none of lmkit's ({', '.join(own)})"
            f"{did_you_mean(outside[0], own)}; a metric of the evaluate library, by its folder or "
            f"its name on the hub, is code: {KEY}: true lets it run, for code that you have read"
        )
    if trusted and not outside:
        raise ValueError(f"{KEY}: no metric in task.metrics brings code; leave it out")
