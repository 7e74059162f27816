"""From examples to data: the split of the trial, the scale of the training part, the refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from mixup_multi.engine.examples import Examples, Standard, data_from
from mixup_multi.engine.shifted import Draws
from mixup_multi.engine.source import Data, Source, TensorSource, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import DataError, SettingError

CLASSES = ("left", "right")


def some(rows: int = 40, prefix: str = "row") -> Examples:
    generator = torch.Generator().manual_seed(rows)
    inputs = 3 + 2 * torch.randn(rows, 2, 5, generator=generator, dtype=torch.float64)
    return Examples.numbered(prefix, inputs, torch.arange(rows) % 2)


def whole(source: Source) -> Tensor:
    inputs: Tensor = source.gather(torch.arange(len(source))).inputs
    return inputs


def parts(data: Data) -> list[Source]:
    return [part for part in (data.train, data.validation, data.test) if part is not None]


def test_numbered_examples_have_names_that_no_split_changes() -> None:
    examples = Examples.numbered("row", np.ones((3, 1, 2)), np.array([0, 1, 0], dtype=np.int32))
    assert (examples.inputs.dtype, examples.labels.dtype) == (torch.float64, torch.int64)
    assert list(examples.ids) == ["row0", "row1", "row2"]
    pixels = Examples.numbered("row", np.zeros((2, 1, 2), np.uint8), np.array([0, 1]))
    assert pixels.inputs.dtype == torch.uint8
    assert examples.take(np.array([2])).ids == ["row2"]


def test_shares_are_stratified_and_the_parts_are_all_rows() -> None:
    data = data_from("d", some(), CLASSES, Trial(3), test=0.25, validation=0.2)
    assert [len(part) for part in parts(data)] == [24, 6, 10]
    for part in parts(data):
        assert (part.labels == 0).sum() == len(part) / 2
    assert sorted(id for part in parts(data) for id in part.ids) == sorted(some().ids)


def test_a_trial_has_a_split_of_its_own_and_one_key() -> None:
    first, again, other = (data_from("d", some(), CLASSES, Trial(seed)) for seed in (0, 0, 1))
    assert list(first.test.ids) == list(again.test.ids) != list(other.test.ids)
    assert first.key == again.key == other.key


def test_folds_test_each_row_once() -> None:
    folds = [data_from("d", some(), CLASSES, Trial(0, fold, 4)) for fold in range(4)]
    assert sorted(id for data in folds for id in data.test.ids) == sorted(some().ids)


def test_a_published_test_part_is_kept_and_validation_comes_from_training() -> None:
    held = some(10, "test")
    data = data_from("d", some(), CLASSES, Trial(), test=held, validation=0.5)
    assert data.test.ids == held.ids
    assert data.validation is not None
    assert len(data.validation) == len(data.train) == 20
    with pytest.raises(SettingError, match="no folds"):
        data_from("d", some(), CLASSES, Trial(0, 0, 5), test=held)


def test_inputs_are_standardised_by_the_training_part_alone() -> None:
    data = data_from("d", some(), CLASSES, Trial(), test=0.25)
    trained = whole(data.train).double()
    zero, one = torch.zeros(2).double(), torch.ones(2).double()
    torch.testing.assert_close(trained.mean((0, 2)), zero, atol=1e-6, rtol=0)
    torch.testing.assert_close(trained.std((0, 2), correction=0), one, atol=1e-6, rtol=0)
    assert isinstance(data.test, TensorSource)
    stored = data.train.inputs  # type: ignore[attr-defined]
    mean, std = stored.mean((0, 2), keepdim=True), stored.std((0, 2), correction=0, keepdim=True)
    expected = ((data.test.inputs - mean) / std).float()
    torch.testing.assert_close(whole(data.test), expected)


def test_bounds_are_the_training_parts_ends_in_standard_deviations() -> None:
    data = data_from("d", some(), CLASSES, Trial())
    bounds, trained = Training(data).bounds(), whole(data.train)
    assert bounds is not None
    assert torch.equal(bounds.low, trained.amin((0, 2))[:, None])  # type: ignore[arg-type]
    assert torch.equal(bounds.high, trained.amax((0, 2))[:, None])  # type: ignore[arg-type]
    assert bounds.unit.tolist() == [[1.0], [1.0]]
    assert bounds.largest == pytest.approx(float((bounds.high - bounds.low).max()))  # type: ignore[operator]


def test_a_constant_channel_becomes_zero_and_may_not_be_perturbed() -> None:
    inputs = some().inputs.clone()
    inputs[:, 1] = 0.1
    standard = Standard.of(inputs)
    assert standard(inputs[:, :])[:, 1].abs().max() == 0
    assert standard(inputs + 5)[:, 1].abs().max() == 0
    assert standard.bounds(inputs[0]).unit.tolist() == [[1.0], [0.0]]


def test_standardising_leaves_what_it_was_given() -> None:
    inputs = some().inputs
    before = inputs.clone()
    Standard.of(inputs)(inputs)
    assert torch.equal(inputs, before)


def test_augmentation_changes_training_batches_only() -> None:
    def flip(inputs: Tensor, generator: Generator) -> Tensor:
        assert isinstance(generator, Generator)
        return inputs.flip(2)

    data = data_from("d", some(), CLASSES, Trial(), validation=0.2, augment=flip)
    index = torch.arange(3)
    for part in parts(data):
        plain, augmented = part.gather(index), part.gather(index, torch.Generator())
        same = torch.equal(plain.inputs, augmented.inputs)
        assert same == (part is not data.train)
    assert torch.equal(data.train.gather(index, torch.Generator()).inputs.flip(2), plain_of(data))


def plain_of(data: Data) -> Tensor:
    inputs: Tensor = data.train.gather(torch.arange(3)).inputs
    return inputs


def offset(inputs: Tensor, draws: Draws, severity: int) -> Tensor:
    return inputs + severity * draws.uniform(1, 1)


def test_corruptions_have_their_functions_names_and_see_standardised_inputs() -> None:
    data = data_from("d", some(), CLASSES, Trial(), corruptions=[offset])
    shift = data.shifts.made["offset"]
    assert shift.of(data.test, 0, 0) is data.test
    one, five = (whole(shift.of(data.test, severity, 0)) for severity in (1, 5))
    clean = whole(data.test)
    assert ((one - clean) >= -1e-6).all()
    assert ((one - clean) <= 1 + 1e-6).all()
    assert (five - clean).max() > 1
    assert torch.equal(one, whole(shift.of(data.test, 1, 0)))
    assert not torch.equal(one, whole(shift.of(data.test, 1, 7)))


def test_facts_hold_the_shape_and_the_adapters_own() -> None:
    data = data_from("d", some(), CLASSES, Trial(), facts={"rate": 250}, notes=["made up"])
    assert data.facts == {"shape": (2, 5), "rate": 250}
    assert data.notes == ("made up",)


def test_the_key_names_the_content() -> None:
    key = data_from("d", some(), CLASSES, Trial()).key
    moved = some().inputs.clone()
    moved[0, 0, 0] += 1
    assert data_from("d", replace(some(), inputs=moved), CLASSES, Trial()).key != key
    assert data_from("d", replace(some(), labels=1 - some().labels), CLASSES, Trial()).key != key
    assert data_from("d", some(), ("a", "b"), Trial()).key != key


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"labels": torch.zeros(3).long()}, {}, "3 labels"),
        ({"inputs": torch.zeros(40)}, {}, r"expected inputs \(N, c, ...\)"),
        ({"inputs": torch.full((40, 2, 5), torch.nan)}, {}, "NaN"),
        ({"ids": ["one"] * 40}, {}, "two examples have one id"),
        ({"labels": torch.zeros(40).long()}, {}, "no training row of class right"),
        ({"labels": torch.arange(40) % 3}, {}, "labels from 0 to 2; expected indices of its 2"),
        ({}, {"test": 0.01}, "the test part is empty"),
        ({}, {"test": 1.0}, r"a share in \(0, 1\)"),
        ({}, {"validation": 1.0}, r"a share in \[0, 1\)"),
        ({}, {"validation": 0.01}, "the validation part is empty"),
    ],
)
def test_what_cannot_be_used_is_refused(
    changes: dict[str, object], settings: dict[str, float], message: str
) -> None:
    with pytest.raises((DataError, SettingError), match=message):
        data_from("d", replace(some(), **changes), CLASSES, Trial(), **settings)  # type: ignore[arg-type]


def words(rows: int = 40, dtype: torch.dtype = torch.int64) -> Examples:
    generator = torch.Generator().manual_seed(rows)
    ids = torch.randint(50, (rows, 7), generator=generator).to(dtype)
    return Examples.numbered("text", ids, torch.arange(rows) % 2)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.uint8])
def test_codes_are_read_as_they_are_and_have_no_mean_and_no_bounds(dtype: torch.dtype) -> None:
    examples = words(dtype=dtype)
    data = data_from("d", examples, CLASSES, Trial(), validation=0.2, codes=True)
    stored = dict(zip(examples.ids, examples.inputs.long(), strict=True))
    for part in parts(data):
        read = whole(part)
        assert read.dtype == torch.int64
        assert torch.equal(read, torch.stack([stored[id] for id in part.ids]))
        assert part.mean() is None
    assert Training(data).bounds() is None


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8])
def test_integers_are_standardised_by_nobodys_silence(dtype: torch.dtype) -> None:
    with pytest.raises(DataError, match=r"training inputs are int.*codes=True\).*inputs\.float"):
        data_from("d", words(dtype=dtype), CLASSES, Trial())
    floats = replace(words(), inputs=words().inputs.float())
    held = replace(words(8), ids=list("abcdefgh"))
    with pytest.raises(DataError, match="test inputs are int64"):
        data_from("d", floats, CLASSES, Trial(), test=held)


def test_pixels_are_standardised_and_floats_are_no_codes() -> None:
    pixels = data_from("d", words(dtype=torch.uint8), CLASSES, Trial())
    assert whole(pixels.train).dtype == torch.float32
    assert pixels.train.mean() is not None
    with pytest.raises(DataError, match="float64, with codes=True: expected integers"):
        data_from("d", some(), CLASSES, Trial(), codes=True)


def test_the_mean_is_of_what_a_model_reads() -> None:
    pixels = torch.arange(12, dtype=torch.uint8).reshape(4, 3)
    stored = TensorSource(pixels, torch.zeros(4).long(), 2, list("abcd"))
    assert stored.mean() is None
    prepared = replace(stored, prepare=lambda x: x.float() / 2)
    torch.testing.assert_close(prepared.mean(), pixels.float().mean(0) / 2)
    mixed = replace(stored, inputs={"numeric": pixels.float(), "categorical": pixels.long()})
    assert mixed.mean() is None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0.9, 1.9, 0.0]), "labels are torch.float64: expected integers"),
        (np.array([0, np.nan, 1]), "NaN would be cut off"),
        (np.array([[0], [1], [0]]), r"labels are \(3, 1\) of torch.int64"),
        (np.eye(3, dtype=int), r"labels\.argmax\(1\)"),
        (np.array(["a", "b", "a"]), "labels are no numbers .*return_inverse"),
    ],
)
def test_labels_that_are_no_indices_are_refused(labels: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Examples.numbered("row", np.ones((3, 2)), labels)


def test_complex_inputs_are_refused() -> None:
    with pytest.raises(DataError, match="complex64: expected real numbers"):
        Examples.numbered("row", torch.ones(3, 2, dtype=torch.complex64), torch.arange(3))


@pytest.mark.parametrize("classes", [("a", "a"), "ab"])
def test_classes_are_names_of_their_own(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="expected a sequence of names"):
        data_from("d", some(), classes, Trial())


def test_a_published_test_part_of_another_shape_is_refused() -> None:
    other = Examples.numbered("test", torch.ones(4, 2, 6), torch.arange(4) % 2)
    with pytest.raises(DataError, match=r"\(2, 5\) in training and \(2, 6\) in the test part"):
        data_from("d", some(), CLASSES, Trial(), test=other)


def test_an_offset_in_float64_is_not_rounded_away() -> None:
    far = Examples.numbered("row", some().inputs + 1e9, some().labels)
    near, moved = (data_from("d", one, CLASSES, Trial()) for one in (some(), far))
    torch.testing.assert_close(whole(moved.train), whole(near.train), atol=1e-5, rtol=0)
