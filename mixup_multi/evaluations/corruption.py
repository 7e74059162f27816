"""The error under corruptions: their mean over types and severities, and mCE where it is asked for.

mean error = 1/(|C| S) sum_c sum_s E(c, s), of all examples at each severity. The corruption error
of Hendrycks & Dietterich (2019, equation 1) is another number, relative to a baseline model:
CE(c) = sum_s E(c, s) / sum_s E_baseline(c, s), and mCE its mean over c. They are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import torch

from mixup_multi.engine.shift import SEVERITIES, Shift
from mixup_multi.engine.source import Source
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.evaluations.evaluation import Curve, Measured, Subject
from mixup_multi.evaluations.shifted import OfShifted, shifted

Made = Literal["auto", "published", "here"]


@dataclass(frozen=True, kw_only=True)
class Corruption(OfShifted):
    """Mean error in percent over corruptions and severities.

    Attributes:
        names: `standard`, `all`, or a list of the data set's corruptions.
        severities: some of 1 to 5.
        made: from `published` files, or `here`; `auto` is `published` for data sets that have
            such files (whether or not they are on this machine), and `here` for others.
        baseline: by corruption, the mean error in percent over the same severities of the model
            that mCE is relative to; None for no mCE.
        part: whose examples.
        predictor: how the model is asked; None for plainly.
        rows: how many examples, drawn by the seed; None for all.
        batch_size: examples at a time. A predictor that draws does so for each batch, so errors
            behind it depend on it a little: compare models at the same.
        seed: of the corruptions, of the choice of examples and of the predictor's draws.

    Raises:
        SettingError: a value is out of its range.
    """

    names: str | tuple[str, ...] = "standard"
    severities: tuple[int, ...] = SEVERITIES
    made: Made = "auto"
    baseline: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        wrong = [severity for severity in self.severities if severity not in SEVERITIES]
        if wrong or not self.severities or len(set(self.severities)) < len(self.severities):
            raise SettingError(
                f"severities is {list(self.severities)}: expected some of 1 to 5, each once",
                ("severities",),
            )
        if not self.names:
            raise SettingError("names is empty: expected standard, all, or names", ("names",))
        if self.baseline is not None and not all(error > 0 for error in self.baseline.values()):
            raise SettingError(
                "baseline: expected errors in percent above 0, by corruption", ("baseline",)
            )
        self.error()

    def shifts(self, subject: Subject) -> Mapping[str, Shift]:
        """Return the corruptions that are asked about.

        Raises:
            SettingError: the data set has none, or none of that name.
        """
        table = self._table(subject)
        if self.names == "all":
            return table
        if self.names == "standard":
            return {name: shift for name, shift in table.items() if shift.standard}
        names = (self.names,) if isinstance(self.names, str) else self.names
        for name in names:
            if name not in table:
                raise SettingError(
                    f"{subject.data.name} has no corruption {name!r}{did_you_mean(name, table)}",
                    ("names",),
                )
        return {name: table[name] for name in names}

    def _table(self, subject: Subject) -> Mapping[str, Shift]:
        offered = subject.data.shifts
        published = self.made == "published" or (self.made == "auto" and offered.published)
        table = offered.published if published else offered.made
        if not table:
            raise SettingError(
                f"{subject.data.name} has no {'published ' if published else ''}corruptions:"
                f" expected a data set whose adapter offers some"
                f"{', or made: here' if offered.made else ''}",
                ("made",),
            )
        return table

    def check(self, subject: Subject) -> None:
        """Raise where there is no such part or corruption, or files or packages are missing."""
        self.error().check(subject)
        source = subject.part(self.part)
        shifts = self.shifts(subject)
        _check_shifts(shifts, source)
        baseline = shifts if self.baseline is None else self.baseline
        absent = [name for name in shifts if name not in baseline]
        if absent:
            raise SettingError(
                f"baseline lacks {', '.join(absent)}: expected the baseline's mean error for each"
                " of the corruptions asked about",
                ("baseline",),
            )

    def measure(self, subject: Subject) -> Measured:
        """Return `mean_error` in percent and what it is the mean of.

        The values are `mean_error`, `mean_accuracy` (not of numbers to predict), `clean_error`,
        `mce` in percent where there is a baseline, `rows`, the error of each corruption, of each
        `severity S`, and of each `CORRUPTION S`. The curve's severity 0 is the clean error.
        """
        self.check(subject)
        clean = self.error().measure(subject).values
        errors = dict(self._errors(subject))
        names = list(self.shifts(subject))
        by_name = {name: fmean(errors[name, s] for s in self.severities) for name in names}
        by_severity = {s: fmean(errors[name, s] for name in names) for s in self.severities}
        mean = fmean(by_name.values())
        values = {"mean_error": mean}
        if subject.loss_fn.target_kind != "numbers":
            values["mean_accuracy"] = 100 - mean
        values["clean_error"] = clean["error"]
        if self.baseline is not None:
            values["mce"] = 100 * fmean(by_name[name] / self.baseline[name] for name in names)
        values["rows"] = clean["rows"]
        values |= by_name
        values |= {f"severity {s}": error for s, error in by_severity.items()}
        values |= {f"{name} {s}": error for (name, s), error in errors.items()}
        places = sorted(by_severity)
        curve = Curve(
            "severity (0: clean)",
            "mean error over corruptions, %",
            (0.0, *map(float, places)),
            (clean["error"], *(by_severity[s] for s in places)),
        )
        return Measured(values, {"error over severity": curve})

    def _errors(self, subject: Subject) -> Iterator[tuple[tuple[str, int], float]]:
        """Yield the error of each corruption at each severity."""
        error, source = self.error(), subject.part(self.part)
        for name, shift in self.shifts(subject).items():
            for severity in self.severities:
                with torch.no_grad():
                    asked = shifted(subject, self.part, shift.of(source, severity, self.seed))
                    yield (name, severity), error.measure(asked).values["error"]


def _check_shifts(shifts: Mapping[str, Shift], source: Source) -> None:
    """Raise the first error, of settings with the names of the corruptions that have none."""
    faults: dict[str, SettingError] = {}
    for name, shift in shifts.items():
        try:
            shift.check(source)
        except SettingError as fault:
            faults[name] = fault
    if faults:
        first = next(iter(faults.values()))
        fit = ", ".join(name for name in shifts if name not in faults)
        others = f"; those that need nothing more: names: [{fit}]" if fit else ""
        raise SettingError(f"{first}{others}", first.path)
