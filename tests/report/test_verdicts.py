"""The sentences at the top say what the tables hold, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mixup_multi.report.build import build_report
from mixup_multi.report.collect import collect
from mixup_multi.report.group import Group, groups
from mixup_multi.report.power import power_sheet, trials_to_see
from mixup_multi.report.verdicts import verdicts

Make = Callable[[str], Any]
CLEAR = {
    "Iris": {
        "ERM": [10.0, 20.0, 15.0, 5.0, 10.0],
        "Mixup": [20.0, 30.0, 25.0, 15.0, 21.0],
        "MixupE": [20.0, 30.0, 25.0, 15.0, 20.0],
    }
}


def group(folder: Any) -> Group:
    return groups(collect(folder.path).finished)[0]


def test_a_clear_difference_is_seen_and_a_wide_interval_is_no_agreement(new_folder: Make) -> None:
    tests, reproduction, power = verdicts(group(new_folder("out").grid(CLEAR)), paper=True)
    assert tests.startswith("Between methods: 1 of 2 paired t tests")  # one pair's is constant
    assert "No method" not in tests
    # ERM's 12 ± 7.08 holds 9.06; Mixup's 22.2 ± 6.99 and MixupE's 22 ± 7.08 hold neither
    assert "of 3 published values for which our trials give a 95 % interval, 1 lie" in reproduction
    assert "reach 6.99 to 7.08 points" in reproduction
    assert power.startswith("Power: 2 of 2 published differences")


def test_without_a_clear_difference_it_says_that_none_is_shown(new_folder: Make) -> None:
    found = list(verdicts(group(new_folder("out").grid()), paper=False))
    assert found == [
        "Between methods: 0 of 9 paired t tests have p < 0.05 after Holm's correction."
        " No method is shown to differ from another."
    ]


def test_single_trials_give_no_verdict(new_folder: Make) -> None:
    errors = {"Iris": {"ERM": [10.0], "Mixup": [5.0]}}
    folder = new_folder("out").grid(errors)
    assert list(verdicts(group(folder), paper=True)) == []
    texts = [remark.text for remark in build_report(folder.path, paper=True).remarks]
    assert not any("Power" in text for text in texts)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([10.0, 20.0, 15.0], "-"),  # no spread
        ([11.0, 20.0, 15.0], "6"),
        ([90000.0, 0.0, 0.0], "over 1,000,000"),
    ],
)
def test_trials_needed_are_told_also_where_they_are_too_many(
    second: list[float], expected: str, new_folder: Make
) -> None:
    """Published: Mixup 8.14, ERM 9.06, a difference of 0.92 points."""
    errors = {"Iris": {"ERM": [10.0, 20.0, 15.0], "Mixup": second}}
    folder = new_folder("out").grid(errors)
    sheet = power_sheet(group(folder))
    assert sheet is not None
    assert sheet.rows[0][6].text == expected
    assert len(list(trials_to_see(group(folder)))) == (expected != "-")
    assert "not independent" in sheet.notes[0]
