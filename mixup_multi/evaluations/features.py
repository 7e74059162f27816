"""What flows at a model's points, as rows of numbers, for what looks at representations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mixup_multi.attacks.surface import surface_at
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import Part, Subject
from mixup_multi.points import check_points, offered_points


def points_of(model: nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    """Return the points that `names` are: themselves, or all for `("all",)`.

    Raises:
        PointError: the model does not offer one of them.
        SettingError: none is named.
    """
    if not names:
        raise SettingError("points is empty: expected all, or names of points", ("points",))
    offered = offered_points(model)
    chosen = offered if tuple(names) == ("all",) else tuple(names)
    check_points(offered, chosen)
    return chosen


def features_at(
    subject: Subject, point: str, part: Part, rows: int | None, batch_size: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return features `(n, d)` in float64 and targets `(n, c)` of a part, both on the CPU.

    All leaves of a tree are put side by side. What is held in memory is n x d numbers.

    Raises:
        PointError: what flows there is no tree of floating point tensors.
    """
    features, targets = [], []
    for batch in subject.batches(part, rows, batch_size, seed):
        flow = surface_at(subject.model, batch.inputs, point, None).centre
        features.append(flow.cpu().double())
        targets.append(batch.targets.cpu().double())
    return torch.cat(features), torch.cat(targets)


def classes_of(targets: Tensor, wanted_by: str) -> Tensor:
    """Return the class of each row of targets `(n, c)`; of one column, its label 0 or 1.

    Raises:
        SettingError: the rows are soft, or hold several labels at once.
    """
    hard = bool(((targets == 0) | (targets == 1)).all())
    if targets.shape[1] == 1 and hard:
        return targets[:, 0].long()
    if hard and bool((targets.sum(1) == 1).all()):
        return targets.argmax(1)
    raise SettingError(
        f"{wanted_by} asks for one class an example, and these have soft or several labels:"
        " expected data with classes"
    )
