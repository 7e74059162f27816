"""What a recipe may say, checked strictly: an unknown key or a wrong type is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    model_validator,
)

from mixup_multi.engine.settings import Strict, Train

__all__ = ["Entry", "EvaluationList", "Matrix", "MethodEntry", "Range", "Recipe", "Search"]


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
    """A method; every other key is one of its settings.

    Attributes:
        erm_epochs: how many first epochs are plain training, a warm-up on clean data.
    """

    erm_epochs: Annotated[int, Field(ge=0, strict=True)] = 0


Rule = Literal["last", "best_validation", "fold_mean", "best_test"]
"""Which epoch of a cell is reported; `grid.protocol.selection` executes it."""


Columns = Literal["method", "system"]
"""What a column of the tables is; `report.layout` lays them out."""


Number = Annotated[float, Field(allow_inf_nan=False)] | int


class Range(Strict):
    """Numbers from `low` to `high`, both included; whole ones where both are whole.

    Attributes:
        low: the least.
        high: the largest.
        log: draw their logarithm evenly.
    """

    low: Number
    high: Number
    log: bool = False


def _kind_of_axis(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "list"
    return "range" if isinstance(value, dict | Range) else None


Axis = Annotated[
    Annotated[tuple[JsonValue, ...], Tag("list")] | Annotated[Range, Tag("range")],
    Discriminator(
        _kind_of_axis,
        custom_error_type="search_axis",
        custom_error_message="expected a list of values, or a range {low: .., high: ..}",
    ),
]
"""What a searched setting can be: listed values, or a range."""


class Search(Strict):
    """A search over settings, which chooses on validation parts only.

    Attributes:
        over: values by setting: `methods.LABEL.SETTING` concerns that method, `train.SETTING`
            all of them. A method that no setting concerns is not searched.
        by: what is to be least, at the epoch that `selection` takes.
        per: `trial`: every trial and fold chooses on its own validation part; or `dataset`: all
            trials share what the first `trials` choose by their mean.
        trials: see `per: dataset`.
        study: `grid` tries every combination; `optuna` (extra `[hpo]`) tries `n` points.
        n: how many points a study tries.
        seed: of the study's sampler.
    """

    over: Annotated[dict[str, Axis], Field(min_length=1)]
    by: Literal["validation_error", "validation_loss"] = "validation_error"
    per: Literal["trial", "dataset"] = "trial"
    trials: Annotated[int, Field(ge=1)] | None = None
    study: Literal["grid", "optuna"] = "grid"
    n: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


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
        selection: which epoch is reported. `last`; `best_validation`: that of the least
            validation error; `fold_mean`: the one epoch of the least mean error over a trial's
            folds, on their validation parts, or where they have none on the held-out folds
            themselves, as Xu et al. (2019) do for GIN; `best_test`: that of the least test
            error. Reports say which of them look at the test error.
        search: settings to be chosen on validation parts before the cells are run.
        evaluate: what is asked of each trained cell besides; it decides nothing of the training.
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
    selection: Rule = "last"
    search: Search | None = None
    evaluate: tuple[Entry, ...] = ()


class EvaluationList(BaseModel):
    """What of a file, a recipe or not, says how to evaluate cells that are already trained.

    Attributes:
        evaluate: evaluations, by name with settings.
    """

    evaluate: Annotated[tuple[Entry, ...], Field(min_length=1)]


class Recipe(Strict):
    """A title, and matrices or analyses or both.

    Attributes:
        title: one line.
        source: which table or section of which paper this follows.
        notes: what a reader of the results has to know, printed with them.
        columns: what stands side by side in the tables and is compared there. `method`: methods,
            with a row for each data set and model; `system`: models with their methods and
            training, with a row for each data set. Trains nothing again.
        parts: the matrices; a recipe file may also be a single matrix, without `parts`. None where
            there are analyses.
        analyses: what is computed and drawn by itself, without cells.
    """

    title: str
    source: str = ""
    notes: tuple[str, ...] = ()
    columns: Columns = "method"
    parts: tuple[Matrix, ...] = ()
    analyses: tuple[Entry, ...] = ()
