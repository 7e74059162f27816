"""Experiment trackers: what they are sent, and each one that is known."""
