"""Is the difference real: the tables of paired tests, of ranks across data sets, and of power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixup_multi.report.group import Group, Paired
from mixup_multi.report.layout import Row
from mixup_multi.report.sheet import Entry, Sheet, count, interval, points, probability, words
from mixup_multi.report.statistics import (
    Ranking,
    holm,
    nemenyi,
    paired_t,
    probability_better,
    ranking,
    signed_rank_probabilities,
    t_interval,
    wilcoxon,
)

FEW_ROWS = 10
EQUIVALENCE = 0.1  # percentage points of error that no reader would choose by


def paired_sheet(group: Group) -> Sheet | None:
    """Return every two columns' seed-paired difference on every row, tested."""
    pairs = all_pairs(group)
    if not pairs:
        return None
    tests = [paired_t(pair.differences) for pair in pairs]
    adjusted = holm_adjusted(group)
    return Sheet(
        name=f"{group.name}-paired",
        title="Paired differences",
        caption=f"Error of the first {group.layout.one} minus that of the second in the same trial"
        " (equal seed, fold and data), in percentage points: below zero the first is better. n"
        " pairs, mean with its 95 % interval, sample standard deviation s; p of the paired t test,"
        f" the same after Holm's correction for all {sum(t is not None for t in tests)} tests of"
        " this table, p of the exact Wilcoxon signed-rank test; and the probability that the first"
        " is better on this data set (Bayesian correlated t test; a mean below zero).",
        headings=(
            *(*group.layout.headings, "First - second", "n", "Mean", "95 % interval", "s"),
            *("p (t)", "p (t, Holm)", "p (Wilcoxon)", "P(first better)"),
        ),
        rows=tuple(
            _paired_row(pair, p, q) for pair, p, q in zip(pairs, tests, adjusted, strict=True)
        ),
        notes=_paired_notes(pairs),
    )


def holm_adjusted(group: Group) -> list[float | None]:
    """Return the p of every paired t test, corrected for all of them; None where there is none."""
    return holm([paired_t(pair.differences) for pair in all_pairs(group)])


def all_pairs(group: Group) -> list[Paired]:
    """Return every two columns' differences on every row that has both."""
    return [p for first, second in group.column_pairs() for p in group.pairs(first, second)]


def _paired_row(pair: Paired, p: float | None, adjusted: float | None) -> tuple[Entry, ...]:
    return (
        *words(*pair.row, f"{pair.first} - {pair.second}"),
        count(len(pair.differences)),
        points(pair.mean, signed=True),
        interval(t_interval(pair.differences), signed=True),
        points(pair.deviation),
        probability(p),
        probability(adjusted),
        probability(wilcoxon(pair.differences)),
        probability(probability_better(pair.differences, pair.correlation)),
    )


def _paired_notes(pairs: Sequence[Paired]) -> tuple[str, ...]:
    fewest = min(len(pair.differences) for pair in pairs)
    notes = []
    if fewest < 10:
        notes.append(
            f"n is small: with n = {fewest} pairs the Wilcoxon test cannot give a p below"
            f" {min(1.0, 2 / 2**fewest):.4g}, and the t test rests on the differences being"
            " normal, which so few cannot show."
        )
    if any(pair.correlation > 0 for pair in pairs):
        notes.append(
            "Trials or folds of these data sets have splits of their own that share training rows."
            " The t and Wilcoxon tests take them as independent and so find too much; P(first"
            " better) corrects for it with r = test rows / all rows (Nadeau and Bengio 2003)."
        )
    if any(pair.deviation is not None and pair.deviation < 1e-12 for pair in pairs):
        notes.append(
            "A dash stands where all differences are equal: there is no spread to test by."
        )
    return tuple(notes)


def complete_rows(group: Group) -> list[Row]:
    """Return the rows that have every column: only those can be ranked."""
    return [
        row
        for row in group.rows
        if all((*row, column) in group.table.cells for column in group.columns)
    ]


def rank_columns(group: Group) -> Ranking | None:
    """Return the ranking of columns over complete rows, by mean error."""
    cells = group.table.cells
    rows = complete_rows(group)
    return ranking([[cells[*row, column].mean for column in group.columns] for row in rows])


def across_sheet(group: Group) -> Sheet | None:
    """Return every two columns compared across data sets; None for fewer than two of either."""
    found = rank_columns(group)
    rows = [
        _across_row(group, first, second, found)
        for first, second in group.column_pairs()
        if len(group.pairs(first, second)) > 1
    ]
    if not rows:
        return None
    return Sheet(
        name=f"{group.name}-across",
        title="Across data sets",
        caption=f"Two {group.layout.many} over all rows that have both. Wins, ties and losses of"
        " the first by mean error; the difference of mean ranks and its p by Nemenyi's test; and"
        " the probabilities that the first is better by more than"
        f" {EQUIVALENCE} points on a data set like these, within {EQUIVALENCE} points, or worse"
        " (Bayesian signed-rank test on mean paired differences, prior weight 0.5 at zero, 20,000"
        " draws).",
        headings=(
            *("First - second", "Rows", "Wins / ties / losses", "Rank difference"),
            *("p (Nemenyi)", "P(better)", "P(equal)", "P(worse)"),
        ),
        rows=tuple(rows),
        notes=_across_notes(group, found),
    )


def _across_row(group: Group, first: str, second: str, found: Ranking | None) -> tuple[Entry, ...]:
    means = [pair.mean for pair in group.pairs(first, second)]
    signs = [int(np.sign(round(mean, 9))) for mean in means]
    wins, losses = signs.count(-1), signs.count(1)
    gap, p = None, None
    if found is not None:
        ranks = dict(zip(group.columns, found.ranks, strict=True))
        gap = ranks[first] - ranks[second]
        p = nemenyi(gap, len(found.ranks), found.blocks)
    return (
        Entry(f"{first} - {second}"),
        count(len(means)),
        Entry(f"{wins} / {signs.count(0)} / {losses}", wins - losses),
        points(gap, signed=True),
        probability(p),
        *map(probability, signed_rank_probabilities(means, EQUIVALENCE) or (None,) * 3),
    )


def _across_notes(group: Group, found: Ranking | None) -> tuple[str, ...]:
    notes = [_friedman(found, group.layout.many)]
    if len(group.rows) < FEW_ROWS:
        notes.append(
            "With so few rows the probabilities say what these rows are like and lean on the prior;"
            " they say little of other data sets."
        )
    ranked = complete_rows(group)
    if left := [row for row in group.rows if row not in ranked]:
        names = ", ".join(" / ".join(row) for row in left)
        notes.append(f"Not ranked, since a {group.layout.one} is missing: {names}.")
    if len({row[0] for row in group.rows}) < len(group.rows):
        notes.append(
            "Rows that share a data set are not independent; the tests across rows take them so."
        )
    return tuple(notes)


def _friedman(found: Ranking | None, many: str) -> str:
    if found is None:
        return f"No Friedman test: it needs three {many} on two data sets, not all tied."
    k = len(found.ranks)
    said = (
        f"Friedman over {found.blocks} rows and {k} {many}: chi-squared {found.chi2:.2f}"
        f" (p {probability(found.p_chi2).text}), Iman and Davenport's F {found.f:.2f}"
        f" (p {probability(found.p_f).text}). Nemenyi's critical difference of mean ranks at 0.05"
        f" is {found.critical:.2f}."
    )
    few = (
        " So few rows make the chi-squared an approximation only."
        if found.blocks < FEW_ROWS
        else ""
    )
    return said + few
