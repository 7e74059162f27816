"""The contract of a part of a data set, a `Source`: what `gather` returns, and what it leaves."""

from __future__ import annotations

import torch

from mixup_multi.batch import as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Source
from mixup_multi.engine.training import Training
from mixup_multi.testing.compare import (
    all_same,
    global_generators_stay,
    same_bits,
    shape_of,
    tensors_of,
    unsound,
    unsound_row,
)
from mixup_multi.testing.contract import broken, require, rule, skip, unchecked
from mixup_multi.testing.offers import SOME, DataCase, rows_of
from mixup_multi.tree import leaves, tree_map

_BY_GENERATOR = "draw by the generator that `gather` is given, and only where there is one"


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@rule("dataset")
def inputs_are_finite(case: DataCase) -> None:
    """What a model reads has no NaN and no infinity, in any part."""
    for name, batch in case.read.items():
        for leaf in tensors_of(batch.inputs):
            row = unsound_row(leaf) if leaf.is_floating_point() else None
            if row is not None:
                place = int(case.some(case.parts[name])[row]) if len(leaf) == len(batch) else row
                broken(
                    f"the {name} part has NaN or infinite inputs, first in row {place},"
                    f" {case.parts[name].ids[place]!r}",
                    "impute them in the loader; engine.source.check_finite names the row",
                )


@rule("dataset")
def gather_keeps_the_order(case: DataCase) -> None:
    """`gather(index)` returns the examples in the order of the index, repeated where it repeats."""
    for name, part in case.parts.items():
        last = len(part) - 1
        index = [last, 0, last, min(1, last)]
        batch = part.gather(torch.tensor(index))
        mend = f"index what is stored by `index` as it is; the {name} part does not"
        require(len(batch) == 4, f"4 places gave {len(batch)} examples", mend)
        if batch.rows is None or batch.rows.tolist() != index:
            broken(f"rows are {batch.rows}", "Batch(inputs, targets, index)")
        for place, row in enumerate(index):
            one = part.gather(torch.tensor([row]))
            pairs = zip(tensors_of(one.inputs), rows_of(batch.inputs, [place]), strict=True)
            for alone, within in pairs:
                if alone.shape != within.shape:
                    broken(
                        f"example {row} of the {name} part is {tuple(alone.shape)} alone, and"
                        f" {tuple(within.shape)} in a batch",
                        "pad to one length in the loader",
                    )
            pairs = zip(tensors_of(one.inputs), rows_of(batch.inputs, [place]), strict=True)
            near = all(_near(alone, within) for alone, within in pairs)
            require(near, f"example {row} is another one when it is gathered alone", mend)
        wanted = as_targets(part.labels[torch.tensor(index)], batch.targets.shape[1])
        if not torch.allclose(batch.targets, wanted.to(batch.targets)):
            broken(f"{name} targets are not those of `labels`", "as_targets(labels[index], c)")


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    scale = max(1.0, float(one.nan_to_num(0.0, 0.0, 0.0).abs().max()) if one.numel() else 0.0)
    return torch.allclose(one.double(), other.double(), rtol=0, atol=1e-3 * scale, equal_nan=True)


@rule("dataset")
def gather_copies(case: DataCase) -> None:
    """What is done to gathered inputs does not reach the stored examples."""
    train = case.data.train
    for n in (4, min(len(train), SOME)):
        index = torch.arange(min(n, len(train)))
        before = [leaf.clone() for leaf in tensors_of(train.gather(index).inputs)]
        for generator in (None, _seeded(1)):
            batch = train.gather(index, generator)
            for leaf in (*tensors_of(batch.inputs), batch.targets):
                leaf.zero_()
        after = train.gather(index)
        same = all(map(same_bits, before, tensors_of(after.inputs)))
        wanted = as_targets(train.labels[index], after.targets.shape[1]).to(after.targets)
        require(
            same and torch.equal(after.targets, wanted),
            "inputs that were gathered and set to 0 came back as 0",
            "return copies: stored[index] copies, stored[a:b] does not; clone what you keep",
        )


@rule("dataset")
def without_a_generator_nothing_is_random(case: DataCase) -> None:
    """Without a generator `gather` returns the examples as they are, the same each time."""
    for name, part in case.parts.items():
        index = case.some(part)[:16]
        with global_generators_stay("gather", _BY_GENERATOR):
            one, other = (part.gather(index) for _ in range(2))
        require(all_same(one.inputs, other.inputs), f"{name} inputs differ", _BY_GENERATOR)


@rule("dataset")
def augmentation_draws_by_its_generator(case: DataCase) -> None:
    """With a generator, equal seeds give equal bits, and other generators are left alone."""
    train = case.data.train
    index = case.some(train)[:16]
    with global_generators_stay("augmentation", _BY_GENERATOR):
        one, other = (train.gather(index, _seeded(3)) for _ in range(2))
    require(all_same(one.inputs, other.inputs), "equal seeds gave other inputs", _BY_GENERATOR)


@rule("dataset")
def augmentation_keeps_form_and_labels(case: DataCase) -> None:
    """Augmented examples have the types, shapes and targets of the plain ones, and are finite."""
    train = case.data.train
    index = case.some(train)[:16]
    plain, new = train.gather(index), train.gather(index, _seeded(3))
    if not torch.equal(plain.targets, new.targets):
        broken("augmentation changed the targets", "it changes inputs only")
    for one, other in zip(tensors_of(plain.inputs), tensors_of(new.inputs), strict=True):
        fits = one.dtype == other.dtype and one.shape == other.shape
        finite = not unsound(other) or unsound(one)
        require(fits and finite, f"{shape_of(one)} became {shape_of(other)}", "keep the form")


@rule("dataset")
def a_part_can_be_moved(case: DataCase) -> None:
    """`to(device)` returns a part of the same ids and labels that gathers the same examples."""
    for name, part in case.parts.items():
        moved = part.to("cpu")
        index = case.some(part)[:16]
        one, other = part.gather(index), moved.gather(index)
        same = list(moved.ids) == list(part.ids) and same_bits(moved.labels, part.labels)
        require(
            same and all_same(one.inputs, other.inputs) and same_bits(one.targets, other.targets),
            f"the {name} part is another one after to('cpu')",
            "dataclasses.replace(self, inputs=to_device(self.inputs, device))",
        )


@rule("dataset")
def the_mean_is_the_mean(case: DataCase) -> None:
    """`mean()` is the mean input of the training part, un-augmented, or None where it has none."""
    train = case.data.train
    mean = train.mean()
    if mean is None:
        skip("its inputs have no mean")
    sums = None
    for chunk in torch.split(torch.arange(len(train)), SOME):
        inputs = tree_map(lambda leaf: leaf.double().sum(0), train.gather(chunk).inputs)
        sums = inputs if sums is None else tree_map(torch.add, sums, inputs)
    if unsound(sums):
        unchecked("inputs hold NaN or infinity (see inputs_are_finite)")
    pairs = zip(leaves(mean), leaves(sums), strict=True)
    off = max(float((one.double() - total / len(train)).abs().max()) for one, total in pairs)
    require(off < 1e-4, f"it is off by {off:g}", "average what `gather` returns, in float64")


@rule("dataset")
def training_inputs_lie_within_bounds(case: DataCase) -> None:
    """Bounds have a unit >= 0, and every training input lies between low and high."""
    train = case.data.train
    if getattr(train, "bounds", None) is None:
        skip("it states no bounds")
    bounds = Training(case.data).bounds()
    if not isinstance(bounds, Bounds):
        broken(f"bounds are {bounds!r}", "Bounds, or a function that returns them")
    if not bool((bounds.unit >= 0).all()) or not bool((bounds.unit > 0).any()):
        broken(
            f"unit is {bounds.unit.tolist()}", "what a size of 1 adds; 0 where nothing may change"
        )
    _check_within(train, bounds)


def _check_within(train: Source, bounds: Bounds) -> None:
    for chunk in torch.split(torch.arange(len(train)), SOME):
        x = train.gather(chunk).inputs
        slack = 1e-5 * bounds.unit
        for name, limit, sign in (("low", bounds.low, 1), ("high", bounds.high, -1)):
            if limit is None:
                continue
            out = sign * (limit - x) > slack
            if bool(out.any()):
                row = int(chunk[out.flatten(1).any(1)][0])
                broken(
                    f"training row {row} is out of bounds ({name}) by"
                    f" {float((sign * (limit - x)).max()):g}",
                    "state bounds of prepared inputs, as the model reads them",
                )
