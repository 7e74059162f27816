"""The figures: SVG that stands in a page, in its colours, with its text as text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mixup_multi.metrics import Reliability
from mixup_multi.report import figures
from mixup_multi.report.cd_diagram import cliques
from mixup_multi.report.curves import Curve
from mixup_multi.report.statistics import ranking

METHODS = ("ERM", "$x$ <b>", "MixupE")


def curve(method: str, quantity: str = "train_loss") -> Curve:
    return Curve(method, quantity, (1, 2, 3), (3.0, 2.0, 1.0), (0.1, 0.1, 0.1), (3, 3, 3))


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    one = Reliability(np.full(15, 4.0), np.linspace(0.1, 4, 15), np.linspace(0, 4, 15))
    found = ranking([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])
    assert found is not None
    return {
        "curves": figures.learning_curves([curve(method) for method in METHODS], METHODS),
        "reliability": figures.reliability_diagrams(dict.fromkeys(METHODS, one)),
        "confusion": figures.confusion_matrices(
            dict.fromkeys(METHODS, 5 * np.eye(3)), ("0", "<b>", "$x$ <b>")
        ),
        "ranks": figures.critical_difference_diagram(found, METHODS),
    }


def test_text_is_text_and_neither_markup_nor_mathematics(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        assert svg.startswith("<svg")
        assert "$x$ &lt;b&gt;" in svg
        assert "<b>" not in svg


def test_lines_and_letters_take_the_pages_colour(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        assert "currentColor" in svg
        assert figures.INK not in svg


def test_figures_share_no_ids_and_are_the_same_each_time(drawn: dict[str, str]) -> None:
    again = figures.learning_curves([curve(method) for method in METHODS], METHODS)
    assert again == drawn["curves"]
    ids = {name: set(re.findall(r'\bid="([^"]+)"', svg)) for name, svg in drawn.items()}
    assert ids["curves"]
    assert not ids["curves"] & ids["reliability"]
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', drawn["curves"]))
    assert used <= ids["curves"]


def test_many_classes_stay_a_small_picture() -> None:
    matrix = np.random.default_rng(0).random((200, 200))
    svg = figures.confusion_matrices({"ERM": matrix}, [f"class {i}" for i in range(200)])
    assert len(svg) < 400_000


def test_a_method_looks_the_same_in_every_figure_and_unlike_its_neighbours() -> None:
    methods = [f"method {i}" for i in range(20)]
    styles = [tuple(figures.column_style(methods, method).values()) for method in methods]
    assert len(set(styles)) == 20


@pytest.mark.parametrize(
    ("ranks", "critical", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0], 1.0, [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]),
        ([3.1, 1.3, 2.8, 2.8], 2.0, [(1.3, 3.1)]),
        ([1.0, 4.0], 1.0, []),
    ],
)
def test_bars_join_what_cannot_be_told_apart(
    ranks: list[float], critical: float, expected: list[tuple[float, float]]
) -> None:
    assert cliques(ranks, critical) == expected


def test_long_labels_keep_both_ends() -> None:
    assert figures.short("MixupE (released code)") == "MixupE (released code)"
    label = "Mixup (method=mixup, alpha=0.2, points=first, per=batch)"
    assert figures.short("sylvestris of the north", 14) == "sylvest… north"
    assert figures.short(label) == "Mixup (method=mixup,…rst, per=batch)"
    assert figures.short("sylvestris of the north", 14) == "sylvest… north"
