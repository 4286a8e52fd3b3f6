"""Code that comes with a model or a tokenizer: what is said where it is refused or run."""

import logging

KEY = "model.trust_remote_code"
REFUSED = (
    f"brings code of its own, which lmkit does not run; `{KEY}: true` in a recipe lets training "
    "run it, which is for code that you have read"
)
"""What is said of a source without that key."""

logger = logging.getLogger(__name__)


def warn(what: str, source: str) -> None:
    """Say at the start of a run whose code it may run.

    Args:
        what: `model` or `tokenizer`.
        source: its folder or hub name.
    """
    logger.warning(
        "%s: any code that comes with the %s %s is run, and may do all that you may",
        KEY,
        what,
        source,
    )
