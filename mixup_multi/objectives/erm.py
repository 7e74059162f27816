"""Empirical risk minimisation: L = mean_i l(f(x_i), y_i)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw, Objective, Terms


def check_shapes(logits: Tensor, targets: Tensor) -> None:
    """Raise `SettingError` where logits and targets differ in shape: they would be broadcast."""
    if not isinstance(logits, Tensor):
        raise SettingError(
            f"the model returned a {type(logits).__name__}: expected a tensor of logits (n, c);"
            " wrap the model in a module whose forward returns its logits alone"
        )
    if logits.shape != targets.shape:
        raise SettingError(
            f"the model returned {tuple(logits.shape)} for targets {tuple(targets.shape)}:"
            " expected a row for each example and a column for each class of the targets"
            " (`mixup_multi.batch.as_targets` makes rows of class indices)"
        )


def score(loss: Loss, logits: Tensor, targets: Tensor) -> Terms:
    """Return the mean loss, with the error against the (soft) targets beside it.

    Raises:
        SettingError: logits and targets differ in shape.
    """
    check_shapes(logits, targets)
    error = loss.error(logits.detach(), targets).mean()
    return Terms(loss.value(logits, targets).mean(), {"error": error})


@dataclass(frozen=True, slots=True)
class ERM(Objective):
    """The plain loss of the batch as it is."""

    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)

    def draw(self, targets: Tensor, generator: Generator) -> Draw:  # noqa: ARG002
        """Draw nothing: every row stays as it is."""
        return Draw(Mix.identity(len(targets)))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:  # noqa: ARG002
        """Return the mean loss of `model(inputs)`."""
        return score(self.loss_fn, model(batch.inputs), batch.targets)
