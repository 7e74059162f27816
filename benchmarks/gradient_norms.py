"""Norms of each example's input gradient: one backward pass of the summed loss, or one a row.

In evaluation mode rows do not see each other, so the gradient of the sum holds every row's own
(`mixup_multi.evaluations.gradients`). The rival passes back once an example, to the input only, as
ours does. That both find the same is checked first.

Floor: at least 5 times faster than the loop.

    python benchmarks/gradient_norms.py [--batch 128] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from _timing import Row, machine, print_rows, race
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch
from mixup_multi.engine.source import Trial
from mixup_multi.evaluations.gradients import gradient_norms
from mixup_multi.objectives.losses import Softmax

CASES = (
    ("tabular", "sklearn_iris", "mlp", {}),
    ("images", "digits", "small_cnn", {}),
    ("images", "digits", "preact_resnet18", {}),
)


def together(model: nn.Module, batch: Batch) -> Tensor:
    """Return the norms by one backward pass."""
    return gradient_norms(lambda x: Softmax().value(model(x), batch.targets), batch.inputs)


def one_by_one(model: nn.Module, batch: Batch) -> Tensor:
    """Return the norms by one backward pass an example, of which no weight wants a gradient."""
    norms = []
    for row in range(len(batch)):
        x = batch.inputs[row : row + 1].clone().requires_grad_()
        loss = Softmax().value(model(x), batch.targets[row : row + 1]).sum()
        norms.append(torch.autograd.grad(loss, x)[0].norm())
    return torch.stack(norms)


def main() -> None:
    """Check that both find the same, and time them in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for adapter, data_name, model_name, settings in CASES:
        made = door.load_adapter(adapter)
        data = made.datasets[data_name].load(Path(), Trial())
        torch.manual_seed(0)
        model = made.models[model_name](data, **settings).eval()
        batch = data.train.gather(torch.arange(options.batch) % len(data.train))
        torch.testing.assert_close(
            together(model, batch), one_by_one(model, batch), rtol=1e-3, atol=1e-5
        )
        contenders = {
            "together": lambda m=model, b=batch: together(m, b),
            "loop": lambda m=model, b=batch: one_by_one(m, b),
        }
        found = race(contenders, options.rounds, warm_up=1)
        case = f"{model_name} on {data_name}"
        rows.append(Row(case, found["together"], found["loop"], at_least=5))
    print_rows(f"gradient norms of {options.batch} rows, against a loop ({machine()})", rows)


if __name__ == "__main__":
    main()
