"""MixupE: mixup with its first-order directional derivative as a regulariser (Zou et al. 2023).

    q_i  = <g(f(x_i)) - y_i, J_f(x_i) (E[x'] - x_i)>          exact
    qhat = <y_i - g(f(x_i)), f(x_i)> = H(g) - l(f, y)         fast: E[x'] = 0, J_f x = f
    R    = E[1 - lambda] mean_i |q_i|                         on the clean batch
    L    = etahat (L_mix + eta R),  etahat = |L_mix| / |L_mix + eta R|, not differentiated

E[1 - lambda] is that of the modified law Beta(alpha + 1, alpha), so R vanishes with alpha. The
total's *value* is always that of L_mix; R is therefore logged on its own. The released code has
four versions and none of them is the paper's fast form; `FORMS` is the table of how they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, Self

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.points import run_edited
from mixup_multi.tree import Tree, leaves, per_row, tree_map

FormName = Literal[
    "paper_abs", "exact_abs", "released_v1", "released_v2", "released_v3", "released_v4"
]

SCALE_FLOOR = 1e-8
"""The least denominator of etahat."""
SCALE_LIMIT = 10.0
"""The largest etahat: released forms may cancel L_mix, and etahat would explode."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the regulariser is made of q.

    Attributes:
        exact: the Jacobian-vector product q, otherwise the fast qhat.
        magnitude: |q|, otherwise q with its sign.
        detach: g(f) is held constant.
        filtered: only rows with q below the threshold count (the sum is still divided by n).
        sign: of eta R in the total.
    """

    exact: bool = False
    magnitude: bool = False
    detach: bool = False
    filtered: bool = False
    sign: int = 1


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "paper_abs": Form(magnitude=True),
        "exact_abs": Form(magnitude=True, exact=True),
        "released_v1": Form(exact=True, detach=True, filtered=True),
        "released_v2": Form(exact=True, detach=True, magnitude=True),
        "released_v3": Form(filtered=True, sign=-1),
        "released_v4": Form(detach=True, sign=-1),
    }
)


@dataclass(frozen=True, slots=True)
class MixupE(Objective):
    """A vicinal objective with MixupE's regulariser on the clean batch.

    Attributes:
        inner: the vicinal objective; its point is where the exact q is differentiated.
        eta: >= 0; the regulariser's weight. 0 is `inner`, bit for bit.
        form: a row of `FORMS`.
        threshold: the filter of the filtered forms: rows with q < threshold count.
        fused: one forward pass over clean and mixed rows together instead of two. Faster, but
            BatchNorm then sees a batch of both, so it is not the papers' method.
        mean: E[x'] for exact forms at the model's input, set by `fit`; elsewhere, and until then,
            the mean of the batch at the point takes its place.

    Raises:
        SettingError: eta is negative, the form unknown, or the inner share extrapolates.
    """

    inner: Vicinal = field(default_factory=Vicinal)
    eta: float = 1.0
    form: FormName = "paper_abs"
    threshold: float = 1.0
    fused: bool = False
    mean: Tree | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.eta < float("inf"):
            raise SettingError(f"eta is {self.eta}: expected a number >= 0")
        if self.form not in FORMS:
            raise SettingError(f"form is {self.form!r}: expected one of {', '.join(FORMS)}")
        if self.threshold != self.threshold:
            raise SettingError("threshold is NaN: expected a number (q is filtered below it)")
        if self.inner.share.mean_rest < 0:
            raise SettingError(
                "the share lies outside [0, 1], which would reward |q|: expected mixing, not"
                " extrapolation, within MixupE"
            )

    @property
    def weight(self) -> float:
        """eta E[1 - lambda], the weight of mean |q|; where it is 0 the method is `inner`."""
        return self.eta * self.inner.share.mean_rest

    @property
    def eager(self) -> str:
        """Exact forms cannot be compiled."""
        if not FORMS[self.form].exact:
            return ""
        return (
            f"MixupE's form {self.form}: the exact q needs a second derivative, which"
            " torch.compile does not have (fast forms do without)"
        )

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw what the inner objective draws, and nothing else."""
        return self.inner.draw(targets, generator)

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the training mean, where the form needs it."""
        mean = train.mean() if FORMS[self.form].exact else None
        return replace(self, inner=self.inner.fit(train), mean=mean)

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the inner objective's points."""
        self.inner.check(model)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the rescaled total, with L_mix, R and etahat beside it."""
        form = FORMS[self.form]
        if self.weight == 0:
            return self.inner.loss(model, batch, draw)
        probe = Probe(self._mean_at(model, draw), len(batch)) if form.exact else None
        mixed, clean = (self._together if self.fused else self._apart)(model, batch, draw, probe)
        if probe is not None:
            response = self.inner.loss_fn.mean_response(clean) - batch.targets
            q = probe.derivative(clean, response.detach() if form.detach else response)
        else:
            q = self.inner.loss_fn.fast_q(clean, batch.targets, form.detach)
        regulariser = self.inner.share.mean_rest * reduce_rows(q, form, self.threshold)
        total, scale, clamped = rescale(mixed.total, form.sign * self.eta * regulariser)
        means = {
            **mixed.means,
            "mixed_loss": mixed.total.detach(),
            "regulariser": regulariser.detach(),
            "etahat": scale,
        }
        return Terms(total, means, {**mixed.counts, "etahat_clamped": clamped})

    def _mean_at(self, model: nn.Module, draw: Draw) -> Tree | None:
        return self.mean if self.inner.point(model, draw) == "input" else None

    def _apart(
        self, model: nn.Module, batch: Batch, draw: Draw, probe: Probe | None
    ) -> tuple[Terms, Tensor]:
        """Two passes, as the papers do; a BatchNorm updates its statistics in both."""
        mixed = self.inner.loss(model, batch, draw)
        if probe is None:
            return mixed, model(batch.inputs)
        with twice_differentiable():
            return mixed, run_edited(model, batch.inputs, {self.inner.point(model, draw): probe})

    def _together(
        self, model: nn.Module, batch: Batch, draw: Draw, probe: Probe | None
    ) -> tuple[Terms, Tensor]:
        """One pass: clean rows above mixed rows from the point on."""
        blending = self.inner.blending(model, batch, draw)

        def both(flow: Tree) -> Tree:
            blended = blending(flow)  # first, as it refuses what cannot be mixed
            clean = flow if probe is None else probe(flow)
            return tree_map(lambda *pair: torch.cat(pair), clean, blended)

        with nullcontext() if probe is None else twice_differentiable():
            logits = run_edited(model, batch.inputs, {self.inner.point(model, draw): both})
        clean, mixed = logits.chunk(2)
        return self.inner.score(mixed, batch.targets, blending), clean


def twice_differentiable() -> AbstractContextManager[None]:
    """Return the context of a pass whose derivative is differentiated again.

    Attention is then computed from its formula: of its fused kernels there is no second derivative.
    """
    context: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return context


class Probe:
    """The edit x_i + a_i (E[x'] - x_i) with a = 0: f's derivative in a_i is J_f (E[x'] - x_i).

    Differentiating twice in reverse works through train-mode BatchNorm, where forward mode fails.
    """

    def __init__(self, mean: Tree | None, n: int) -> None:
        self.mean = mean
        self.n = n

    def __call__(self, flow: Tree) -> Tree:
        """Return the flow, unchanged in value, as a function of `a`."""
        first = next(leaves(flow))
        self.a = torch.zeros(self.n, dtype=first.dtype, device=first.device, requires_grad=True)
        mean = (
            tree_map(lambda leaf: leaf.detach().mean(0), flow) if self.mean is None else self.mean
        )
        return tree_map(self._shift, flow, mean)

    def _shift(self, leaf: Tensor, mean: Tensor) -> Tensor:
        return leaf + per_row(self.a, leaf) * (mean.to(leaf) - leaf)

    def derivative(self, logits: Tensor, weights: Tensor) -> Tensor:
        """Return d <weights, f> / d a, `(n,)`, differentiable in parameters and weights."""
        (q,) = torch.autograd.grad(
            logits, self.a, grad_outputs=weights.to(logits.dtype), create_graph=True
        )
        return q


def reduce_rows(q: Tensor, form: Form, threshold: float) -> Tensor:
    """Return mean |q| or mean q over the last axis; rows that are filtered out count as 0."""
    if form.magnitude:
        q = q.abs()
    if form.filtered:
        q = torch.where(q < threshold, q, torch.zeros_like(q))
    return q.mean(-1)


def rescale(mixed: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return etahat (mixed + penalty), etahat, and 1 where etahat had to be clamped.

    etahat = |mixed| / |mixed + penalty| is not differentiated; the total has the magnitude of
    the mixed loss.
    """
    total = mixed + penalty
    scale = mixed.detach().abs() / total.detach().abs().clamp_min(SCALE_FLOOR)
    clamped = (scale > SCALE_LIMIT).to(scale.dtype)
    scale = scale.clamp(max=SCALE_LIMIT)
    return scale * total, scale, clamped
