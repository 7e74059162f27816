"""What the tables say in one sentence each, so that nobody reads more into them than they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixup_multi.report.differences import all_pairs, holm_adjusted
from mixup_multi.report.group import Group, Paired
from mixup_multi.report.power import trials_to_see
from mixup_multi.report.statistics import t_interval

LEVEL = 0.05
NAMED = 3
"""Differences that are named in the sentence; of more it gives the number alone."""


def verdicts(group: Group, *, paper: bool) -> Iterator[str]:
    """Yield what came of the paired tests and, beside a published table, of it and of power."""
    yield from _differences(group)
    if paper:
        yield from _agreement(group)
        yield from _power(group)


def _differences(group: Group) -> Iterator[str]:
    adjusted = zip(all_pairs(group), holm_adjusted(group), strict=True)
    tests = [(pair, p) for pair, p in adjusted if p is not None]
    seen = [pair for pair, p in tests if p < LEVEL]
    if tests:
        yield (
            f"Between {group.layout.many}: {len(seen)} of {len(tests)} paired t tests have"
            f" p < {LEVEL} after Holm's correction{_said(group, seen)}"
        )


def _said(group: Group, seen: Sequence[Paired]) -> str:
    """Return the sentence's end: which differ and how, or that none does; and what is doubtful."""
    if not seen:
        return f". No {group.layout.one} is shown to differ from another."
    named = "" if len(seen) > NAMED else f": {'; '.join(map(_directed, seen))}"
    shared = [pair for pair in seen if pair.correlation > 0]
    if not shared:
        return f"{named}."
    which = "these" if len(shared) == len(seen) else f"{len(shared)} of these"
    return (
        f"{named}. But the test takes trials as independent, and the trials of {which} share"
        " training rows, so it finds too much: see P(first better) in Paired differences."
    )


def _directed(pair: Paired) -> str:
    better, worse = (pair.first, pair.second)[:: 1 if pair.mean < 0 else -1]
    return f"{better} better than {worse} on {' / '.join(pair.row)}"


def _agreement(group: Group) -> Iterator[str]:
    inside, widths = 0, []
    for row, column, cells in group.places():
        said, limits = group.published_at(row, column), t_interval([cell.error for cell in cells])
        if said is not None and limits is not None and "error" in said.metric:
            inside += limits[0] <= said.value <= limits[1]
            widths.append((limits[1] - limits[0]) / 2)
    if widths:
        yield (
            f"Reproduction: of {len(widths)} published values for which our trials give a 95 %"
            f" interval, {inside} lie in it. The intervals reach {min(widths):.2f} to"
            f" {max(widths):.2f} points to either side, and a wide one holds almost any value: this"
            " alone is no agreement."
        )


def _power(group: Group) -> Iterator[str]:
    needed = list(trials_to_see(group))
    if needed:
        enough, sure = (
            sum(n >= trials for n, *limits in needed if (trials := limits[at]) is not None)
            for at in (0, 1)
        )
        yield (
            f"Power: {enough} of {len(needed)} published differences between {group.layout.many}"
            " could be seen with as many trials as ran here (80 % power, by the spread of our"
            f" differences; {sure} at the upper limit of its 95 % interval)."
        )
