"""What lmkit says to people while it works: on standard error, and only of the first process."""

import logging
import sys
from contextlib import suppress

from lmkit.secrets import without_secrets
from lmkit.worker import is_first


class StandardError(logging.Handler):
    """The bare text of a message without secrets, written to what `sys.stderr` is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message; a warning says that it is one."""
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        with suppress(BrokenPipeError):  # nobody reads any more: nothing to tell
            sys.stderr.write(f"{prefix}{without_secrets(self.format(record))}\n")


def start_logging() -> None:
    """Send what lmkit's loggers say to standard error."""
    logger = logging.getLogger("lmkit")
    logger.setLevel(logging.INFO if is_first() else logging.ERROR)
    logger.handlers = [StandardError()]
    logger.propagate = False


def hush() -> None:
    """From now on only warnings and errors are told."""
    logger = logging.getLogger("lmkit")
    logger.setLevel(max(logger.level, logging.WARNING))
