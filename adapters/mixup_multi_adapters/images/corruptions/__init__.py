"""Corruptions of images: the vocabulary of Hendrycks & Dietterich (2019), made or published."""

from mixup_multi_adapters.images.corruptions.made import EXTRA, STANDARD, made_corruptions

__all__ = ["EXTRA", "STANDARD", "made_corruptions"]
