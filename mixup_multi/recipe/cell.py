"""A cell: the unit that is run, stored, resumed and reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Trial
from mixup_multi.recipe.schema import Columns, Rule
from mixup_multi.recipe.searched import Searched


@dataclass(frozen=True)
class Choice:
    """A resolved entry: its name, what tables print, and all its settings with defaults.

    `where` is the recipe's file and line, for messages; it decides nothing.
    """

    name: str
    label: str
    settings: dict[str, Any]
    where: str = field(default="", compare=False, repr=False)

    @cached_property
    def canonical(self) -> str:
        """Return name and settings, without the label, as one text to compare and group by."""
        return json.dumps([self.name, self.settings], sort_keys=True)


@dataclass(frozen=True)
class Cell:
    """One training run: everything that decides its numbers, and how it is shown.

    Attributes:
        adapter: the adapter's name.
        dataset, model, method: resolved entries.
        erm_epochs: first epochs of plain training.
        train: how it is trained.
        trial: from 0.
        seed: of all its random streams.
        fold, folds: which fold of how many is the test part; None without cross-validation.
        paper: the published table to compare with; decides no number.
        selection: which epoch is reported; decides nothing of what is trained.
        columns: what a column of the tables is in which it stands; decides nothing either.
        search: of a cell that a search tries or has chosen.
        evaluations: what is asked of it once it is trained.
    """

    adapter: str
    dataset: Choice
    model: Choice
    method: Choice
    erm_epochs: int
    train: Train
    trial: int
    seed: int
    fold: int | None = None
    folds: int | None = None
    paper: str | None = None
    selection: Rule = "last"
    columns: Columns = "method"
    search: Searched | None = None
    evaluations: tuple[Choice, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Return what decides the cell's numbers: no labels, titles or file names."""
        return {
            "adapter": self.adapter,
            **{
                kind: {"name": choice.name, **choice.settings}
                for kind, choice in self.choices().items()
            },
            "erm_epochs": self.erm_epochs,
            "train": self.train.identity(),
            "seed": self.seed,
            "fold": self.fold,
            "folds": self.folds,
        }

    def choices(self) -> dict[str, Choice]:
        """Return the three entries by kind."""
        return {"dataset": self.dataset, "model": self.model, "method": self.method}

    @cached_property
    def key(self) -> str:
        """Return 12 hexadecimal digits of the identity."""
        canonical = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @cached_property
    def readable(self) -> str:
        """Return what of the folder's name can be read; cells of other settings may share it."""
        fold = "" if self.fold is None else f"-fold{self.fold}"
        names = "-".join(choice.name.replace(":", ".") for choice in self.choices().values())
        return f"{names}-seed{self.seed}{fold}"

    @cached_property
    def folder(self) -> str:
        """Return the name of the cell's folder: readable, and unique by the key."""
        return f"{self.readable}-{self.key}"

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Cell:
        """Return the cell whose `record` this is."""
        plain: dict[str, Any] = {
            kind: Choice(**record[kind]) for kind in ("dataset", "model", "method")
        }
        for name in ("adapter", "erm_epochs", "trial", "seed", "fold", "folds", "paper"):
            plain[name] = record[name]
        return cls(train=Train.model_validate_json(json.dumps(record["train"])), **plain)

    @property
    def title(self) -> str:
        """Return one line for people."""
        fold = "" if self.fold is None else f", fold {self.fold + 1} of {self.folds}"
        labels = " / ".join(choice.label for choice in self.choices().values())
        return f"{labels}, seed {self.seed}{fold}{self._tried()}"

    def _tried(self) -> str:
        if self.search is None or self.search.final:
            return ""
        return f" (search: {self.search})"

    @property
    def needs_validation(self) -> bool:
        """Return whether its protocol looks at a validation part."""
        return self.selection == "best_validation" or self.search is not None

    def trial_of_data(self) -> Trial:
        """Return the repetition that the data is split for."""
        return Trial(self.seed, self.fold, self.folds)

    def record(self) -> dict[str, Any]:
        """Return everything that the cell is, as plain values; not what it is run for."""
        plain = {**asdict(self), "train": self.train.model_dump(mode="json"), "key": self.key}
        for kind in self.choices():
            del plain[kind]["where"]
        for name in ("selection", "columns", "search", "evaluations"):
            del plain[name]  # see grid.protocol.record
        return plain
