"""`MixupClassifier` against scikit-learn's `MLPClassifier`: the same layers, batches and epochs.

On the digits (1,797 x 64, 10 classes) and on rows as OpenML's letter has them (20,000 x 16, 26
classes; made by scikit-learn, since nothing is downloaded here). Ours is timed with ERM and with
MixupE, which makes two passes a step.

Floor: ERM no slower than MLPClassifier.

    python benchmarks/estimator.py [--rounds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import warnings

import torch
from _timing import Row, machine, print_rows, race
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from mixup_multi.sklearn import MixupClassifier

LAYERS = (128, 128)
BATCH = 128


def main() -> None:
    """Print how long `fit` takes, ours and scikit-learn's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    digits = load_digits(return_X_y=True)
    letter = make_classification(
        20_000, 16, n_informative=12, n_classes=26, n_clusters_per_class=1, random_state=0
    )
    rows = []
    for name, (X, y), epochs in (("digits", digits, 20), ("letter-like", letter, 5)):
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
