"""What transformers does not have: checked loading, the loss without logits."""
