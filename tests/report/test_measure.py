"""What a cell's stored logits tell: calibration and confusion, against torchmetrics."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixup_multi.engine.sealed import save_sealed
from mixup_multi.errors import OutputError
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.report.measure import confusion, measure, pooled

metrics = pytest.importorskip("torchmetrics.functional.classification", reason="the oracle")


def _rows(n: int, classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    labels = torch.randint(classes, (n,), generator=generator)
    logits = 2 * torch.randn(n, classes, generator=generator)
    return logits, torch.nn.functional.one_hot(labels, classes).float(), labels


def _store(folder: Path, logits: torch.Tensor, targets: torch.Tensor) -> None:
    ids = [str(row) for row in range(len(logits))]
    test = {"logits": logits, "targets": targets, "ids": ids}
    save_sealed({"test": test}, folder / "outputs.pt")


@pytest.mark.parametrize(("n", "classes"), [(500, 3), (200, 10), (50, 2)])
def test_ece_and_confusion_are_torchmetrics(n: int, classes: int, tmp_path: Path) -> None:
    logits, targets, labels = _rows(n, classes)
    _store(tmp_path, logits, targets)
    measured = measure(CellFolder(tmp_path))
    ece = metrics.multiclass_calibration_error(logits.softmax(1), labels, classes, n_bins=15)
    assert measured.reliability.ece == pytest.approx(100 * float(ece), abs=1e-4)
    expected = metrics.multiclass_confusion_matrix(logits.argmax(1), labels, classes)
    assert measured.confusion.tolist() == expected.double().tolist()
    assert confusion(logits, targets).tolist() == expected.double().tolist()


def test_certain_and_right_is_calibrated(tmp_path: Path) -> None:
    targets = torch.eye(3)
    _store(tmp_path, 1000 * targets, targets)
    one = measure(CellFolder(tmp_path)).reliability
    assert one.ece == pytest.approx(0)
    assert one.count.tolist() == [0.0] * 14 + [3.0]


def test_cells_together_are_their_rows_together(tmp_path: Path) -> None:
    logits, targets, _ = _rows(100, 4)
    places = {"first": slice(30), "rest": slice(30, None), "all": slice(None)}
    for name, rows in places.items():
        (tmp_path / name).mkdir()
        _store(tmp_path / name, logits[rows], targets[rows])
    first, rest, whole = (measure(CellFolder(tmp_path / name)) for name in places)
    together, matrix = pooled([first, rest])
    assert together.ece == pytest.approx(whole.reliability.ece)
    assert matrix.tolist() == whole.confusion.tolist()


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
    _store(tmp_path, logits, targets)
    with pytest.raises(OutputError, match=why):
        measure(CellFolder(tmp_path))


def test_lost_or_damaged_logits_say_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no outputs\.pt"):
        measure(CellFolder(tmp_path))
    (tmp_path / "outputs.pt").write_bytes(b"cut short")
    with pytest.raises(OutputError, match="damaged"):
        measure(CellFolder(tmp_path))
