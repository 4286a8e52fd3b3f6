"""How far a long piece of work is, for a person on standard error."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bar

logger = logging.getLogger(__name__)

TELL_EVERY = 10.0  # seconds between plain lines


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, a plain line now and then elsewhere, nothing when told to be quiet."""
    if not logger.isEnabledFor(logging.INFO):
        yield None
    elif sys.stderr.isatty():
        with Bar(console=Console(stderr=True), transient=True) as bar:
            line = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(line, completed=done, total=total)
    else:
        told = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                logger.info("%s: %d of %d", what, done, total)

        yield tell
