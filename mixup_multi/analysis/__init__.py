"""The papers' analyses: what is computed and drawn by itself, from a recipe's `analyses`."""

from __future__ import annotations

from mixup_multi.analysis.analysis import Analysis, Found

__all__ = ["Analysis", "Found"]
