"""VarMixup: rows are mixed as codes and decoded (Mangla et al. 2020); and mixed reconstructions.

    VarMixup    x' = E[p(x | own mu_i + (1 - own) mu_j)],   mu_i = E[q(z | x_i)]
    Mixup-R     x' = own r_i + (1 - own) r_j,               r_i = E[p(x | mu_i)]

Nothing is sampled: posterior means go in, decoder means come out, and labels get the same share.
No text defines Mixup-R; that it mixes reconstructions is an interpretation.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi.errors import PointError, SettingError
from mixup_multi.latent.codec import Codec
from mixup_multi.mix.draw import Mix
from mixup_multi.mix.linear import mix_rows
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.tree import Tree, take_rows, tree_map

CHUNK = 512
"""Examples that are encoded together."""


@dataclass(frozen=True, slots=True)
class Coded:
    """What blends by a codec have in common; the codec is frozen, in evaluation mode.

    Attributes:
        codec: its settings, which `fit` has fitted; or an object with `encode` and `decode`.
        cached: whether the codes of the un-augmented training part are computed once, by `fit`,
            and used for its rows at the model's input. Otherwise, and wherever else, what flows
            is encoded: augmented, hidden, or made by hand.
        fitted: the codec itself, set by `fit`.
        codes: of the training part, `(N, d)`, set by `fit` where they are cached.
        known: of the examples that are being mixed, `(n, d)`, set by `at`.
    """

    codec: Any
    cached: bool = True
    fitted: Any = field(default=None, compare=False, repr=False)
    codes: Tensor | None = field(default=None, compare=False, repr=False)
    known: Tensor | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.codec, Codec):
            raise SettingError(
                f"codec is a {type(self.codec).__name__}: expected a codec, which is fitted, or an"
                " object with encode and decode; e.g. codec: {name: mmd_vae}",
                ("codec",),
            )

    def draw(self, rows: int, generator: Generator) -> None:
        """Draw nothing: no more is needed than partner and share."""

    def fit(self, train: TrainingPart) -> Self:
        """Return the blend with its codec, fitted to the training part."""
        fitted = _frozen(train.fitted(self.codec))
        codes = _codes_of(fitted, train) if self.cached else None
        return replace(self, fitted=fitted, codes=codes)

    def at(self, rows: Tensor | None) -> Self:
        """Return the blend for the training part's examples at `rows`; None where they are none."""
        if rows is None or self.codes is None:
            return self
        return replace(self, known=take_rows(self.codes, rows))

    def encoded(self, flow: Tree) -> Tensor:
        """Return the means of the posteriors of what flows, `(n, d)`.

        Raises:
            SettingError: the codec has not been fitted.
        """
        if self.fitted is None:
            raise SettingError(
                "the codec is not fitted: call fit, of the objective or Method, before training"
            )
        codes: Tensor = self.fitted.encode(flow) if self.known is None else self.known
        return codes

    def decoded(self, z: Tensor, flow: Tree) -> Tree:
        """Return the decoder's means in the type of what flows.

        Raises:
            PointError: their shape is not that of what flows.
        """
        return tree_map(_alike, self.fitted.decode(z), flow)


@dataclass(frozen=True, slots=True)
class Latent(Coded):
    """Mix codes, decode the mixed ones: VarMixup."""

    def __call__(self, tree: Tree, mix: Mix, drawn: Tensor | None = None) -> tuple[Tree, Mix]:  # noqa: ARG002
        """Return the decoded mixtures and the drawn mix."""
        return self.decoded(mix_rows(self.encoded(tree), mix), tree), mix


@dataclass(frozen=True, slots=True)
class Reconstructions(Coded):
    """Mix reconstructions: our reading of Mixup-R, which tells blur from mixing as codes."""

    def __call__(self, tree: Tree, mix: Mix, drawn: Tensor | None = None) -> tuple[Tree, Mix]:  # noqa: ARG002
        """Return the mixed reconstructions and the drawn mix."""
        reconstructed = self.decoded(self.encoded(tree), tree)
        return tree_map(lambda leaf: mix_rows(leaf, mix), reconstructed), mix


def _frozen(codec: Any) -> Any:
    """Return the codec in evaluation mode, its weights out of reach of any gradient.

    Gradients still flow through it, to layers before a hidden point.
    """
    lacking = [name for name in ("encode", "decode") if not hasattr(codec, name)]
    if lacking:
        raise SettingError(
            f"the codec became a {type(codec).__name__} without {' and '.join(lacking)}:"
            " expected encode(inputs) -> (n, d) and decode(z) -> inputs",
            ("codec",),
        )
    if not isinstance(codec, nn.Module):
        return codec
    return copy.deepcopy(codec).eval().requires_grad_(False)


@torch.no_grad()
def _codes_of(fitted: Any, train: TrainingPart) -> Tensor:
    """Return the codes of all training rows, `(N, d)`."""
    chunks = torch.split(torch.arange(len(train.source)), CHUNK)
    batches = (train.source.gather(rows).to(train.device) for rows in chunks)
    return torch.cat([fitted.encode(batch.inputs) for batch in batches])


def _alike(decoded: Tensor, flow: Tensor) -> Tensor:
    if decoded.shape != flow.shape:
        raise PointError(
            f"the codec decodes {tuple(decoded.shape)} where {tuple(flow.shape)} flow: expected"
            " the same shape. Fit it to these data, or mix at the point that it decodes to."
        )
    return decoded.to(flow.dtype)
