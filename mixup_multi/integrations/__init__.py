"""The methods inside other people's training loops, models and data loaders.

`Method` is all that a plain PyTorch loop needs. What fits a framework lies in a module of its
name, which imports that framework: `mixup_multi.integrations.lightning`, ...
"""

from mixup_multi.integrations.method import Method

__all__ = ["Method"]
