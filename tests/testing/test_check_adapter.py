"""Every rule of an adapter, its data sets and its shifts is broken by one stranger's mistake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from beats import CLASSES, Beats, Louder, Wander, load, with_dataset, with_shift
from proofs import breaks_only, each, is_complete
from torch import Generator, Tensor

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.shifted import Draws, Shifted, changed
from mixup_multi.engine.source import Data, Dataset, Source, TensorSource, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi.testing import check_adapter

CALLS: list[int] = []
"""State that a loader must not have."""


def no_models() -> Beats:
    adapter = Beats()
    adapter.models = {}
    return adapter


def only_files() -> Beats:
    adapter = Beats()
    adapter.datasets = {"mine": Dataset("of files", load, size="your own")}
    return adapter


def label_missing(root: Path, trial: Trial) -> Data:
    raise DataError("row 3: its label is missing")


def the_same_in_every_fold(root: Path, trial: Trial) -> Data:
    return replace(load(root, Trial(trial.seed)), shifts=Shifts())


class Undescribed(Beats):
    pass


def hidden() -> Any:
    class Hidden(Beats):
        """In a function."""

    return Hidden


def source(**methods: Any) -> Beats:
    """Return an adapter whose training part has other methods."""
    kind = type("Part", (TensorSource,), methods)

    def change(data: Data) -> Data:
        fields = TensorSource.__dataclass_fields__
        return replace(data, train=kind(**{name: getattr(data.train, name) for name in fields}))

    return with_dataset(data=change)


def unannotated(root: Path, trial: Trial, *, noise=0.3) -> Data:
    return load(root, trial, noise=float(noise))


def writing(root: Path, trial: Trial) -> Data:
    root.mkdir(parents=True, exist_ok=True)
    (root / "prepared.pt").write_text("x")
    return load(root, trial)


def by_chance(root: Path, trial: Trial) -> Data:
    torch.rand(1)
    return load(root, trial)


def otherwise(root: Path, trial: Trial) -> Data:
    CALLS.append(0)
    data = load(root, trial)
    train = cast(TensorSource, data.train)
    return replace(
        data, train=replace(train, inputs=train.inputs + 1e-6 * (len(CALLS) % 2)), key="k"
    )


def overlapping(data: Data) -> Data:
    ids = [*data.train.ids[:1], *data.test.ids[1:]]
    return replace(data, test=replace(cast(TensorSource, data.test), ids=ids))


def one_id_less(data: Data) -> Data:
    return replace(data, test=replace(cast(TensorSource, data.test), ids=data.test.ids[1:]))


def no_fast_ones(data: Data) -> Data:
    train = cast(TensorSource, data.train)
    return replace(data, train=replace(train, labels=train.labels % 2))


def soft(data: Data) -> Data:
    train = cast(TensorSource, data.train)
    rows = 0.9 * torch.nn.functional.one_hot(train.labels, 3).float()
    return replace(data, train=replace(train, labels=rows))


def nan(data: Data) -> Data:
    test = cast(TensorSource, data.test)
    return replace(
        data, test=replace(test, inputs=test.inputs.index_fill(0, torch.tensor(3), torch.nan))
    )


def sorted_rows(self: TensorSource, index: Tensor, generator: Generator | None = None) -> Batch:
    order = index.sort().values
    return replace(TensorSource.gather(self, order, generator), rows=index)


def views(self: TensorSource, index: Tensor, generator: Generator | None = None) -> Batch:
    if torch.equal(index, torch.arange(len(index))) and generator is None:
        targets = TensorSource.gather(self, index).targets
        return Batch(self.inputs[: len(index)], targets, index)
    return TensorSource.gather(self, index, generator)


def noisy(self: TensorSource, index: Tensor, generator: Generator | None = None) -> Batch:
    torch.rand(1)
    batch = TensorSource.gather(self, index, generator)
    torch.set_rng_state(torch.get_rng_state()) if generator is not None else None
    return batch


def quiet_noise(self: TensorSource, index: Tensor, generator: Generator | None = None) -> Batch:
    """Draw by chance without a generator only."""
    if generator is None:
        torch.rand(1)
    return TensorSource.gather(self, index, generator)


def global_augment(x: Tensor, generator: Generator) -> Tensor:
    return x + 0.01 * torch.rand(1)


def widening(x: Tensor, generator: Generator) -> Tensor:
    return x.double()


def elsewhere(self: TensorSource, device: Any) -> Source:
    kept = {name: getattr(self, name) for name in TensorSource.__dataclass_fields__}
    return TensorSource(**{**kept, "inputs": self.inputs + 1})


def trimmed(self: TensorSource, index: Tensor, generator: Generator | None = None) -> Batch:
    batch = TensorSource.gather(self, index, generator)
    return replace(batch, inputs=batch.inputs[:, : 10 + min(2, len(index) - 1)])


def numbers(self: TensorSource) -> Tensor:
    return cast(Tensor, TensorSource.mean(self)) + 1


NARROW = Bounds(torch.tensor(1.0), torch.tensor(-0.5), torch.tensor(0.5))

OF_ADAPTERS: dict[str, tuple[Any, str]] = {
    "it_offers_data_sets_and_models": (no_models(), "models is {}\n.*a mapping `models`"),
    "it_and_its_module_are_described": (Undescribed, "Undescribed has no docstring"),
    "other_processes_can_import_it": (hidden(), "Hidden is something else, or nothing"),
    "a_data_set_can_be_tried": (
        only_files(),
        "mine: it needs files: give check_adapter a data root.*\n.*root= and settings=",
    ),
}
OF_DATASETS: dict[str, tuple[Any, str]] = {
    "it_is_listed": (with_dataset(summary=" "), "its summary is empty"),
    "its_settings_are_annotated": (with_dataset(load=unannotated), "setting noise has no type"),
    "it_loads": (
        with_dataset(load=writing),
        "loading wrote .*prepared.pt",
    ),
    "loading_draws_by_the_trial": (with_dataset(load=by_chance), "load changed torch's global"),
    "equal_seeds_load_equal_data": (with_dataset(load=otherwise), "train examples differ"),
    "the_key_tells_other_data": (with_dataset(key="beats"), "with noise: 0.7 the key is the same"),
    "parts_are_disjoint": (
        with_dataset(data=overlapping),
        r"'\d+' is in the test part, and",
    ),
    "folds_test_every_example_once": (
        with_dataset(load=the_same_in_every_fold),
        r"36 examples are tested in more than one of 3 folds\n.*train_and_test",
    ),
    "lengths_agree": (with_dataset(data=one_id_less), "18 examples, 17 ids, 18 labels"),
    "classes_have_names": (with_dataset(classes=("a", "b", "b")), r"classes are \('a', 'b', 'b'\)"),
    "targets_fit_the_loss": (with_dataset(data=soft), r"from 0 to 0\.9, and sum to 1 up to 0\.1"),
    "training_has_every_class": (with_dataset(data=no_fast_ones), "no training example of fast"),
    "notes_are_sentences": (with_dataset(notes="Synthetic."), "notes are 'Synthetic.'"),
    "inputs_are_finite": (
        with_dataset(data=nan),
        r"the test part has NaN or infinite inputs, first in row 3, '\d+'",
    ),
    "gather_keeps_the_order": (source(gather=sorted_rows), "example 53 is another one"),
    "gather_copies": (source(gather=views), "set to 0 came back as 0\n.*return copies"),
    "without_a_generator_nothing_is_random": (source(gather=quiet_noise), "gather changed torch's"),
    "augmentation_draws_by_its_generator": (
        with_dataset(train_augment=global_augment),
        "augmentation changed torch's global generator",
    ),
    "augmentation_keeps_form_and_labels": (
        with_dataset(train_augment=widening),
        "of float32 became .* of float64",
    ),
    "a_part_can_be_moved": (
        source(to=elsewhere),
        "the train part is another one after",
    ),
    "the_mean_is_the_mean": (source(mean=numbers), "it is off by 1"),
    "training_inputs_lie_within_bounds": (
        with_dataset(train_bounds=NARROW),
        r"training row \d+ is out of bounds \(low\) by",
    ),
}


class NeverNothing(Wander):
    """A corruption that corrupts at 0 too."""

    def of(self, source: Source, severity: int, seed: int) -> Source:
        return self.changed(source, severity, seed)


class Relabelling(Wander):
    """A corruption of labels too."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        new = cast(Shifted, super().changed(source, severity, seed))
        origin = replace(cast(TensorSource, source), labels=(source.labels + 1) % 3)
        return replace(new, origin=origin)


class Shortening(Wander):
    """A corruption that cuts the end."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        new = cast(Shifted, super().changed(source, severity, seed))
        return replace(new, read=lambda index, device: new.read(index, device)[:, :-1])


class Idle(Wander):
    """A corruption that does nothing."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        return changed(cast(TensorSource, source), lambda x, draws: x, "idle", seed)


class Chancy(Wander):
    """A corruption by chance."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        torch.rand(1)
        return super().changed(source, severity, seed)


class OfTheBatch(Wander):
    """A corruption that sees the whole batch."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        def change(x: Tensor, draws: Draws) -> Tensor:
            return x + x.mean(0, keepdim=True) + 0.1 * severity

        return changed(cast(TensorSource, source), change, "batch", seed)


class OneSeverity(Wander):
    """A corruption that is the same at every severity."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        return changed(cast(TensorSource, source), lambda x, draws: x + 0.1, "one", seed)


class ByPlace(Wander):
    """A small corruption that goes by the place in the batch."""

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        def change(x: Tensor, draws: Draws) -> Tensor:
            return x + 0.001 * severity * (1 + torch.arange(len(x))[:, None])

        return changed(cast(TensorSource, source), change, "place", seed)


OF_SHIFTS: dict[str, tuple[Any, str]] = {
    "nothing_is_severity_zero": (with_shift(NeverNothing()), "another source\n.*severity == 0"),
    "labels_and_ids_stay": (with_shift(Relabelling()), "at 1 ids, labels or targets are others"),
    "form_stays": (with_shift(Shortening()), r"\(4, 12\) of float32 became \(4, 11\)"),
    "it_changes_inputs": (with_shift(Idle()), "at 3 the examples stayed as they were"),
    "the_seed_decides": (with_shift(Chancy()), "a shift changed torch's global generator"),
    "each_example_is_drawn_for_itself": (with_shift(OfTheBatch()), r"alone, example \d+ becomes"),
}
BROKEN = {**OF_ADAPTERS, **OF_DATASETS, **OF_SHIFTS}
MORE: list[tuple[str, Any, str]] = [
    ("it_is_listed", with_dataset(fetch=print), "it is fetched, and has no folder"),
    (
        "it_loads",
        with_dataset(load=lambda root, trial: (root / "x").read_text()),
        "FileNotFound",
    ),
    ("it_loads", with_dataset(load=label_missing), "DataError: row 3: its label is missing"),
    ("it_loads", with_dataset(load=lambda root, trial: None), "load returned .*NoneType"),
    ("classes_have_names", with_dataset(classes=CLASSES[:2]), "with 2 names"),
    (
        "parts_are_disjoint",
        with_dataset(train_ids=["a", "a", *map(str, range(900, 952))]),
        "two examples of the train part are called 'a'\n.*Examples.numbered",
    ),
    (
        "gather_keeps_the_order",
        source(gather=trimmed),
        r"example \d+ of the train part is \(1, \d+\) alone, and \(1, 12\).*\n.*pad to one length",
    ),
    ("targets_fit_the_loss", with_dataset(loss="hinge"), "loss is 'hinge'\n.*softmax"),
    ("training_has_every_class", with_dataset(loss="squared"), "training numbers have mean"),
    ("without_a_generator_nothing_is_random", source(gather=noisy), "gather changed torch's"),
]


def test_every_rule_has_its_broken_adapter() -> None:
    is_complete("adapter", OF_ADAPTERS)
    is_complete("dataset", OF_DATASETS)
    is_complete("shift", OF_SHIFTS)


@each(BROKEN)
def test_a_broken_adapter_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_adapter(member), pattern)


@pytest.mark.parametrize(("rule", "member", "pattern"), MORE)
def test_the_other_ways_to_break_a_rule(rule: str, member: Any, pattern: str) -> None:
    with pytest.raises(AssertionError, match=pattern):
        check_adapter(member, only=rule)


def test_a_strangers_adapter_passes() -> None:
    report = check_adapter(Beats)
    assert {"Beats: it_offers_data_sets_and_models", "good: it_loads"} <= set(report.passed)
    assert {"net: methods_train_it", "good/wander: form_stays"} <= set(report.passed)
    assert {"good/louder: each_example_is_drawn_for_itself"} <= set(report.passed)
    assert list(report.skipped) == ["good/louder: nothing_is_severity_zero"]


def test_what_is_checked_can_be_chosen() -> None:
    one = check_adapter(Beats(), only=["net", "good/wander"])
    assert {name.partition(":")[0] for name in one.passed} == {"net", "good/wander"}
    assert check_adapter(Beats, only="it_loads").passed == ("good: it_loads",)
    with pytest.raises(SettingError, match="'nett'; did you mean 'net'"):
        check_adapter(Beats, only="nett")


def of_files(root: Path, trial: Trial, *, name: str) -> Data:
    """Read what lies below the root."""
    (root / name).read_text()
    return load(root, trial)


def test_data_sets_that_need_files_are_tried_below_a_root(tmp_path: Path) -> None:
    (tmp_path / "beats.txt").write_text("beats")
    adapter = Beats()
    adapter.datasets = {**Beats.datasets, "file": Dataset("mine", of_files, size="your own")}
    assert "give check_adapter a data root" in check_adapter(adapter).skipped["file: it_loads"]
    without = check_adapter(adapter, root=tmp_path, only="file").skipped["file: it_loads"]
    assert "name: this setting is missing" in without
    settings = {"file": {"name": "beats.txt"}}
    whole = check_adapter(adapter, root=tmp_path, settings=settings, only="file")
    assert "file: the_key_tells_other_data" in whole.passed
    assert not whole.skipped


def test_shifts_of_files_are_read(tmp_path: Path) -> None:
    published = Shifts(published={"wander": Wander()})
    report = check_adapter(with_dataset(shifts=published), only="bad/wander (published)")
    assert len(report.passed) == len(OF_SHIFTS)


@pytest.mark.parametrize(
    ("rule", "shift", "pattern"),
    [
        ("it_changes_inputs", OneSeverity(), "severities 1 and 5 give the same"),
        ("each_example_is_drawn_for_itself", ByPlace(), r"alone, example \d+ becomes"),
    ],
)
def test_the_other_ways_for_a_shift_to_break_a_rule(rule: str, shift: Any, pattern: str) -> None:
    breaks_only(rule, lambda: check_adapter(with_shift(shift)), pattern)


def test_deformations_are_held_to_it_too() -> None:
    class Still(Louder):
        """Nothing moves."""

        def of(self, source: Source, extent: float, seed: int, *, exact: bool) -> Source:
            return Louder.of(self, source, 0.0, seed, exact=exact)

    adapter = with_dataset(shifts=Shifts(deformations={"still": Still()}))
    breaks_only("it_changes_inputs", lambda: check_adapter(adapter), "at 20.0 the examples stayed")
