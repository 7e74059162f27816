"""Small models, batches and bounds for the tests of attacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.objectives.losses import LOSSES
from mixup_multi.points import Edits, Staged, check_points
from mixup_multi.tree import Tree

CLASSES = 3
SOFTMAX, SIGMOID = LOSSES["softmax"], LOSSES["sigmoid"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def conv(dtype: torch.dtype = torch.float64, dropout: float = 0.0) -> Staged:
    """Return a smooth net with BatchNorm for images (2, 6, 5), in evaluation mode."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh())
    second = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(dropout))
    head = nn.Sequential(nn.Flatten(), nn.Linear(48, CLASSES))
    net = Staged({"input": first, "hidden": second, "head": head}).to(dtype)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(generator=seeded(1))
            norm.running_var.uniform_(0.5, 2, generator=seeded(2))
    return net.eval()


def images(n: int, dtype: torch.dtype = torch.float64) -> Batch:
    """Return images whose pixels lie in the range of `pixels`."""
    inputs = torch.rand(n, 2, 6, 5, generator=seeded(n), dtype=dtype)
    mean, std = torch.tensor([0.4, 0.5]), torch.tensor([0.2, 0.3])
    inputs = (inputs - mean.view(2, 1, 1)) / std.view(2, 1, 1)
    return Batch(inputs.to(dtype), targets(n, dtype))


def pixels() -> Bounds:
    """Return what is legal for `images`: pixels in [0, 1], normalised for each channel."""
    mean, std = torch.tensor([0.4, 0.5]).view(2, 1, 1), torch.tensor([0.2, 0.3]).view(2, 1, 1)
    return Bounds(1 / std, -mean / std, (1 - mean) / std, 1.0, 60**0.5, "pixels in [0, 1]")


def anywhere() -> Bounds:
    """Return bounds without a range, in the inputs' own units."""
    return Bounds(torch.ones(()))


def targets(n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return as_targets(torch.arange(n) % CLASSES, CLASSES, dtype)


class Branches(nn.Module):
    """A model with the point `both`, where a tuple of two vectors of unequal width flows.

    `left` and `right` are the two on their own, after it.
    """

    points = ("both", "left", "right")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Linear(4, 5), nn.Linear(4, 2)
        self.head = nn.Linear(7, CLASSES)
        self.double()

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        edits = edits or {}
        check_points(self.points, tuple(edits))
        flow = (self.left(inputs).tanh(), 100 * self.right(inputs).tanh())
        if "both" in edits:
            flow = edits["both"](flow)
        left, right = (
            edits[name](part) if name in edits else part
            for name, part in zip(("left", "right"), flow, strict=True)
        )
        logits: Tensor = self.head(torch.cat([left, right / 100], 1))
        return logits


def rows(n: int) -> Batch:
    return Batch(torch.randn(n, 4, generator=seeded(n), dtype=torch.float64), targets(n))
