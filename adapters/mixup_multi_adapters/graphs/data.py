"""From graphs to `Data`: the split, the features, the sources."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shifts
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.splits import Rows, check_all_classes, stratified_fold, stratified_parts
from mixup_multi.errors import SettingError

from .corruptions import graph_corruptions
from .features import Features, Vocabulary, build_store, kinds_of_degrees
from .packed import GraphStore, PackedGraphs
from .raw import RawGraphs


@dataclass(frozen=True)
class Choices:
    """How graphs are split and featured; the settings that all data sets here share.

    Attributes:
        features: `labels`, `labels_and_attributes`, `degree` or `constant`, one-hot and float32;
            `auto` is `labels` where the data has them, else `degree`.
        vocabulary: whether labels and degrees of `all` graphs get a column or of `training`
            graphs only. `all` is the GIN protocol's; it uses no class label of a test graph, but
            does use the test graphs' node labels and degrees.
        split_seed: seeds the split. The protocol's folds are those of seed 0 whatever the
            model's seed; None takes the trial's seed.
        validation: the share of the training graphs, in [0, 1), that is held out, stratified.
        test: the share of test graphs, in (0, 1), stratified; unused where the trial has folds.
    """

    features: Features = "auto"
    vocabulary: Vocabulary = "all"
    split_seed: int | None = 0
    validation: float = 0.0
    test: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.validation < 1:
            raise SettingError(f"validation: {self.validation}; expected a share in [0, 1)")
        if not 0 < self.test < 1:
            raise SettingError(f"test: {self.test}; expected a share between 0 and 1")


@dataclass(frozen=True)
class Split:
    """The graphs of each part, ascending; `validation` may be empty."""

    train: Rows
    validation: Rows
    test: Rows


def split_graphs(raw: RawGraphs, trial: Trial, choices: Choices) -> Split:
    """Divide the graphs as `Choices` says.

    Raises:
        DataError: a class has no training graph, or there are fewer graphs than folds.
        SettingError: there is no such fold.
    """
    labels = raw.labels.numpy()
    seed = trial.seed if choices.split_seed is None else choices.split_seed
    if trial.folds is not None and trial.fold is not None:
        rest, test = stratified_fold(labels, trial.folds, trial.fold, seed)
    else:
        rest, test = stratified_parts(labels, (1 - choices.test, choices.test), seed)
    shares = (1 - choices.validation, choices.validation)
    train, validation = stratified_parts(labels[rest], shares, seed)
    split = Split(rest[train], rest[validation], test)
    check_all_classes(raw.name, labels[split.train], raw.classes)
    return split


def prepare(raw: RawGraphs, trial: Trial, choices: Choices, notes: tuple[str, ...] = ()) -> Data:
    """Return the data set for a trial.

    Raises:
        DataError: a class has no training graph, or there are fewer graphs than folds.
        SettingError: there is no such fold, or the data has no such features.
    """
    split = split_graphs(raw, trial, choices)
    trained = torch.zeros(len(raw), dtype=torch.bool)
    trained[torch.from_numpy(split.train)] = True
    store = build_store(raw, trained, choices.features, choices.vocabulary)
    key = content_key(
        raw.key, choices.features, choices.vocabulary, split.train, split.validation, split.test
    )
    return Data(
        name=raw.name,
        train=_part(raw, store, split.train),
        test=_part(raw, store, split.test),
        validation=_part(raw, store, split.validation) if len(split.validation) else None,
        classes=raw.classes,
        key=key,
        notes=notes,
        facts={"features": store.width},
        shifts=Shifts(made=graph_corruptions(kinds_of_degrees(raw, store, choices.features))),
    )


def _part(raw: RawGraphs, store: GraphStore, rows: Rows) -> PackedGraphs:
    index = torch.from_numpy(rows)
    return PackedGraphs(
        store=store.take(index),
        labels=raw.labels[index],
        classes=len(raw.classes),
        ids=tuple(str(row) for row in rows.tolist()),
    )
