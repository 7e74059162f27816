"""A method for a loop that is not ours: `loss = method(model, x, y)`.

An objective is pure: it is given its randomness, its targets as rows of a distribution, and what
its last step remembered. `Method` keeps those three for a loop that has nowhere to keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.objectives.objective import Memory, Objective, Terms, TrainingPart
from mixup_multi.streams import stream
from mixup_multi.tree import Tree


class Method:
    """An objective with its generator and its memory; calling it returns the loss to minimise.

    Args:
        objective: a method's name as in recipes (`"mixupe"`, `"module:callable"`), or an
            `Objective`.
        classes: the number of classes, where labels are class indices `(n,)`; labels that are
            rows `(n, c)` need none.
        seed: of all that the method draws; torch's global generators are not used.
        settings: of the method, as in recipes: `alpha=0.4`, `inner={"name": "cutmix"}`.

    Attributes:
        objective: the objective.
        terms: what the last call computed, e.g. `method.terms.means["error"]`; None before.

    Raises:
        SettingError: no such method or setting, or settings beside an `Objective`.

    >>> import torch
    >>> model = torch.nn.Linear(4, 3)
    >>> method = Method("mixup", classes=3, alpha=0.4)
    >>> loss = method(model, torch.randn(8, 4), torch.arange(8) % 3)
    >>> loss.backward()
    >>> model.weight.grad.shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        objective: str | Objective,
        *,
        classes: int | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.objective = _objective(objective, settings)
        self.classes = classes
        self.terms: Terms | None = None
        self._generator = stream(seed, "mix")
        self._memory: Memory = {}

    def __call__(self, model: nn.Module, inputs: Tree, labels: Tensor) -> Tensor:
        """Draw, evaluate and return the loss, a scalar with gradients.

        Args:
            model: any module; one with points (`staged(...)`) can be mixed at those.
            inputs: what it reads: a tree of tensors `(n, ...)`, or a graph batch.
            labels: class indices `(n,)`, or rows `(n, c)` of a distribution, of labels or numbers.

        Raises:
            SettingError: labels are class indices, and nobody said how many classes there are.
            PointError: the method asks for a point that the model does not offer.
        """
        batch = Batch(inputs, self._targets(labels))
        self.terms = self.objective(model, batch, self._generator, self._memory)
        self._memory = self.terms.memory
        return self.terms.total

    def fit(self, train: TrainingPart) -> Self:
        """Tell the method of the training part, which some need (`mixupe_exact`, attacks, codecs).

        Returns:
            itself.
        """
        self.objective = self.objective.fit(train)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint needs for the draws to go on as if nothing had happened."""
        return {"generator": self._generator.get_state(), "memory": dict(self._memory)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self._generator.set_state(state["generator"])
        self._memory = dict(state["memory"])

    def _targets(self, labels: Tensor) -> Tensor:
        if labels.dim() == 2:
            return labels
        if self.classes is None:
            raise SettingError(
                f"labels are class indices of shape {tuple(labels.shape)}: expected rows (n, c),"
                " or Method(..., classes=c)"
            )
        return as_targets(labels, self.classes)


def _objective(given: str | Objective, settings: Mapping[str, Any]) -> Objective:
    if isinstance(given, Objective):
        if settings:
            raise SettingError(
                f"settings {', '.join(settings)} have no effect beside an objective: set them in it"
            )
        return given
    resolved = door.check_settings(door.load_objective(given), settings)
    made: Objective = door.build_objective({"name": given, **resolved})
    return made
