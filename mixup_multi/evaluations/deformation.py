"""The error on deformed examples: rotation, shear, zoom (Verma et al. 2019, table 4; MixupE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mixup_multi.engine.shift import Deformation as Kind
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.evaluations.evaluation import Measured, Subject
from mixup_multi.evaluations.shifted import OfShifted, shifted

Protocol = Literal["paper", "exact"]


@dataclass(frozen=True, kw_only=True)
class Deformation(OfShifted):
    """Error in percent on deformed examples, each turned as far as its own draw says.

    Attributes:
        kind: one of the deformations that the data set's adapter offers.
        range: how far, in the kind's unit: degrees of an angle drawn from U(-range, range), or
            percent of a zoom.
        protocol: as the papers' code does it (`paper`), or geometrically `exact`; the adapter
            documents what differs.
        part: whose examples.
        predictor: how the model is asked; None for plainly.
        rows: how many examples, drawn by the seed; None for all.
        batch_size: examples at a time. A predictor that draws does so for each batch, so errors
            behind it depend on it a little: compare models at the same.
        seed: of the draws, of the choice of examples and of the predictor's draws.

    Raises:
        SettingError: a value is out of its range.
    """

    kind: str
    range: float
    protocol: Protocol = "paper"

    def __post_init__(self) -> None:
        self.error()

    def _deformation(self, subject: Subject) -> Kind:
        offered = subject.data.shifts.deformations
        if self.kind not in offered:
            there = did_you_mean(self.kind, offered) if offered else ": its adapter offers none"
            raise SettingError(
                f"{subject.data.name} has no deformation {self.kind!r}{there}", ("kind",)
            )
        return offered[self.kind]

    def check(self, subject: Subject) -> None:
        """Raise where there is no such part or deformation, or its range is out of bounds."""
        self.error().check(subject)
        self._deformation(subject).check(self.range)

    def measure(self, subject: Subject) -> Measured:
        """Return `error` on the deformed and `clean_error` on the same clean ones, in percent."""
        source = subject.part(self.part)
        exact = self.protocol == "exact"
        deformed = self._deformation(subject).of(source, self.range, self.seed, exact=exact)
        found = self.error().measure(shifted(subject, self.part, deformed)).values
        clean = self.error().measure(subject).values["error"]
        return Measured({"error": found["error"], "clean_error": clean, "rows": found["rows"]})
