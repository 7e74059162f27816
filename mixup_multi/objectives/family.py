"""ERM, mixup and MixupE as one step, so that members of a cohort can take it together.

    L_mix = l(f(own x_i + (1 - own) x_j), own y_i + (1 - own) y_j)      ERM: own = 1
    L     = etahat (L_mix + eta R), R = E[1 - own] mean_i |q_i|         mixup: no penalty

Members share the loss, the point and the model's structure; each has its own draws, alpha, eta
and form. What belongs to the family are linear blends at one fixed point, and fast forms of q.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch, Joint
from mixup_multi.mix.draw import Mix
from mixup_multi.mix.linear import Linear
from mixup_multi.objectives.erm import ERM, check_shapes
from mixup_multi.objectives.losses import LOSSES, Loss
from mixup_multi.objectives.mixupe import FORMS, MixupE, reduce_rows, rescale
from mixup_multi.objectives.objective import Objective, Terms
from mixup_multi.objectives.stacked import Rows, StackedModel, mix_together
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.tree import Tree, tree_map


@dataclass(frozen=True, slots=True)
class Kin:
    """A member of the family.

    Attributes:
        objective: what draws.
        loss_fn: the loss of logits and targets.
        point: where rows are mixed; None where they are not.
        penalty: the MixupE whose regulariser is added; None where its weight is 0.
    """

    objective: Objective
    loss_fn: Loss
    point: str | None
    penalty: MixupE | None = None

    def plain(self, loss_fn: Loss) -> Kin:
        """Return the member in an epoch of plain training."""
        return Kin(ERM(loss_fn), loss_fn, None)


def loss_key(loss_fn: Loss) -> Hashable:
    """Return what is equal for equal losses; those of strangers may have settings."""
    kind = type(loss_fn)
    return kind if kind in map(type, LOSSES.values()) else id(loss_fn)


def kin_of(objective: Objective, model: nn.Module) -> Kin | None:
    """Return an objective as a member of the family; None where it is not one."""
    if type(objective) is ERM:
        return Kin(objective, objective.loss_fn, None)
    penalty = objective if type(objective) is MixupE else None
    if penalty is not None and (penalty.fused or FORMS[penalty.form].exact):
        return None
    mixed = objective if penalty is None else penalty.inner
    if type(mixed) is not Vicinal or type(mixed.blend) is not Linear:
        return None
    points = mixed.candidates(model)
    if len(points) != 1:
        return None
    weighed = penalty if penalty is not None and penalty.weight else None
    return Kin(objective, mixed.loss_fn, points[0], weighed)


class _Run(NamedTuple):
    """A run of penalised members of one form: where it begins and ends among them."""

    begin: int
    end: int
    form: str
    threshold: float


class Family:
    """The members' objectives, ready to take steps.

    Args:
        kin: the members, of one loss and one point; those of one form had better be neighbours.
        like: a parameter, for the tensors' type and device.
    """

    def __init__(self, kin: Sequence[Kin], like: Tensor) -> None:
        self.objectives = [one.objective for one in kin]
        point = next((one.point for one in kin if one.point is not None), None)
        self.loss_fn = kin[0].loss_fn
        self.point = point
        penalties = [(m, one.penalty) for m, one in enumerate(kin) if one.penalty is not None]
        self.penalised = [m for m, _ in penalties]
        self.rows = _rows(self.penalised, like.device)
        self.runs = _runs([penalty for _, penalty in penalties])
        wide = torch.promote_types(like.dtype, torch.float32)  # as losses are
        rest = [penalty.inner.share.mean_rest for _, penalty in penalties]
        signed = [FORMS[penalty.form].sign * penalty.eta for _, penalty in penalties]
        self.rest = torch.tensor(rest, dtype=wide, device=like.device)
        self.signed_eta = torch.tensor(signed, dtype=wide, device=like.device)

    def draw(self, targets: Tensor, generators: Sequence[Generator]) -> Mix | None:
        """Return the members' draws, each from its own generator; None where none mixes.

        Args:
            targets: `(M, n, c)`.
            generators: M of them.

        Returns:
            A mix of all M n rows, one member's after the other's, none with another member's.
        """
        if self.point is None:
            return None
        members, n = targets.shape[:2]
        zipped = zip(self.objectives, targets, generators, strict=True)
        mixes = [objective.draw(rows, generator).mix for objective, rows, generator in zipped]
        first_rows = n * torch.arange(members)[:, None]
        partner = torch.stack([mix.partner for mix in mixes]) + first_rows
        own = torch.stack([mix.own.expand(n) for mix in mixes])
        return Mix(partner.flatten(), own.flatten())

    def loss(
        self, model: StackedModel, batch: Batch, mix: Mix | None
    ) -> tuple[Terms, StackedModel | None]:
        """Return the members' terms, and the part of the model that has made a second pass.

        Args:
            model: M members in training mode.
            batch: inputs `(M, n, ...)` and targets `(M, n, c)`.
            mix: as `draw` returned it.

        Returns:
            Terms `(M,)`, those of the regulariser `(penalised,)`; and the members at `rows`,
            whose leaves have gradients of their own, or None where no member is penalised.
        """
        targets = batch.targets if mix is None else mix_together(batch.targets, mix)
        logits = model.logits(batch.inputs, point=self.point, mix=mix)
        total = _by_member(self.loss_fn.value, logits, targets).mean(1)
        error = _by_member(self.loss_fn.error, logits.detach(), targets).mean(1)
        if not self.penalised:
            return Terms(total, {"error": error}), None
        part = model.part(self.rows)  # now: the first pass has updated the statistics
        mixed = total[self.rows]
        regulariser = self.rest * self._reduced_q(part, batch)
        penalised, scale, clamped = rescale(mixed, self.signed_eta * regulariser)
        means = {
            "error": error,
            "mixed_loss": mixed.detach(),
            "regulariser": regulariser.detach(),
            "etahat": scale,
        }
        total = _put(total, self.rows, penalised)
        return Terms(total, means, {"etahat_clamped": clamped}), part

    def _reduced_q(self, part: StackedModel, batch: Batch) -> Tensor:
        """Return mean |q| or what the form makes of q, from a second pass over clean rows."""
        logits = part.logits(_of_members(batch, self.rows))
        targets = batch.targets[self.rows]
        reduced = []
        for run in self.runs:
            some, form = slice(run.begin, run.end), FORMS[run.form]
            fast_q = partial(self.loss_fn.fast_q, detach=form.detach)
            q = _by_member(fast_q, logits[some], targets[some])
            reduced.append(reduce_rows(q, form, run.threshold))
        return torch.cat(reduced)


def _by_member(of_rows: Callable[..., Tensor], logits: Tensor, targets: Tensor) -> Tensor:
    """Apply a function of rows to `(M, n, c)`, as to one batch, and return `(M, n)`.

    Raises:
        SettingError: logits and targets differ in shape.
    """
    check_shapes(logits, targets)
    return of_rows(logits.flatten(0, 1), targets.flatten(0, 1)).view(logits.shape[:2])


def _of_members(batch: Batch, rows: Rows) -> Tree:
    """Return some members' inputs: of tensors `(M, n, ...)`, or taken of a joint batch."""
    if not isinstance(batch.inputs, Joint):
        return tree_map(lambda leaf: leaf[rows], batch.inputs)
    members, n = batch.targets.shape[:2]
    return batch.inputs.examples_at(torch.arange(members * n).view(members, n)[rows].flatten())


def _rows(members: list[int], device: torch.device) -> Rows:
    """Return neighbouring members as a slice, whose gradients and buffers need no copies."""
    if members and members == list(range(members[0], members[-1] + 1)):
        return slice(members[0], members[-1] + 1)
    return torch.tensor(members, dtype=torch.int64, device=device)


def _runs(penalties: Sequence[MixupE]) -> list[_Run]:
    runs: list[_Run] = []
    for (form, threshold), run in groupby(penalties, lambda p: (p.form, p.threshold)):
        begin = runs[-1].end if runs else 0
        runs.append(_Run(begin, begin + len(list(run)), form, threshold))
    return runs


def _put(whole: Tensor, rows: Rows, values: Tensor) -> Tensor:
    """Return `whole` `(M,)` with `values` at `rows`, differentiable in both."""
    if isinstance(rows, slice):
        return torch.cat([whole[: rows.start], values, whole[rows.stop :]])
    return whole.index_copy(0, rows, values)
