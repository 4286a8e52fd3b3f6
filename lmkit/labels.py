"""What every layer knows of a batch."""

IGNORED = -100
"""The label of a position that is not predicted, as everywhere in torch and transformers."""

SEGMENTS = "segments"
"""The key of a packed batch: (B, T) the number of each token's document in its block, from 1 on; 0
is padding, which counts nothing and is read as a document of its own."""

OUTSIDE = "O"
"""The tag of a word that belongs to no entity."""
NO_TOKEN = -1
"""In the place of a word's token or tag: the tokenizer makes nothing of it (control characters)."""
SHARED = -2
"""In the place of a word's token or tag: its first token is an earlier word's first."""
