"""lmkit: from raw text to a trained, measured, usable language model."""

__version__ = "0.1.0"
