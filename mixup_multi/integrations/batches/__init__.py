"""Mixing where batches are made: collate functions and their workers' streams."""
