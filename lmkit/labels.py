"""What every layer knows of a batch."""

IGNORED = -100
"""The label of a position that is not predicted, as everywhere in torch and transformers."""

SEGMENTS = "segments"
"""The key of a packed batch: (B, T) the number of each token's document in its block, from 1 on; 0
is padding, which counts nothing and is read as a document of its own."""
