"""Keep the libraries beneath from talking over lmkit: it says what matters in its own words."""

import datasets
from transformers.utils import logging as transformers_logging


def quiet_libraries() -> None:
    """No progress bars and no advice from transformers and datasets; their errors stay."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call] # not annotated
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call] # as above
    datasets.disable_progress_bars()
