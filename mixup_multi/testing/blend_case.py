"""A blend, and what is drawn for it, to be held to the contract of blends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import torch
from torch import Tensor

from mixup_multi.mix import BetaShare, Blend, LearntBlend, Mix
from mixup_multi.streams import stream
from mixup_multi.testing.contract import skip
from mixup_multi.testing.members import given_as
from mixup_multi.testing.probes import SIZES, training_on

FORMS = ((2, 6, 9), (4, 9), (5,))
"""What a row may be: an image, a sequence, a vector; a blend is tried on the first it takes."""
GROUP = "mixup_multi.blends"


@dataclass(frozen=True)
class BlendCase:
    """A blend, and what is drawn for it."""

    label: str
    blend: Blend

    @cached_property
    def refusals(self) -> dict[tuple[int, ...], Exception]:
        """What is raised where a form is not taken."""
        found: dict[tuple[int, ...], Exception] = {}
        for form in FORMS:
            try:
                self.apply(*self.drawn(4, "row"), form=form)
            except Exception as error:
                found[form] = error
        return found

    @cached_property
    def form(self) -> tuple[int, ...]:
        """The first form that the blend takes."""
        taken = [form for form in FORMS if form not in self.refusals]
        return taken[0] if taken else skip("it takes none of the probes (see takes_rows)")

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of rows at which it can be tried at all."""
        return tuple(n for n in SIZES if self.failure(n) is None)

    def failure(self, n: int) -> Exception | None:
        """Return what is raised for n rows."""
        try:
            for per in ("batch", "row"):
                self.apply(*self.drawn(n, per))
        except Exception as error:
            return error
        return None

    def drawn(self, n: int, per: Any, seed: int = 0) -> tuple[Mix, Tensor | None]:
        """Return a mix of n rows, in which none meets itself, and what the blend draws."""
        generator = stream(seed, "mix")
        mix = Mix(torch.arange(n).roll(1), BetaShare(1.0, per).draw(n, generator))
        return mix, self.blend.draw(len(mix.own), generator)

    def rows(self, n: int, form: tuple[int, ...] | None = None) -> Tensor:
        """Return n rows in float64."""
        generator = torch.Generator().manual_seed(n)
        shape = self.form if form is None else form
        return torch.randn(n, *shape, generator=generator, dtype=torch.float64)

    def apply(
        self, mix: Mix, extra: Tensor | None, form: tuple[int, ...] | None = None
    ) -> tuple[Tensor, Mix]:
        """Return the blend of rows."""
        return self.on(self.rows(len(mix.partner), form), mix, extra)

    def on(self, given: Any, mix: Mix, extra: Tensor | None) -> tuple[Any, Mix]:
        """Return the blend of what is given, which need not be known to a learnt blend."""
        blend = self.blend.at(None) if isinstance(self.blend, LearntBlend) else self.blend
        return blend(given, mix, extra)

    def cases(self) -> Iterator[tuple[int, str]]:
        """Yield numbers of rows, with shares for the batch and for each row."""
        return product(self.sizes, ("batch", "row"))


def blend_case(blend: Any) -> BlendCase:
    """Return the case of a blend: a name, `module:Class`, a class or an instance."""
    given = given_as(GROUP, blend, ("draw",))
    made = given.make()
    if isinstance(made, LearntBlend):
        made = made.fit(training_on(torch.randn(24, *FORMS[0])))
    return BlendCase(given.label, made)
