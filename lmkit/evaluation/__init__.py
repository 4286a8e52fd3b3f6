"""Numbers from what a model says: rows, metrics, their intervals, and what must be beaten."""
