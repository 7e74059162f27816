"""The contract of an objective's steps: `loss` is pure, and gives gradients that train."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import MixupMultiError
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.objective import Memory, Terms
from mixup_multi.streams import stream
from mixup_multi.testing.compare import alike, global_generators_stay, picture, shape_of
from mixup_multi.testing.contract import broken, require, rule, skip
from mixup_multi.testing.objective_case import ObjectiveCase, drawn, gradients
from mixup_multi.testing.probes import with_norms
from mixup_multi.tree import tree_map

_PURE = "`loss` is pure: draw in `draw`, and let no state outlive a call"


@rule("objective")
def a_total_is_a_finite_scalar_with_gradients(case: ObjectiveCase) -> None:
    """The total is a finite scalar whose gradients are finite, and not all zero."""
    for objective, net, batch in case.each():
        total = objective(net, batch, stream(0, "mix")).total
        mend = "return the mean over rows, with its graph: no detach(), no item()"
        if not isinstance(total, Tensor) or total.shape != () or not total.requires_grad:
            gradient = getattr(total, "requires_grad", False)
            broken(f"the total is {shape_of(total)}, gradient: {gradient}", mend)
        require(bool(total.isfinite()), f"the total is {total.item()}", mend)
        found = gradients(total, net)
        if not all(bool(each.isfinite().all()) for each in found):
            broken("a gradient is NaN or infinite", "no square root or logarithm of 0")
        if not any(bool(each.any()) for each in found):
            broken(f"all gradients of {len(batch)} rows are zero", mend)


@rule("objective")
def other_terms_are_detached_scalars(case: ObjectiveCase) -> None:
    """Means and counts are finite scalars without gradients; one called `error` is in [0, 1]."""
    for objective, net, batch in case.each():
        terms = objective(net, batch, stream(0, "mix"))
        if not isinstance(terms, Terms):
            broken(f"loss returned {shape_of(terms)}", "return Terms(total, means, counts)")
        for name, value in {**terms.means, **terms.counts}.items():
            fits = isinstance(value, Tensor) and value.shape == () and bool(value.isfinite())
            if not fits or value.requires_grad:
                gradient = getattr(value, "requires_grad", False)
                broken(f"{name} is {shape_of(value)}, gradient: {gradient}", "value.detach()")
        error = terms.means.get("error")
        if error is not None and not 0 <= float(error) <= 1:
            broken(f"the error is {float(error):g}", "the error is a share of the rows: 0 to 1")


@rule("objective")
def the_same_draw_gives_the_same_total(case: ObjectiveCase) -> None:
    """A draw can be replayed: `loss` gives the same total again, whatever came between."""
    for objective, net, batch in case.each():
        one, other = (drawn(objective, deepcopy(batch), seed) for seed in (0, 5))
        first = objective.loss(net, deepcopy(batch), deepcopy(one)).total
        objective.loss(net, deepcopy(batch), deepcopy(other))
        again = objective.loss(net, deepcopy(batch), deepcopy(one)).total
        if not torch.equal(first, again):
            broken(f"the same draw gave {first.item():g} and {again.item():g}", _PURE)


@rule("objective")
def a_step_uses_no_global_generator(case: ObjectiveCase) -> None:
    """`loss` draws from no generator that everybody shares: a method's draws are its own."""
    for objective, net, batch in case.each():
        draw = drawn(objective, batch)
        mend = "draw in `draw`; where a shape is known later, from a generator seeded by draw.seed"
        with global_generators_stay("loss", mend):
            objective.loss(net, batch, draw)


@rule("objective")
def calling_is_drawing_and_evaluating(case: ObjectiveCase) -> None:
    """`objective(model, batch, generator)` is `loss(model, batch, draw(targets, generator))`."""
    probe, objective = case.probe, case.made(case.probe)
    draws = [picture(drawn(objective, probe.batch(7), seed=3)) for _ in range(2)]
    if not alike(*draws):
        skip("two draws differ (see draws_come_from_the_generator)")
    called = deepcopy(objective)(probe.model(), probe.batch(7), stream(3, "mix")).total
    batch = probe.batch(7)
    draw = drawn(objective, batch, seed=3)
    apart = objective.loss(probe.model(), batch, draw).total
    require(
        torch.equal(called, apart),
        f"calling gave {called.item():g}, drawing and evaluating {apart.item():g}",
        "do not override __call__",
    )


@rule("objective")
def batch_and_draw_are_left_alone(case: ObjectiveCase) -> None:
    """`loss` changes neither the batch nor the draw."""
    for objective, net, batch in case.each():
        draw = drawn(objective, batch)
        before = picture((batch, draw))
        gradients(objective.loss(net, batch, draw).total, net)
        for name, was, now in zip(
            ("inputs or targets", "draw"), before, picture((batch, draw)), strict=True
        ):
            if not alike(was, now):
                broken(
                    f"a step changed the {name}", "make new tensors: no x[...] = ..., no x.mul_()"
                )


@rule("objective")
def the_model_is_left_alone(case: ObjectiveCase) -> None:
    """`loss` leaves weights, gradients, `requires_grad` and the mode of the model as they are."""
    for objective, net, batch in case.each():
        next(iter(net.modules())).train()
        for part in list(net.modules())[-1:]:
            part.eval()  # a part that somebody froze
        before = picture(net)
        objective(net, batch, stream(0, "mix"))
        if not alike(before, picture(net)):
            broken("weights or modes changed", "look at a model by attacks.looked_at(model, mode)")
        if any(p.grad is not None for p in net.parameters()):
            broken("a gradient was left in .grad", "torch.autograd.grad, instead of backward()")
        if not all(p.requires_grad for p in net.parameters()):
            broken("a parameter no longer requires gradients", "put requires_grad back")


@rule("objective")
def only_trained_passes_count_in_batch_norm(case: ObjectiveCase) -> None:
    """A pass of the model that is not trained on leaves BatchNorm's running statistics alone."""
    net, batch = with_norms(case.free), case.free.batch(7)
    objective = case.made(case.free)
    trained: list[bool] = []

    def count(norm: nn.Module, _: object, out: Tensor) -> None:
        if norm.training and norm.track_running_stats:
            place = len(trained)
            trained.append(False)
            if out.requires_grad:
                out.register_hook(  # type: ignore[no-untyped-call]
                    lambda _: trained.__setitem__(place, True)
                )

    norms = [part for part in net.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.register_forward_hook(count)
    gradients(objective(net, batch, stream(0, "mix")).total, net)
    require(
        all(trained),
        f"{trained.count(False)} of {len(trained)} passes that were counted got no gradient",
        "look at a model by `with looked_at(model, 'train'):` of mixup_multi.attacks",
    )


@rule("objective")
def it_computes_in_float64(case: ObjectiveCase) -> None:
    """With a model and a batch in float64 the total is float64: identities can be tested."""
    probe = case.probe
    net, batch = probe.model().double(), probe.batch(7)
    inputs = tree_map(
        lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, batch.inputs
    )
    wide = replace(batch, inputs=inputs, targets=batch.targets.double())
    total = case.made(probe)(net, wide, stream(0, "mix")).total
    require(
        total.dtype == torch.float64,
        f"the total is {shape_of(total)}",
        "bring what you make to the inputs' type: x.to(other)",
    )


@rule("objective")
def soft_targets_train(case: ObjectiveCase) -> None:
    """Targets are rows of a distribution: soft ones train as hard ones do."""
    probe = case.probe
    batch = probe.batch(7)
    soft = replace(batch, targets=(3 * batch.targets).softmax(1))
    total = case.made(probe)(probe.model(), soft, stream(0, "mix")).total
    hard = case.made(probe)(probe.model(), batch, stream(0, "mix")).total
    require(bool(total.isfinite()), f"the total is {total.item()}", "use targets as weights")
    if torch.equal(total, hard):
        broken("softer targets gave the same total", "use targets as they are: no argmax")


@rule("objective")
def labels_of_zero_and_one_train(case: ObjectiveCase) -> None:
    """With the sigmoid loss, one column of labels trains, and several columns do."""
    if not case.given.takes("loss"):
        skip("it has no setting `loss`")
    probe = case.free
    for columns in (1, 4):
        for n in case.sizes(probe):
            labels = torch.rand(n, columns, generator=torch.Generator().manual_seed(0)) > 0.5
            batch, net = Batch(probe.inputs(n), labels.float()), probe.model(columns)
            objective = case.made(probe, loss="sigmoid")
            terms = objective(net, batch, stream(0, "mix"))
            mend = "use loss_fn.value(logits, targets) and loss_fn.error; no argmax, no softmax"
            if not bool(terms.total.isfinite()):
                broken(f"of targets {(n, columns)} the total is {terms.total.item()}", mend)
            if not any(bool(each.any()) for each in gradients(terms.total, net)):
                broken(f"of targets {(n, columns)} all gradients are zero", mend)


@rule("objective")
def numbers_train_or_are_refused(case: ObjectiveCase) -> None:
    """With the squared loss numbers train, or the setting is refused before any training."""
    if not case.given.takes("loss"):
        skip("it has no setting `loss`")
    probe = case.free
    try:
        objective = case.made(probe, loss="squared")
    except MixupMultiError:
        return
    for n in case.sizes(probe):
        numbers = torch.randn(n, 2, generator=torch.Generator().manual_seed(n))
        net = probe.model(2)
        total = objective(net, Batch(probe.inputs(n), numbers), stream(0, "mix")).total
        finite = bool(total.isfinite()) and any(bool(g.any()) for g in gradients(total, net))
        require(
            finite,
            f"of {n} rows of numbers the total is {total.item()}",
            "raise SettingError for loss_fn.target_kind == 'numbers' in __post_init__",
        )


@rule("objective")
def training_lowers_the_loss(case: ObjectiveCase) -> None:
    """A few steps on easy examples lower the plain loss of these examples."""
    probe = case.probe
    net, batch, objective = probe.model(), probe.batch(7), case.made(probe)
    optimizer = torch.optim.Adam(net.parameters(), 0.03)
    kind = ERM()
    memory: Memory = {}
    before = kind(net, batch, stream(0, "mix")).total.item()
    generator = stream(0, "mix")
    for _ in range(20):
        optimizer.zero_grad()
        terms = objective(net, batch, generator, memory)
        terms.total.backward()  # type: ignore[no-untyped-call]
        if not all(bool(p.grad.isfinite().all()) for p in net.parameters() if p.grad is not None):
            skip("a gradient is not finite (see a_total_is_a_finite_scalar_with_gradients)")
        memory = terms.memory
        optimizer.step()
    after = kind(net, batch, stream(0, "mix")).total.item()
    require(
        after < before,
        f"the loss was {before:.3f} before 20 steps, and {after:.3f} after",
        "the total is what is minimised: look at its sign, and which labels go with which rows",
    )
