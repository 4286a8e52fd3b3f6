"""Keep the libraries beneath from talking over lmkit: it says what matters in its own words."""

import datasets
from transformers.utils import logging as transformers_logging


def quiet_libraries() -> None:
    """No progress bars and no advice from transformers and datasets; their errors stay."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
