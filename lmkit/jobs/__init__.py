"""Job files: what a cluster's scheduler is given to train a recipe on several machines."""
