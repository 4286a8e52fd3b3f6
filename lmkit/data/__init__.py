"""From bytes to batches: sources, cleaning, tokenizers, the token cache, packing, order."""
