"""What a user may write: the recipe, its checks and its errors, before torch is loaded."""
