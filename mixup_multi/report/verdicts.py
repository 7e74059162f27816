"""What the tables say in one sentence each, so that nobody reads more into them than they hold."""

from __future__ import annotations

from collections.abc import Iterator

from mixup_multi.report.differences import holm_adjusted
from mixup_multi.report.group import Group
from mixup_multi.report.power import trials_to_see
from mixup_multi.report.statistics import t_interval

LEVEL = 0.05


def verdicts(group: Group, *, paper: bool) -> Iterator[str]:
    """Yield what came of the paired tests and, beside a published table, of it and of power."""
    tests = [p for p in holm_adjusted(group) if p is not None]
    if tests:
        seen = sum(p < LEVEL for p in tests)
        none = f" No {group.layout.one} is shown to differ from another."
        yield (
            f"Between {group.layout.many}: {seen} of {len(tests)} paired t tests have p < {LEVEL}"
            f" after Holm's correction.{'' if seen else none}"
        )
    if paper:
        yield from _agreement(group)
        yield from _power(group)


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
        enough = sum(trials is not None and trials <= n for n, trials in needed)
        yield (
            f"Power: {enough} of {len(needed)} published differences between {group.layout.many}"
            " could be seen with as many trials as ran here (80 % power, by the spread of our"
            " differences)."
        )
