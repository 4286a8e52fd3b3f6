"""`lmkit pretrain`."""

from lmkit.cli.training import command

pretrain = command(
    "pretrain",
    """Train a language model (causal_lm, masked_lm) on raw text.

    From `model.architecture`, or continued from `model.source`; a tokenizer is trained first where
    the recipe asks for one.
    """,
)
