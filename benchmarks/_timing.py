"""Timing side by side: contenders take turns after a warm-up, and every round gives a ratio.

A machine's speed drifts, and other programs come and go; a ratio of two times taken one after the
other suffers from neither as much as the times do. Reported are the median of the rounds' ratios,
with the least and the greatest. Where others use the machine too, set `OMP_WAIT_POLICY=PASSIVE`
(as the command `mixup-multi` does), or torch's threads spin while they wait for each other.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Contender = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        case: what was done, and by which rival.
        ours: our seconds, one a round.
        theirs: the rival's seconds, one a round.
        at_most: the floor where smaller is better: the greatest ours / theirs.
        at_least: the floor where "times faster" is meant: the least theirs / ours.
    """

    case: str
    ours: Sequence[float]
    theirs: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Return one ratio a round: ours / theirs, or theirs / ours for `at_least`."""
        pairs = zip(self.ours, self.theirs, strict=True)
        if self.at_least is not None:
            return [theirs / ours for ours, theirs in pairs]
        return [ours / theirs for ours, theirs in pairs]

    @property
    def verdict(self) -> str:
        """Return the floor, and whether the median keeps to it."""
        ratio = median(self.ratios)
        if self.at_most is not None:
            return f"<= {self.at_most:g} {'kept' if ratio <= self.at_most else 'MISSED'}"
        if self.at_least is not None:
            return f">= {self.at_least:g} {'kept' if ratio >= self.at_least else 'MISSED'}"
        return "none"


def race(
    contenders: Mapping[str, Contender], rounds: int, warm_up: int = 2, least_seconds: float = 0.0
) -> dict[str, list[float]]:
    """Time the contenders in turns (A B C A B C ...) and return the seconds of a call, by name.

    Args:
        contenders: what is timed.
        rounds: how many turns each of them gets.
        warm_up: calls of each that are not timed, at least one.
        least_seconds: a turn lasts about so long; of a turn with several calls the median counts.
    """
    calls = {}
    for name, contender in contenders.items():
        once = min(_seconds(contender) for _ in range(warm_up))
        calls[name] = max(1, round(least_seconds / once))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name].append(median(_seconds(contender) for _ in range(calls[name])))
    return seconds


def _seconds(contender: Contender) -> float:
    began = time.perf_counter()
    contender()
    return time.perf_counter() - began


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """Print a table: medians of the times, the median ratio with its range, and the floor."""
    width = max(len(row.case) for row in rows)
    print(f"\n{title}; {len(rows[0].ours)} rounds")
    print(f"{'case':<{width}}  {'ours ms':>10}  {'other ms':>10}  {'ratio':>7}  {'min - max':>15}")
    for row in rows:
        ratios = row.ratios
        spread = f"{min(ratios):.2f} - {max(ratios):.2f}"
        print(
            f"{row.case:<{width}}  {1000 * median(row.ours):>10.3f}"
            f"  {1000 * median(row.theirs):>10.3f}  {median(ratios):>7.2f}  {spread:>15}"
            f"  floor {row.verdict}"
        )


def print_seconds(case: str, seconds: Sequence[float], below: float) -> None:
    """Print the median of `seconds` with its range, and the floor in seconds."""
    took = median(seconds)
    print(
        f"{case}: {took:.3f} s ({min(seconds):.3f} - {max(seconds):.3f}, {len(seconds)} rounds)"
        f"  floor < {below:g} s {'kept' if took < below else 'MISSED'}"
    )


def machine() -> str:
    """Return what the numbers were measured on, with torch's threads where torch is in use."""
    system = f"Python {platform.python_version()}, {platform.machine()}"
    torch = sys.modules.get("torch")
    if torch is None:
        return f"{system}, {os.cpu_count()} cores"
    return f"{system}, torch {torch.__version__}, {torch.get_num_threads()} threads"
