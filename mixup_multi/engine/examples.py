"""From examples in memory to `Data`: split, standardised by the training part, and checked.

What adapters of plain tensors have in common. A modality with more to say (its own normalisation,
inputs that are no tensor) builds its sources itself, of what `source` and `splits` offer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from mixup_multi.bounds import Bounds
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.shifted import ChangeAt, Corruption
from mixup_multi.engine.source import Data, TensorSource, Trial, check_finite
from mixup_multi.engine.splits import Rows, check_all_classes, stratified_parts, train_and_test
from mixup_multi.errors import DataError, SettingError

__all__ = ["Examples", "Standard", "data_from"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Labelled examples.

    Attributes:
        inputs: `(N, c, ...)` numbers; c channels of anything, or the c features of a table. Or
            integer codes, e.g. token ids `(N, length)`.
        labels: `(N,)` int64 class indices.
        ids: one name an example, which does not depend on the split.

    Raises:
        DataError: there are not as many inputs as labels and ids, the inputs have one axis or are
            complex, or labels are no indices.
    """

    inputs: Tensor
    labels: Tensor
    ids: Sequence[str]

    def __post_init__(self) -> None:
        lengths = len(self.inputs), len(self.labels), len(self.ids)
        if len(set(lengths)) > 1 or self.inputs.dim() < 2:
            raise DataError(
                f"inputs {tuple(self.inputs.shape)}, {lengths[1]} labels and {lengths[2]} ids:"
                " expected inputs (N, c, ...), N labels and N ids; a single channel is (N, 1, ...)"
            )
        if self.labels.dim() != 1 or self.labels.dtype != torch.int64:
            raise DataError(
                f"labels are {tuple(self.labels.shape)} of {self.labels.dtype}: expected (N,) int64"
                " class indices; of one-hot rows give labels.argmax(1)"
            )
        if self.inputs.is_complex():
            raise DataError(
                f"inputs are {self.inputs.dtype}: expected real numbers; give real and imaginary"
                " parts as channels, e.g. torch.view_as_real(inputs).movedim(-1, 1)"
            )

    @classmethod
    def numbered(cls, prefix: str, inputs: Tensor | Array, labels: Tensor | Array) -> Self:
        """Return examples of tensors or arrays, with the ids `prefix0`, `prefix1`, ...

        Labels of any integer type, or bool, become int64. Inputs keep their type: `data_from`
        standardises float64 as such, so that an offset is not rounded away.

        Raises:
            DataError: labels are no whole numbers (strings, floats), or inputs are no numbers.
        """
        stored, given = _numbers("inputs", inputs), _numbers("labels", labels)
        if given.is_floating_point() or given.is_complex():
            raise DataError(
                f"labels are {given.dtype}: expected integers, the indices of classes; a fraction"
                " or NaN would be cut off in silence. Mend them, then labels.astype('int64')"
            )
        ids = [f"{prefix}{number}" for number in range(len(stored))]
        return cls(stored, given.long(), ids)

    def take(self, rows: Rows) -> Examples:
        """Return the examples at `rows`."""
        index = torch.from_numpy(rows)
        return Examples(self.inputs[index], self.labels[index], [self.ids[row] for row in rows])


def _numbers(what: str, given: Tensor | Array) -> Tensor:
    try:
        return torch.as_tensor(given)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{what} are no numbers ({error}): expected a tensor or an array of numbers; of names"
            " np.unique(names, return_inverse=True) makes classes and indices"
        ) from error


@dataclass(frozen=True)
class Standard:
    """x -> (x - mean) / std of each channel, both of the training part.

    A channel that is constant in training becomes 0 on every row.

    Attributes:
        mean: `(c, 1, ...)`, as all of these.
        factor: one over the standard deviation; 0 where a channel is constant.
        least: the smallest value in training.
        largest: the largest.
    """

    mean: Tensor
    factor: Tensor
    least: Tensor
    largest: Tensor

    @classmethod
    def of(cls, inputs: Tensor) -> Self:
        """Return that of training inputs `(N, c, ...)`, over all axes but the channels'."""
        axes = tuple(axis for axis in range(inputs.dim()) if axis != 1)
        std, mean = torch.std_mean(inputs.double(), axes, correction=0, keepdim=True)
        least, largest = inputs.amin(axes, keepdim=True), inputs.amax(axes, keepdim=True)
        factor = torch.where(least == largest, 0.0, 1 / std)
        return cls(*(stat[0].double() for stat in (mean, factor, least, largest)))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return float32 inputs with mean 0 and standard deviation 1 in training.

        Inputs in float64 are centred as such; others in float32, which holds them.
        """
        wide = inputs if inputs.dtype == torch.float64 else inputs.float()
        centred = wide - self.mean.to(wide, non_blocking=True)
        return centred.mul_(self.factor.to(wide, non_blocking=True)).float()

    def bounds(self, like: Tensor) -> Bounds:
        """Return what a legal input is: each channel between its ends in training.

        Args:
            like: an input without its row, `(c, ...)`.
        """
        unit = (self.factor > 0).float()
        words = "standard deviations of a channel"
        return Bounds.between(self(self.least), self(self.largest), unit, like, words)


def data_from(
    name: str,
    examples: Examples,
    classes: Sequence[str],
    trial: Trial,
    *,
    test: Examples | float = 0.2,
    validation: float = 0.0,
    augment: Callable[[Any, Generator], Any] | None = None,
    corruptions: Sequence[ChangeAt] = (),
    notes: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    codes: bool = False,
) -> Data:
    """Return the data of a trial for classification; its facts hold the `shape` of an input.

    Args:
        name: of the data set.
        examples: all of them, or the published training part.
        classes: the classes' names, in the order of the labels.
        trial: its seed chooses what is held out; with folds, one is the test part.
        test: a stratified share of the examples, not used with folds; or the published test part.
        validation: the stratified share of the training examples that is held out, in [0, 1).
        augment: a random change of training inputs as they are given here, before they are
            standardised; see `TensorSource`.
        corruptions: what trained models can be asked about, by the names of these functions: see
            `Corruption`.
        notes: what a reader of a result has to know.
        facts: what the adapter's models need to know beside the shape.
        codes: whether the inputs are integer codes that a model looks up (token ids). They are
            then read as they are, as int64: not standardised, without a mean and without bounds.

    Raises:
        SettingError: a share is out of range, or folds are asked of a published split.
        DataError: inputs are not finite, ids repeat, a part is empty, training lacks a class,
            classes have no names of their own, or the published test part has another shape;
            inputs are integers (other than uint8) and not `codes`, or `codes` and no integers.
    """
    if isinstance(test, Examples) and trial.folds is not None:
        raise SettingError(f"{name} has a test part of its own and no folds: use trials instead")
    _check_classes(name, classes)
    if isinstance(test, Examples) and test.inputs.shape[1:] != examples.inputs.shape[1:]:
        raise DataError(
            f"{name}: an example is {tuple(examples.inputs.shape[1:])} in training and"
            f" {tuple(test.inputs.shape[1:])} in the test part; expected one shape"
        )
    parts = _parts(examples, trial, test, validation)
    _check(name, parts, classes)
    for part, held in parts.items():
        _check_type(name, part, held.inputs, codes)
    train = parts["training"].inputs
    standard = None if codes else Standard.of(train)
    prepare = _as_codes if standard is None else standard
    bounds = None if standard is None else standard.bounds(train[0])

    def source(part: str, augment: Callable[[Any, Generator], Any] | None = None) -> TensorSource:
        held = parts[part]
        count, ids = len(classes), list(held.ids)
        return TensorSource(held.inputs, held.labels, count, ids, prepare, augment, bounds)

    whole = [examples, *([test] if isinstance(test, Examples) else [])]
    tensors = [tensor for part in whole for tensor in (part.inputs, part.labels)]
    names = [id for part in whole for id in part.ids]
    return Data(
        name=name,
        train=source("training", augment),
        test=source("test"),
        validation=source("validation") if "validation" in parts else None,
        classes=tuple(classes),
        key=content_key("\n".join([*classes, *names]), *tensors),
        notes=tuple(notes),
        facts={"shape": tuple(train.shape[1:]), **(facts or {})},
        shifts=Shifts(made={change.__name__: Corruption(change) for change in corruptions}),
    )


def _parts(
    examples: Examples, trial: Trial, test: Examples | float, validation: float
) -> dict[str, Examples]:
    if not 0 <= validation < 1:
        raise SettingError(f"validation: {validation}; expected a share in [0, 1)", ("validation",))
    rest, parts = examples, {}
    if isinstance(test, Examples):
        parts["test"] = test
    else:
        kept, tested = train_and_test(examples.labels.numpy(), trial, test)
        rest, parts["test"] = examples.take(kept), examples.take(tested)
    if validation:
        shares = [1 - validation, validation]
        kept, held = stratified_parts(rest.labels.numpy(), shares, trial.seed)
        rest, parts["validation"] = rest.take(kept), rest.take(held)
    return {"training": rest, **parts}


def _as_codes(inputs: Tensor) -> Tensor:
    """Return codes in the type that embeddings look up."""
    return inputs.long()


def _check_type(name: str, part: str, inputs: Tensor, codes: bool) -> None:
    """Raise `DataError` where codes would be standardised in silence, or numbers read as codes."""
    kind = str(inputs.dtype).removeprefix("torch.")
    integers = not (inputs.is_floating_point() or inputs.is_complex() or inputs.dtype == torch.bool)
    if codes and not integers:
        raise DataError(f"{name}: the {part} inputs are {kind}, with codes=True: expected integers")
    if integers and not codes and inputs.dtype != torch.uint8:
        raise DataError(
            f"{name}: the {part} inputs are {kind}: expected floats, or uint8 pixels, which are"
            " standardised. Are they codes, such as token ids? data_from(..., codes=True) keeps"
            " them as they are. Are they numbers? Give inputs.float()."
        )


def _check_classes(name: str, classes: Sequence[str]) -> None:
    if isinstance(classes, str) or len(set(classes)) < len(classes):
        raise DataError(
            f"{name}: classes are {classes!r}; expected a sequence of names, one of its own for"
            " each class, e.g. ('cat', 'dog')"
        )


def _check(name: str, parts: Mapping[str, Examples], classes: Sequence[str]) -> None:
    for part, held in parts.items():
        if not len(held.labels):
            raise DataError(f"{name}: the {part} part is empty; give it a larger share")
        if not 0 <= int(held.labels.min()) <= int(held.labels.max()) < len(classes):
            raise DataError(
                f"{name}: the {part} part has labels from {int(held.labels.min())} to"
                f" {int(held.labels.max())}; expected indices of its {len(classes)} classes, from 0"
            )
        check_finite(name, part, held.inputs)
    ids = [id for held in parts.values() for id in held.ids]
    if len(set(ids)) < len(ids):
        raise DataError(f"{name}: two examples have one id; expected a name of its own for each")
    check_all_classes(name, parts["training"].labels.numpy(), classes)
