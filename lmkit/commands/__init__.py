"""The verbs, each read from top to bottom."""
