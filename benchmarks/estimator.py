"""`MixupClassifier` against scikit-learn's `MLPClassifier`: the same layers, batches and epochs.

On the digits (1,797 x 64, 10 classes) and on OpenML's letter (20,000 x 16, 26 classes), all of its
rows, as the tabular adapter reads them below a data root; without one, on rows like them that
scikit-learn makes. Ours is timed with ERM and with MixupE, which makes two passes a step.

Floor: ERM no slower than MLPClassifier.

    python benchmarks/estimator.py [--data ROOT] [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
from _timing import Row, machine, print_rows, race
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from mixup_multi.door import load_adapter
from mixup_multi.engine.source import Trial
from mixup_multi.sklearn import MixupClassifier

LAYERS = (128, 128)
BATCH = 128

Table = tuple[NDArray[Any], NDArray[Any]]


def letter(root: Path | None) -> tuple[str, Table]:
    """Return the letter table below a data root, or rows like it where there is none."""
    if root is not None:
        data = load_adapter("tabular").datasets["letter"].load(root, Trial())
        parts = [part.gather(torch.arange(len(part))) for part in (data.train, data.test)]
        X = torch.cat([part.inputs for part in parts]).numpy()
        return "letter", (X, torch.cat([part.targets for part in parts]).argmax(1).numpy())
    made = make_classification(
        20_000, 16, n_informative=12, n_classes=26, n_clusters_per_class=1, random_state=0
    )
    return "rows like letter's", made


def main() -> None:
    """Print how long `fit` takes, ours and scikit-learn's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    digits = load_digits(return_X_y=True)
    name_of_letter, table = letter(options.data)
    print(f"{name_of_letter}: {table[0].shape[0]} x {table[0].shape[1]}")
    rows = []
    for name, (X, y), epochs in (("digits", digits, 20), (name_of_letter, table, 5)):
        shared = {"hidden_layer_sizes": LAYERS, "batch_size": BATCH, "random_state": 0}
        theirs = MLPClassifier(max_iter=epochs, tol=0, n_iter_no_change=epochs, **shared)
        contenders = {"scikit-learn": lambda m=theirs, X=X, y=y: m.fit(X, y)}
        for method in ("erm", "mixupe"):
            ours = MixupClassifier(method, epochs=epochs, **shared)
            contenders[method] = lambda m=ours, X=X, y=y: m.fit(X, y)
        seconds = race(contenders, options.rounds, warm_up=1)
        for method, floor in (("erm", 1.0), ("mixupe", None)):
            case = f"{name}, {epochs} epochs, {method} / MLPClassifier"
            rows.append(Row(case, seconds[method], seconds["scikit-learn"], at_most=floor))
    print_rows("fit", rows)


if __name__ == "__main__":
    main()
