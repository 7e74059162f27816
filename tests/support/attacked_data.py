"""What attacks do to models that are trained on a modality's data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from mixup_multi.attacks import Attack
from mixup_multi.engine import loop
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.engine.training import Training
from mixup_multi.objectives import ERM, LOSSES, Objective


def trained(
    data: Data, build: Callable[[], nn.Module], objective: Objective | None = None, **train: object
) -> nn.Module:
    """Return a model after a few epochs, plain ones by default."""
    settings = Train.model_validate({"epochs": 5, "lr": 0.01, "batch_size": 64, **train})
    loss = LOSSES["softmax"]
    device = torch.device("cpu")
    job = loop.Job(data, build, objective or ERM(), loss, settings, 0, device)
    state = loop.start(job)
    loop.run(job, state)
    return state.model


def errors(data: Data, model: nn.Module, attack: Attack, rows: int = 200) -> tuple[float, float]:
    """Return the errors on test rows, in percent: as they are, and attacked."""
    loss, bounds = LOSSES["softmax"], Training(data).bounds()
    attack.check(model, bounds)
    model.eval()
    batch = data.test.gather(torch.arange(min(rows, len(data.test))))
    under, attacked = attack.perturb(model, batch, bounds, 0, loss)
    with torch.no_grad():
        said = [model(batch.inputs), under(attacked.inputs)]
    clean, worse = (100 * float(loss.error(f, batch.targets).mean()) for f in said)
    return clean, worse
