"""Methods that are a change of inputs and labels alone, and so need no model.

mixup, CutMix and every other `Vicinal` at the input are; so are `switch` between two of them,
`label_smoothing`, `cutout`, and plain training.
"""

from __future__ import annotations

from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.mix.linear import LearntBlend, mix_rows
from mixup_multi.objectives.cutout import Cutout
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.objective import Draw, Objective
from mixup_multi.objectives.smoothing import LabelSmoothing
from mixup_multi.objectives.switch import Switch
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.tree import Tree

_NO_MODEL = nn.Identity()


def check_blending(objective: Objective) -> None:
    """Raise `SettingError` where a method is more than a change of inputs and labels."""
    if isinstance(objective, Switch | LabelSmoothing | Cutout):
        for part in objective.parts:
            check_blending(part)
    elif isinstance(objective, Vicinal):
        _check_at_input(objective)
    elif not isinstance(objective, ERM):
        raise _refused(f"{type(objective).__name__} looks at the model in every step")


def _check_at_input(objective: Vicinal) -> None:
    if isinstance(objective.blend, LearntBlend):
        raise _refused("it mixes in the latent space of a codec that is fitted to the data")
    if objective.points not in (("first",), ("input",)):
        raise _refused(f"it mixes at {', '.join(objective.points)}, which is within the model")


def _refused(why: str) -> SettingError:
    return SettingError(
        f"the method cannot be applied to a batch beforehand: {why}. Expected mixup, cutmix, or"
        " another that mixes at the input; in the training loop Method takes any:"
        " loss = Method(...)(model, x, y)"
    )


def blended(objective: Objective, inputs: Tree, targets: Tensor, draw: Draw) -> tuple[Tree, Tensor]:
    """Return the inputs and targets `(n, c)` that a method of `check_blending` trains on."""
    if isinstance(objective, Vicinal):
        mixed, label_mix = objective.blend(inputs, draw.mix, draw.blend)
        return mixed, mix_rows(targets, label_mix)
    if isinstance(objective, Switch):
        taken = draw.where < objective.prob
        return blended(objective.parts[taken], inputs, targets, draw.inner[taken])
    if isinstance(objective, LabelSmoothing | Cutout):
        _, changed = objective.change(_NO_MODEL, Batch(inputs, targets), draw)
        return blended(objective.inner, changed.inputs, changed.targets, draw.inner[0])
    return inputs, targets
