"""Data sources, splits and the training loop."""
