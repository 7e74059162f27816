"""What can be known to be amiss before the first step of a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mixup_multi.errors import SettingError
from mixup_multi.objectives.mixupe import FORMS, MixupE
from mixup_multi.objectives.objective import Objective
from mixup_multi.points import offered_points


def check_first_step(objective: Objective, model: nn.Module, *, fitted: bool) -> None:
    """Raise where a method does not suit a model as it is, or has not been told what it needs.

    Raises:
        PointError: the model does not offer what the method asks for.
        SettingError: the method must be fitted first, or the model be wrapped otherwise.
    """
    objective.check(model)
    for part in _all_parts(objective):
        if isinstance(part, MixupE) and part.weight:
            if not fitted:
                _check_mean(part, model)
            _check_buffers(part, model)


def tell_of_lacking_points(objective: Objective, model: nn.Module) -> None:
    """Warn where all points of a model are mixed at, and there is only the input."""
    everywhere = any(getattr(part, "points", None) == ("all",) for part in _all_parts(objective))
    if everywhere and offered_points(model) == ("input",):
        warnings.warn(
            "the method mixes at any point of the model, and this model offers only 'input', so it"
            " is the same as mixing inputs. Give it hidden points: staged(model, at=[...])",
            stacklevel=4,
        )


def _all_parts(objective: Objective) -> Iterator[Objective]:
    yield objective
    for part in objective.parts:
        yield from _all_parts(part)


def _check_mean(objective: MixupE, model: nn.Module) -> None:
    """Raise where the training mean is asked for, and nobody has taken it."""
    if FORMS[objective.form].exact and "input" in objective.inner.candidates(model):
        raise SettingError(
            f"MixupE's form {objective.form} needs the mean input of the training part: expected"
            " method.fit(train) before the first step, of a Dataset, a DataLoader or a tensor"
        )


def _check_buffers(objective: MixupE, model: nn.Module) -> None:
    """Raise where the second pass would change what the gradient of the first needs."""
    together = isinstance(model, DistributedDataParallel) and model.broadcast_buffers
    if together and not objective.fused and any(True for _ in model.buffers()):
        raise SettingError(
            "MixupE makes two passes a step, and DistributedDataParallel overwrites the buffers"
            " (BatchNorm's statistics) before each, which breaks the gradient of the first:"
            " expected DistributedDataParallel(model, broadcast_buffers=False)"
        )
