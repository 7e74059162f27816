"""What a recipe may say, checked strictly: an unknown key or a wrong type is an error."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixup_multi.engine.settings import Strict, Train


class Entry(BaseModel):
    """A name with settings: `mixup`, or `{name: mixup, label: Mixup, alpha: 0.2}`.

    Attributes:
        name: what the adapter or the registry calls it.
        label: what tables print, and what is looked up in the paper's table; the name by default.
        settings: every other key.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str
    label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """Return the keys that are neither name nor label."""
        return dict(self.model_extra or {})

    @property
    def shown(self) -> str:
        """Return what tables print."""
        return self.label or self.name


class MethodEntry(Entry):
    """A method; `erm_epochs` first epochs are plain training, a warm-up on clean data."""

    erm_epochs: Annotated[int, Field(ge=0, strict=True)] = 0


class Matrix(Strict):
    """Data sets x models x methods x trials (x folds) of one adapter.

    Attributes:
        adapter: an installed adapter, or `module:Class`.
        datasets, models, methods: lists of names or entries; they multiply.
        trials: repetitions; trial t has the seed `seed + t`, which all methods share.
        folds: if given, each trial is a cross-validation with so many folds.
        seed: the first trial's seed.
        train: how cells are trained.
        paper: the packaged table of published values to print beside ours.
    """

    adapter: str
    datasets: Annotated[tuple[Entry, ...], Field(min_length=1)]
    models: Annotated[tuple[Entry, ...], Field(min_length=1)]
    methods: Annotated[tuple[MethodEntry, ...], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1)] = 1
    folds: Annotated[int, Field(ge=2)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    train: Train = Train()
    paper: str | None = None


class Recipe(Strict):
    """A title and one or more matrices.

    Attributes:
        title: one line.
        source: which table or section of which paper this follows.
        notes: what a reader of the results has to know, printed with them.
        parts: the matrices; a recipe file may also be a single matrix, without `parts`.
    """

    title: str
    source: str = ""
    notes: tuple[str, ...] = ()
    parts: Annotated[tuple[Matrix, ...], Field(min_length=1)]
