"""Calibration and confusion against torchmetrics."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixup_multi.engine.sealed import save_sealed
from mixup_multi.errors import OutputError
from mixup_multi.grid.store import CellFolder
from mixup_multi.report.measure import confusion, measure, reliability

metrics = pytest.importorskip("torchmetrics.functional.classification", reason="the oracle")


def _rows(n: int, classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    labels = torch.randint(classes, (n,), generator=generator)
    logits = 2 * torch.randn(n, classes, generator=generator)
    return logits, torch.nn.functional.one_hot(labels, classes).float(), labels


@pytest.mark.parametrize(("n", "classes"), [(500, 3), (200, 10), (50, 2)])
def test_ece_and_confusion_are_torchmetrics(n: int, classes: int) -> None:
    logits, targets, labels = _rows(n, classes)
    ece = metrics.multiclass_calibration_error(logits.softmax(1), labels, classes, n_bins=15)
    assert reliability(logits, targets).ece == pytest.approx(100 * float(ece), abs=1e-4)
    expected = metrics.multiclass_confusion_matrix(logits.argmax(1), labels, classes)
    assert confusion(logits, targets).tolist() == expected.double().tolist()


def test_certain_and_right_is_calibrated() -> None:
    targets = torch.eye(3)
    one = reliability(1000 * targets, targets)
    assert one.ece == pytest.approx(0)
    assert one.count.tolist() == [0.0] * 14 + [3.0]


def test_sums_of_parts_are_those_of_the_whole() -> None:
    logits, targets, _ = _rows(100, 4)
    parts = reliability(logits[:30], targets[:30]) + reliability(logits[30:], targets[30:])
    assert parts.ece == pytest.approx(reliability(logits, targets).ece)


@pytest.mark.parametrize(
    ("logits", "targets", "why"),
    [
        (torch.full((2, 2), torch.nan), torch.eye(2), "finite"),
        (torch.zeros(2, 3), torch.ones(2, 3), "independent labels"),
        (torch.zeros(2, 1), torch.ones(2, 1), "independent labels"),
    ],
)
def test_what_has_no_calibration_says_why(
    logits: torch.Tensor, targets: torch.Tensor, why: str, tmp_path: Path
) -> None:
    content = {"test": {"logits": logits, "targets": targets, "ids": ["a", "b"]}}
    save_sealed(content, tmp_path / "outputs.pt")
    with pytest.raises(OutputError, match=why):
        measure(CellFolder(tmp_path))


def test_lost_or_damaged_logits_say_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no outputs\.pt"):
        measure(CellFolder(tmp_path))
    (tmp_path / "outputs.pt").write_bytes(b"cut short")
    with pytest.raises(OutputError, match="damaged"):
        measure(CellFolder(tmp_path))
