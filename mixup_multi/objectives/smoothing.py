"""Label smoothing: y <- (1 - s) y + s u (Szegedy et al. 2016, section 7).

u says nothing: 1/c for each of c classes, 1/2 for each independent label. Before or after mixing
is the same for the mixed loss, which is linear in the labels; MixupE's regulariser sees the
smoothed labels of the clean rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.objectives.changed import Changed
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw


@dataclass(frozen=True, slots=True)
class LabelSmoothing(Changed):
    """`inner` on smoothed labels.

    Attributes:
        smoothing: s in [0, 1]; 0 is `inner`, bit for bit.
        loss_fn: the inner objective's loss; it tells classes from independent labels.

    Raises:
        SettingError: the smoothing is out of its range, or the targets are numbers.
    """

    smoothing: float = 0.1
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1:
            raise SettingError(f"smoothing is {self.smoothing}: expected 0 to 1", ("smoothing",))
        if self.loss_fn.target_kind == "numbers":
            raise SettingError(
                "label smoothing of targets that are numbers: expected classes or labels, which"
                " have a value that says nothing; choose another method, e.g. gaussian"
            )

    def smoothed(self, targets: Tensor) -> Tensor:
        """Return smoothed targets `(n, c)`."""
        classes = targets.shape[1] if self.loss_fn.target_kind == "distribution" else 2
        return (1 - self.smoothing) * targets + self.smoothing / classes

    def change(self, model: nn.Module, batch: Batch, draw: Draw) -> tuple[nn.Module, Batch]:  # noqa: ARG002
        """Return the batch with smoothed labels."""
        return model, replace(batch, targets=self.smoothed(batch.targets))
