"""The methods inside other people's training loops, models and data loaders.

`Method` is all that a plain PyTorch loop needs; `MixBatch` and `MixCollate` mix where batches are
made. What fits a framework lies in a module of its name: `mixup_multi.integrations.timm`,
`mixup_multi.integrations.lightning`, ...
"""

from mixup_multi.bounds import pixels
from mixup_multi.integrations.batches.collate import MixBatch, MixCollate
from mixup_multi.integrations.loop.method import Method

__all__ = ["Method", "MixBatch", "MixCollate", "pixels"]
