"""How many trials would be needed to see what is published."""

from __future__ import annotations

from collections.abc import Iterator

from mixup_multi.report.differences import all_pairs
from mixup_multi.report.group import Group, Paired
from mixup_multi.report.sheet import Entry, Sheet, count, points, words
from mixup_multi.report.statistics import MOST_TRIALS, deviation_interval, trials_needed


def power_sheet(group: Group) -> Sheet | None:
    """Return how many trials would be needed to see the published differences."""
    published = _published_pairs(group)
    if not published:
        return None
    return Sheet(
        name=f"{group.name}-power",
        title="Power: trials needed",
        caption="Trials (pairs) that a two-sided paired t test at 0.05 needs to see a difference as"
        " large as the published one with 80 % power, given the standard deviation s of our"
        " paired differences; and the same for the limits of the 95 % interval of s, which is"
        " wide for few pairs. A dash: our differences do not vary, or the published are equal.",
        headings=(
            *(*group.layout.headings, "First - second", "Published difference", "Our s", "Our n"),
            *("Trials needed", "at the limits of s"),
        ),
        rows=tuple(_power_row(pair, difference) for pair, difference in published),
        notes=(
            "Trials whose splits share training rows are not independent. More of them make a mean"
            f" over splits of these rows certain, but not that a {group.layout.one} is better on"
            " new data.",
        )
        if any(pair.correlation > 0 for pair, _ in published)
        else (),
    )


def trials_to_see(group: Group) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield our pairs, and the pairs needed, for each published difference that can be judged.

    The pairs needed by our standard deviation, and by the upper limit of its 95 % interval; None
    for more than can be counted.
    """
    for pair, difference in _published_pairs(group):
        n, spread = len(pair.differences), pair.deviation
        if spread is not None and _judged(difference, spread):
            upper = deviation_interval(spread, n)[1]
            yield n, trials_needed(difference, spread), trials_needed(difference, upper)


def _published_pairs(group: Group) -> list[tuple[Paired, float]]:
    found = []
    for pair in all_pairs(group):
        ours = group.published_at(pair.row, pair.first)
        theirs = group.published_at(pair.row, pair.second)
        if ours is not None and theirs is not None:
            found.append((pair, ours.value - theirs.value))
    return found


def _judged(difference: float, spread: float | None) -> bool:
    return spread is not None and spread > 1e-12 and abs(difference) > 1e-12


def _power_row(pair: Paired, difference: float) -> tuple[Entry, ...]:
    n, spread = len(pair.differences), pair.deviation
    needed, limits = Entry("-"), "-"
    if spread is not None and _judged(difference, spread):
        trials = trials_needed(difference, spread)
        needed = Entry(_trials(trials), trials)
        limits = " to ".join(
            _trials(trials_needed(difference, limit)) for limit in deviation_interval(spread, n)
        )
    return (
        *words(*pair.row, f"{pair.first} - {pair.second}"),
        points(difference, signed=True),
        points(spread),
        count(n),
        needed,
        Entry(limits),
    )


def _trials(needed: int | None) -> str:
    return f"over {MOST_TRIALS:,}" if needed is None else f"{needed:,}"
