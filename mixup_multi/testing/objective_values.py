"""The contract of what an objective's numbers mean: totals, errors, and whose labels count."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import MixupMultiError
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.losses import Softmax, loss_named
from mixup_multi.objectives.objective import Objective
from mixup_multi.streams import stream
from mixup_multi.testing.contract import broken, require, rule, skip
from mixup_multi.testing.objective_case import ObjectiveCase, drawn, gradients
from mixup_multi.testing.probes import INDICATORS, Probe

_BY_BATCH = 2.5
"""A total that grows by this factor, where the batch grows by 4, is no mean; noise is less."""


@rule("objective")
def without_mixing_it_is_erm(case: ObjectiveCase) -> None:
    """With `alpha` 0, and what `plain` leaves out, total, error and gradients are ERM's bits."""
    if not case.given.takes("alpha"):
        skip("it has no setting `alpha`")
    if case.plain is None:
        skip("plain is None: it is never ERM")
    if case.given.takes("codec"):
        skip("it mixes by a codec: without mixing it is ERM on reconstructions")
    for probe in case.taken:
        try:
            objective = case.made(probe, alpha=0.0, **case.plain)
        except MixupMultiError as error:
            skip(f"alpha = 0 is refused: {error}")
        _check_is_erm(objective, ERM(loss_named(case.given.settings.get("loss"))), probe)


def _check_is_erm(objective: Objective, erm: ERM, probe: Probe) -> None:
    mend = (
        "with own = 1 leave rows and labels as they are; where more has to be left out, or alpha"
        " is something else, say so: check_objective(..., plain={'eta': 0.0}), or plain=None"
    )
    for seed in range(3):
        net, batch = probe.model(), probe.batch(7)
        fresh = deepcopy(objective)
        terms = fresh.loss(net, batch, drawn(fresh, probe.batch(7), seed))
        plain = erm(net, probe.batch(7), stream(seed, "mix"))
        if not torch.equal(terms.total, plain.total):
            broken(f"the total is {terms.total.item():g}, ERM's is {plain.total.item():g}", mend)
        error, erms = terms.means.get("error"), plain.means["error"]
        if error is not None and not torch.equal(error, erms):
            broken(f"the error is {float(error):g}, ERM's is {float(erms):g}", mend)
        pairs = zip(gradients(terms.total, net), gradients(plain.total, net), strict=True)
        require(all(torch.equal(*pair) for pair in pairs), "gradients are not ERM's", mend)


@rule("objective")
def labels_follow_inputs(case: ObjectiveCase) -> None:
    """Where rows and labels are both mixed, a row's label has the more of what its input has.

    Images of a class are constant, and logits are linear in their mean, so the logits tell what a
    row is made of; the gradient of a plain cross-entropy by the logits tells its target.
    """
    _ = case.taken
    made, told = [], []
    for seed in range(20):
        pair = _made_and_told(case, seed)
        if pair is not None:
            made.append(pair[0])
            told.append(pair[1])
    if not made:
        skip("no step on images is one plain cross-entropy of a blend")
    inputs, labels = torch.cat(made), torch.cat(told)
    mixed = (inputs.amax(1) < 0.99) & (labels.amax(1) < 0.99)
    if int(mixed.sum()) < 5:
        skip("it does not mix both rows and labels")
    classes = inputs[mixed].topk(2, 1).indices
    of_inputs, of_labels = (x[mixed].gather(1, classes).diff(dim=1) for x in (inputs, labels))
    likeness = float(torch.cosine_similarity(of_inputs, of_labels, 0))
    require(
        likeness > 0.5,
        f"of two classes in a row, inputs and labels weigh each like {likeness:.2f} (1 is alike)",
        "mix targets by the mix of the rows: own y_i + (1 - own) y_j; own is the row's own share",
    )


def _made_and_told(case: ObjectiveCase, seed: int) -> tuple[Tensor, Tensor] | None:
    """Return what rows are made of, and their targets `(n, c)`; None where nothing tells them."""
    passes: list[tuple[Tensor, Tensor]] = []

    def keep(_: nn.Module, given: tuple[Tensor, ...], logits: Tensor) -> None:
        passes.append((given[0].detach(), logits))

    net, batch = INDICATORS.model().double(), INDICATORS.batch(7)
    next(part for part in net.modules() if isinstance(part, nn.Linear)).register_forward_hook(keep)
    wide = Batch(batch.inputs.double(), batch.targets.double())
    try:
        total = case.made(INDICATORS)(net, wide, stream(seed, "mix")).total.double()
    except Exception:  # of a member that does not train on these images; see `it_trains`
        return None
    if len(passes) != 1:
        return None
    inputs, logits = passes[0]
    (gradient,) = torch.autograd.grad(total, logits, allow_unused=True, materialize_grads=True)
    logits = logits.detach()
    targets = logits.softmax(1) - len(logits) * gradient
    plain = torch.allclose(Softmax().value(logits, targets).mean(), total.detach(), atol=1e-6)
    blend = torch.allclose(inputs.sum(1), torch.ones_like(inputs[:, 0])) and inputs.min() > -1e-6
    return (inputs, targets) if plain and bool(blend) else None


@rule("objective")
def the_total_is_a_mean(case: ObjectiveCase) -> None:
    """The total is a mean over rows: a batch that is four times as large has no larger one."""
    probe = case.probe

    def size(n: int, seed: int) -> float:
        total = case.made(probe)(probe.model(), probe.batch(n), stream(seed, "mix")).total
        return abs(float(total.detach()))

    few, many = (sum(size(n, seed) for seed in range(8)) / 8 for n in (7, 28))
    require(
        many <= _BY_BATCH * few + 1e-6,
        f"of 7 rows it is {few:.3g}, of 28 rows {many:.3g}",
        "loss.value(logits, targets).mean(), not .sum(): or the step grows with the batch",
    )


@rule("objective")
def the_error_follows_the_labels(case: ObjectiveCase) -> None:
    """The mean called `error` is that of these labels: with other labels it is another one."""
    probe = case.probe
    found: set[float] = set()
    for n in (5, 7):  # a few rows may be wrong by any labels, by chance
        batch = probe.batch(n)
        columns = batch.targets.shape[1]
        if columns == 1:
            skip("its targets have one column")
        turned = [replace(batch, targets=batch.targets.roll(k, 1)) for k in range(columns)]
        for seed in range(3):
            errors = [_error(case, probe, one, seed) for one in turned]
            if len(set(errors)) > 1:
                return
            found |= set(errors)
    broken(
        f"it is {next(iter(found)):g}, whatever the labels are",
        "loss.error(logits.detach(), targets).mean(), or leave it out of Terms.means",
    )


def _error(case: ObjectiveCase, probe: Probe, batch: Batch, seed: int) -> float:
    copy = replace(batch, targets=batch.targets.clone())
    error = case.made(probe)(probe.model(), copy, stream(seed, "mix")).means.get("error")
    return skip("it reports no `error`") if error is None else float(error)
