"""Mixing where batches are made: as a transform of a batch, and as a `collate_fn`.

It is what `torchvision.transforms.v2.MixUp` and `CutMix` do, for every method that changes inputs
and labels alone; partners are a random permutation, where torchvision takes the row before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.utils.data import default_collate

from mixup_multi.errors import SettingError
from mixup_multi.integrations.batches.blending import blended, check_blending
from mixup_multi.integrations.batches.worker_streams import Streams
from mixup_multi.integrations.loop.labels import targets_of
from mixup_multi.integrations.loop.method import objective_of
from mixup_multi.objectives.objective import Objective, target_kind


class MixBatch:
    """Mixes a batch: `x, y = mix(x, y)`, where y becomes rows `(n, c)` of a distribution.

    Train on them with a loss of soft targets, e.g. `torch.nn.functional.cross_entropy`.

    Args:
        objective: a method that changes inputs and labels alone (`"mixup"`, `"cutmix"`, `"switch"`,
            ...), by name or as an `Objective`.
        classes: the number of classes, where labels are class indices `(n,)`.
        seed: of all that it draws; see `Streams`.
        inputs, labels: where in a batch they are: places of a sequence, keys of a mapping. Other
            entries are passed on as they are.
        settings: of the method, as in recipes: `alpha=0.4`.

    Raises:
        SettingError: no such method or setting, or one that needs the model in every step.

    >>> import torch
    >>> mix = MixBatch("mixup", classes=3, alpha=0.4)
    >>> x, y = mix(torch.randn(8, 4), torch.arange(8) % 3)
    >>> x.shape, y.shape, bool((y.sum(1) - 1).abs().max() < 1e-6)
    (torch.Size([8, 4]), torch.Size([8, 3]), True)
    """

    def __init__(
        self,
        objective: str | Objective,
        *,
        classes: int | None = None,
        seed: int = 0,
        inputs: int | str = 0,
        labels: int | str = 1,
        **settings: Any,
    ) -> None:
        self.objective = objective_of(objective, settings)
        check_blending(self.objective)
        self.classes = classes
        self.inputs, self.labels = inputs, labels
        self._kind = target_kind(self.objective)
        self._streams = Streams(seed)

    def __call__(self, *batch: Any) -> Any:
        """Return the mixed batch, in the form in which it was given.

        Args:
            batch: inputs and labels, or one sequence or mapping that holds them.

        Raises:
            SettingError: labels are not what the method needs, or not where they should be.
            PointError: the inputs cannot be mixed, e.g. pixels in uint8 by mixup.
        """
        given: Any = batch[0] if len(batch) == 1 else batch
        inputs, labels = self._found(given, self.inputs), self._found(given, self.labels)
        targets = targets_of(labels, self._kind, self.classes)
        draw = self.objective.draw(targets, self._streams.generator())
        mixed, soft = blended(self.objective, inputs, targets, draw)
        return _replaced(given, {self.inputs: mixed, self.labels: soft})

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint at the end of an epoch needs for the draws to go on."""
        return self._streams.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self._streams.load_state_dict(state)

    def _found(self, given: Any, where: int | str) -> Any:
        try:
            return given[where]
        except (KeyError, IndexError, TypeError) as error:
            holds = ", ".join(map(repr, given)) if isinstance(given, Mapping) else type(given)
            raise SettingError(
                f"a batch of {holds} has no {where!r}: expected inputs at {self.inputs!r} and"
                f" labels at {self.labels!r}, as MixBatch(..., inputs=, labels=) says"
            ) from error


def _replaced(given: Any, entries: Mapping[Any, Any]) -> Any:
    if isinstance(given, Mapping):
        return {**given, **entries}
    items = [entries.get(place, item) for place, item in enumerate(given)]
    if hasattr(given, "_fields"):  # a named tuple takes its items one by one
        return type(given)(*items)
    return items if isinstance(given, list) else tuple(items)


class MixCollate:
    """A `collate_fn` that collates and mixes: `DataLoader(data, collate_fn=MixCollate(...))`.

    It works in worker processes: each worker draws for itself, and anew in every epoch, and `seed`
    alone says what. Give each loader one of its own.

    Args:
        objective: see `MixBatch`, as for all but the next.
        collate: makes a batch of a list of examples.
        settings: of `MixBatch`.

    Raises:
        SettingError: see `MixBatch`.

    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(torch.randn(6, 4), torch.arange(6) % 3)
    >>> mixing = MixCollate("mixup", classes=3, alpha=0.4)
    >>> [y.shape for x, y in DataLoader(data, batch_size=3, collate_fn=mixing)]
    [torch.Size([3, 3]), torch.Size([3, 3])]
    """

    def __init__(
        self,
        objective: str | Objective,
        *,
        collate: Callable[[list[Any]], Any] = default_collate,
        **settings: Any,
    ) -> None:
        self.collate = collate
        self.mix = MixBatch(objective, **settings)

    def __call__(self, examples: Sequence[Any]) -> Any:
        """Return the mixed batch of a list of examples."""
        return self.mix(self.collate(list(examples)))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint at the end of an epoch needs for the draws to go on."""
        return self.mix.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.mix.load_state_dict(state)
