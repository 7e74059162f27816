"""The sentences at the top say what the tables hold, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mixup_multi.report.build import build_report
from mixup_multi.report.collect import collect
from mixup_multi.report.conditions import _environment
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


def test_few_clear_differences_are_named_and_their_test_is_called_optimistic(
    new_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = group(new_folder("out").grid(CLEAR))
    (said,) = verdicts(found, paper=False)
    counted = "Between methods: 1 of 2 paired t tests have p < 0.05 after Holm's correction"
    named = f"{counted}: ERM better than Mixup on Iris / MLP"
    assert said == (
        f"{named}. But the test takes trials as independent, and the trials of these share"
        " training rows, so it finds too much: see P(first better) in Paired differences."
    )
    monkeypatch.setattr(Group, "_correlation", lambda *_: 0.0)  # one split for all trials
    assert list(verdicts(found, paper=False)) == [f"{named}."]
    monkeypatch.setattr("mixup_multi.report.verdicts.NAMED", 0)
    assert list(verdicts(found, paper=False)) == [f"{counted}."]


def test_power_is_told_at_the_upper_limit_of_the_spread_too(new_folder: Make) -> None:
    """Published: Mixup 8.14, ERM 9.06. Differences of s = 0.5 over 5 trials; the limit is 1.44."""
    errors = {"ERM": [10.0, 20.0, 15.0, 5.0, 10.0], "Mixup": [10.5, 19.5, 15.5, 4.5, 10.0]}
    ours = group(new_folder("out").grid({"Iris": errors}))
    assert list(trials_to_see(ours)) == [(5, 5, 22)]
    *_, power = verdicts(ours, paper=True)
    assert power.startswith("Power: 1 of 1 published")
    assert "; 0 at the upper limit" in power


def test_what_is_not_known_is_said_in_words() -> None:
    place = {"commit": None, "packages": {"torch": "2.11.0", "lightning-fabric": None}}
    commit, *_, packages = _environment(place)
    assert (commit, packages) == ("unknown", "torch 2.11.0, lightning-fabric not installed")


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
