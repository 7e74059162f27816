"""The contract of a shift: examples that are changed on purpose, and nothing else is."""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.batch import Joint
from mixup_multi.engine.shift import Shift
from mixup_multi.testing.compare import global_generators_stay, same_bits, shape_of, unsound
from mixup_multi.testing.contract import broken, require, rule, skip
from mixup_multi.testing.offers import rows_of
from mixup_multi.testing.shift_case import ShiftCase

_BY_ID = (
    "draw from `draws`, which belong to the examples: draws.uniform(...), draws.normal(...); a"
    " shift of your own gets them by engine.shifted.changed(source, change, name, seed)"
)
PLACES = [5, 1, 2, 0]


@rule("shift")
def nothing_is_severity_zero(case: ShiftCase) -> None:
    """At severity 0 a corruption returns the source itself."""
    if not isinstance(case.shift, Shift):
        skip("a deformation has a range")
    source = case.source
    found = case.shift.of(source, 0, 0)
    require(found is source, "another source", "`if severity == 0: return source`")


@rule("shift")
def labels_and_ids_stay(case: ShiftCase) -> None:
    """Ids, labels and targets are those of the source: a shift changes inputs only."""
    source = case.source
    clean = source.gather(torch.tensor(PLACES) % len(source))
    for size in case.sizes:
        new = case.at(size)
        batch = new.gather(torch.tensor(PLACES) % len(source))
        same = list(new.ids) == list(source.ids) and same_bits(new.labels, source.labels)
        if not same or len(new) != len(source) or not torch.equal(batch.targets, clean.targets):
            broken(
                f"at {size} ids, labels or targets are others", "Shifted(source, read) keeps them"
            )
        if (
            batch.rows is None
            or batch.rows.tolist() != (torch.tensor(PLACES) % len(source)).tolist()
        ):
            broken(f"at {size} rows are {batch.rows}", "Batch(inputs, targets, index)")


@rule("shift")
def form_stays(case: ShiftCase) -> None:
    """Inputs keep their types and the shape of a row, and are finite."""
    source = case.source
    clean = source.gather(torch.tensor(PLACES) % len(source)).inputs
    joint = isinstance(clean, Joint)
    for size in case.sizes:
        found = case.read(case.at(size), PLACES)
        for one, other in zip(case.read(source, PLACES), found, strict=True):
            fits = one.dtype == other.dtype and (joint or one.shape == other.shape)
            finite = not unsound(other) or unsound(one)
            if not fits or not finite:
                broken(f"at {size}, {shape_of(one)} became {shape_of(other)}", "keep the form")


@rule("shift")
def it_changes_inputs(case: ShiftCase) -> None:
    """Examples are changed, at severity 3 or at a range that is not the least; 1 and 5 differ."""
    size = 3 if isinstance(case.shift, Shift) else case.sizes[-1]
    changed = case.read(case.at(size, 7), PLACES)
    if all(map(same_bits, changed, case.read(case.source, PLACES))):
        broken(f"at {size} the examples stayed as they were", "let the severity do something")
    if isinstance(case.shift, Shift):
        least, most = (case.read(case.at(severity, 7), PLACES) for severity in (1, 5))
        same = all(map(same_bits, least, most))
        require(not same, "severities 1 and 5 give the same", "let the severity do something")


@rule("shift")
def the_seed_decides(case: ShiftCase) -> None:
    """Equal seeds change examples equally, by no generator that everybody shares."""
    for size in case.sizes[-1:]:
        with global_generators_stay("a shift", _BY_ID):
            one, other = (case.read(case.at(size, 7), PLACES) for _ in range(2))
        if not all(map(same_bits, one, other)):
            broken(f"at {size}, one seed gave two results", _BY_ID)


@rule("shift")
def each_example_is_drawn_for_itself(case: ShiftCase) -> None:
    """What becomes of an example does not depend on which others are asked about."""
    size = 3 if isinstance(case.shift, Shift) else case.sizes[-1]
    new = case.at(size, 7)
    index = torch.tensor(PLACES) % len(new)
    whole = new.gather(index).inputs
    joint = isinstance(whole, Joint)
    for place, row in enumerate(index.tolist()):
        clean = case.read(case.source, [row])
        for was, one, other in zip(
            clean, rows_of(whole, [place]), case.read(new, [row]), strict=True
        ):
            if not joint and one.shape != other.shape:
                broken(
                    f"example {row} is {tuple(other.shape)} alone, and {tuple(one.shape)} in a"
                    " batch",
                    "pad to one length in the loader",
                )
            # A convolution sums in another order for another batch; graphs are of any size.
            slack = 0.0 if joint else _slack(was, other)
            near = one.shape == other.shape and torch.allclose(
                one.double(), other.double(), atol=slack, rtol=0, equal_nan=True
            )
            if not near:
                broken(f"alone, example {row} becomes another one", _BY_ID)


def _slack(clean: Tensor, changed: Tensor) -> float:
    """Return a little of what the shift changes: what is drawn by place is as large as that."""
    if clean.shape != changed.shape or not clean.numel():
        return 0.0
    clean, changed = clean.double(), changed.double()
    return 0.02 * float((changed - clean).abs().max()) + 1e-5 * float(clean.abs().max())
