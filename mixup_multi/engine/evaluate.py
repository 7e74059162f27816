"""What a trained model says of a part of the data: logits and targets, and their error."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mixup_multi.engine.memory import model_inputs
from mixup_multi.engine.source import Source
from mixup_multi.errors import DivergedError
from mixup_multi.objectives.losses import Loss

__all__ = ["Outputs", "outputs_of", "said_of"]


@dataclass(frozen=True)
class Outputs:
    """A part's logits `(N, c)` in float32 and targets `(N, c)`, on the CPU, in its order."""

    logits: Tensor
    targets: Tensor

    def check_finite(self) -> None:
        """Raise `DivergedError` where a logit is not finite."""
        if not bool(torch.isfinite(self.logits).all()):
            raise DivergedError(
                "the model's outputs are no longer finite numbers: the training diverged."
                " Lower train.lr, or check the data."
            )

    def error(self, loss: Loss) -> float:
        """Return the error in percent, over rows (not over batches' means)."""
        return 100 * float(loss.error(self.logits, self.targets).double().mean())

    def loss(self, loss: Loss) -> float:
        """Return the mean loss over rows."""
        return float(loss.value(self.logits, self.targets).double().mean())


def outputs_of(
    model: nn.Module, source: Source, batch_size: int, device: torch.device, channels_last: bool
) -> Outputs:
    """Return what `model` says of every row of `source`, in evaluation mode, un-augmented.

    The model's mode is put back as it was.

    Raises:
        DivergedError: a logit is not finite.
    """
    said = said_of(model, source, batch_size, device, channels_last)
    said.check_finite()
    return said


@torch.no_grad()
def said_of(
    model: nn.Module, source: Source, batch_size: int, device: torch.device, channels_last: bool
) -> Outputs:
    """Return the same whether or not the logits are finite."""
    was_training = model.training
    model.eval()
    try:
        logits, targets = [], []
        for index in torch.split(torch.arange(len(source)), batch_size):
            batch = source.gather(index).to(device)
            logits.append(model(model_inputs(batch.inputs, channels_last)).float().cpu())
            targets.append(batch.targets.cpu())
    finally:
        model.train(was_training)
    return Outputs(torch.cat(logits), torch.cat(targets))
