"""Hugging Face Trainer made exact, safe and fast."""
