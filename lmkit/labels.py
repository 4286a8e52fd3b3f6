"""The one label that every layer knows."""

IGNORED = -100
"""The label of a position that is not predicted, as everywhere in torch and transformers."""
