"""The table: means, sample deviations, counts, the published value, the notes."""

from __future__ import annotations

import pytest

from mixup_multi.report.tables import Finished, error_table


def cell(method: str, error: float, **kwargs: object) -> Finished:
    settings = {"dataset": "Letter", "model": "MLP", "paper": "mixupe_tabular", **kwargs}
    return Finished(method=method, test_error=error, **settings)  # type: ignore[arg-type]


def test_trials_are_averaged_with_the_sample_deviation() -> None:
    table = error_table([cell("ERM", 4.0), cell("ERM", 5.0), cell("ERM", 6.0)])
    summary = table.cells["Letter", "MLP", "ERM"]
    assert (summary.mean, summary.n) == (5.0, 3)
    assert summary.std == pytest.approx(1.0)
    assert str(summary) == "5.00 ± 1.00"


def test_one_value_has_no_deviation() -> None:
    summary = error_table([cell("ERM", 4.0)]).cells["Letter", "MLP", "ERM"]
    assert summary.std is None
    assert str(summary) == "4.00"


def test_the_published_value_stands_beside_ours_under_the_same_labels_only() -> None:
    table = error_table([cell("MixupE", 4.0), cell("MixupE (released code)", 4.0)])
    published = table.cells["Letter", "MLP", "MixupE"].paper
    assert published is not None
    assert (published.value, published.std) == (4.04, 0.20)
    assert table.cells["Letter", "MLP", "MixupE (released code)"].paper is None


def test_rows_and_columns_keep_the_recipes_order_and_the_best_is_the_lowest() -> None:
    table = error_table([cell("Mixup", 3.0), cell("ERM", 2.0), cell("ERM", 9.0, dataset="Abalone")])
    assert table.columns == ("Mixup", "ERM")
    assert table.rows == (("Letter", "MLP"), ("Abalone", "MLP"))
    assert table.best(("Letter", "MLP")) == {"ERM"}
    assert table.best(("Abalone", "MLP")) == set()  # nothing to compare with


def test_methods_that_tie_are_all_the_best() -> None:
    table = error_table([cell("ERM", 2.0), cell("Mixup", 2.0), cell("MixupE", 3.0)])
    assert table.best(("Letter", "MLP")) == {"ERM", "Mixup"}
    assert table.near(("Letter", "MLP")) == set()


def test_a_note_is_printed_once_for_all_that_it_speaks_of() -> None:
    cells = [cell("ERM", 1.0, notes=("a subset",), dataset=name) for name in ("A", "B", "A")]
    assert error_table(cells).notes == ("A, B: a subset",)
