"""Let a model write: choices, prompts, batches, decoding loops, text."""
