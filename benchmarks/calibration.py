"""Calibration metrics of 50,000 x 1,000 logits: ours against torchmetrics and scikit-learn.

All are given the same float32 logits; ours takes soft targets `(n, c)` and computes in float64,
torchmetrics takes integer labels and computes in float32. The class-wise error of torchmetrics is
its binary one, class by class, on probabilities that both are given; so many classes of it would
take long, so its rival sees the first `--classes-of-rival` and its time is scaled up.

Floor: no slower than torchmetrics (ours / theirs at most 1).

    python benchmarks/calibration.py [--rounds 7] [--threads 2] [--rows 50000] [--classes 1000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from _timing import Row, machine, print_rows, race
from sklearn.metrics import log_loss
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    multiclass_calibration_error,
)

from mixup_multi.metrics import (
    auroc,
    calibration_error,
    classwise_error,
    confidences,
    fitted_temperature,
    intervals,
    probabilities,
    scores,
)

SEED = 0


def example(rows: int, classes: int) -> tuple[Tensor, Tensor]:
    """Return over-confident logits, and labels drawn from a cooler softmax of them."""
    generator = torch.Generator().manual_seed(SEED)
    logits = 3 * torch.randn(rows, classes, generator=generator)
    labels = [
        torch.multinomial((part / 1.5).softmax(1), 1, generator=generator)
        for part in logits.split(4096)
    ]
    return logits, torch.cat(labels).squeeze(1)


def compare(logits: Tensor, labels: Tensor, rounds: int, of_rival: int) -> list[Row]:
    """Return a row for each metric that torchmetrics or scikit-learn has."""
    classes = logits.shape[1]
    targets = torch.nn.functional.one_hot(labels, classes).float()
    p = probabilities(logits)
    sure, right = confidences(logits, targets)

    def ece(norm: str, **settings: object) -> Callable[[], object]:
        return lambda: calibration_error(*confidences(logits, targets), norm=norm, **settings)  # type: ignore[arg-type]

    def rival_ece(norm: str) -> Callable[[], object]:
        return lambda: multiclass_calibration_error(logits, labels, classes, n_bins=15, norm=norm)  # type: ignore[arg-type]

    def rival_classwise() -> None:
        for k in range(of_rival):
            binary_calibration_error(p[:, k].contiguous(), (labels == k).long(), n_bins=15)

    pairs: list[tuple[str, Callable[[], object], Callable[[], object], float | None, float]] = [
        *((f"ECE {n}, torchmetrics", ece(n), rival_ece(n), 1.0, 1.0) for n in ("l1", "l2", "max")),
        ("adaptive ECE, torchmetrics' ECE", ece("l1", binning="equal_mass"), rival_ece("l1"), 1, 1),
        (
            "class-wise ECE, torchmetrics' binary",
            lambda: classwise_error(p, targets),
            rival_classwise,
            1.0,
            classes / of_rival,
        ),
        (
            "AUROC of confidence, torchmetrics",
            lambda: auroc(sure, right),
            lambda: binary_auroc(sure, right.long()),
            1.0,
            1.0,
        ),
        (
            "NLL and Brier, scikit-learn's log loss",
            lambda: scores(logits, targets),
            lambda: log_loss(labels.numpy(), p.numpy(), labels=range(classes)),
            None,
            1.0,
        ),
    ]
    rows = []
    for case, ours, theirs, floor, scale in pairs:
        seconds = race({"ours": ours, "theirs": theirs}, rounds, warm_up=1)
        rows.append(Row(case, seconds["ours"], [scale * s for s in seconds["theirs"]], floor))
    return rows


def alone(logits: Tensor, labels: Tensor, samples: int) -> None:
    """Print what has no rival: the temperature, and the time of a bootstrap."""
    targets = torch.nn.functional.one_hot(labels, logits.shape[1]).float()
    said = confidences(logits, targets)
    began = time.perf_counter()
    found = fitted_temperature(logits, targets)
    print(f"\ntemperature {found:.4f} (drawn at 1.5): {time.perf_counter() - began:.1f} s")
    metrics = {
        "ECE": partial(calibration_error, *said),
        "adaptive ECE": partial(calibration_error, *said, binning="equal_mass"),
        "AUROC": partial(auroc, *said),
        "class-wise ECE": partial(classwise_error, probabilities(logits), targets),
    }
    for name, metric in metrics.items():
        began = time.perf_counter()
        intervals({name: metric}, len(logits), samples, torch.Generator().manual_seed(SEED))
        print(f"bootstrap of {samples} samples, {name}: {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--classes-of-rival", type=int, default=50)
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logits, labels = example(options.rows, options.classes)
    of_rival = min(options.classes_of_rival, options.classes)
    rows = compare(logits, labels, options.rounds, of_rival)
    print_rows(f"{options.rows:,} x {options.classes:,} logits ({machine()})", rows)
    alone(logits, labels, options.samples)


if __name__ == "__main__":
    main()
