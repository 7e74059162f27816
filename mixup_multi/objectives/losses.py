"""Losses of the form l(f, y) = h(f) - <y, f>, on soft targets (MixupE, section 2).

h is the log-sum-exp for classes and the sum of softplus for independent labels; g = h' is the
predicted probability. The directional-derivative term of MixupE, qhat = <y - g(f), f>, equals
H(g) - l(f, y) for both, an entropy less a loss, which is how it is computed: from one
log-softmax, without the overflow of a product of logits and probabilities.

Of numbers to predict h is half the square, g(f) = f, and l has y^2 / 2 beside it, so that it is 0
where f = y; there qhat is no entropy less a loss.

All of it is in float32 at least: logits in half precision are widened first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.errors import SettingError

TargetKind = Literal["distribution", "labels", "numbers"]


class Loss(Protocol):
    """A loss of logits `(n, c)` and soft targets `(n, c)`; everything is per row, `(n,)`.

    Attributes:
        target_kind: what a row of targets is: a distribution over classes, labels that are each
            in [0, 1], or numbers.
    """

    target_kind: ClassVar[TargetKind]

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """l(f, y) = h(f) - <y, f>."""

    def mean_response(self, logits: Tensor) -> Tensor:
        """g(f) = h'(f), the predicted probabilities, or numbers, `(n, c)`."""

    def fast_q(self, logits: Tensor, targets: Tensor, detach: bool = False) -> Tensor:
        """qhat = <y - g(f), f>; `detach` stops the gradient through g."""

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """KL(g(f) || g(f')), of the predicted distributions."""

    def error(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The target's weight that the prediction misses; 0 or 1 for a hard label.

        Of numbers: the squared error.
        """

    def predicted(self, logits: Tensor) -> Tensor:
        """The prediction as hard targets, or numbers, `(n, c)`."""

    def averaged(self, logits: Tensor) -> Tensor:
        """Logits `(n, c)` whose g is the mean of g over the first axis of `(s, n, c)`."""


def _wide(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


class Softmax:
    """Cross-entropy over classes; a target row is a distribution."""

    target_kind: ClassVar[TargetKind] = "distribution"

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """CE = -sum_k y_k log p_k."""
        return -(targets * functional.log_softmax(_wide(logits), 1)).sum(1)

    def mean_response(self, logits: Tensor) -> Tensor:
        """p = softmax(f)."""
        return _wide(logits).softmax(1)

    def fast_q(self, logits: Tensor, targets: Tensor, detach: bool = False) -> Tensor:
        """qhat = H(p) - CE = sum_k (y_k - p_k) log p_k, for targets that sum to 1."""
        log_p = functional.log_softmax(_wide(logits), 1)
        p = log_p.exp()
        return ((targets - (p.detach() if detach else p)) * log_p).sum(1)

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """KL = sum_k p_k (log p_k - log p'_k)."""
        log_p, log_q = (functional.log_softmax(_wide(f), 1) for f in (logits, others))
        return (log_p.exp() * (log_p - log_q)).sum(1)

    def error(self, logits: Tensor, targets: Tensor) -> Tensor:
        """1 - y[argmax f]."""
        return 1 - targets.gather(1, logits.argmax(1, keepdim=True)).squeeze(1)

    def predicted(self, logits: Tensor) -> Tensor:
        """The class of the largest logit."""
        return functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)

    def averaged(self, logits: Tensor) -> Tensor:
        """log (1/s) sum_s p_s, in logarithms throughout: a p of 0 or 1 keeps its gradient."""
        return functional.log_softmax(_wide(logits), 2).logsumexp(0) - math.log(len(logits))


class SoftmaxBCE(Softmax):
    """Binary cross-entropy of the softmax, averaged over classes: for reproduction only.

    The released Manifold Mixup and MixupE code trains some of its methods with it; its gradients
    are smaller than the cross-entropy's by about c / 2, so never compare methods across the two.
    """

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """-(1/c) sum_k [y_k log p_k + (1 - y_k) log (1 - p_k)]."""
        p = _wide(logits).softmax(1)
        return functional.binary_cross_entropy(p, targets.to(p.dtype), reduction="none").mean(1)


class Sigmoid:
    """Independent labels (one column: binary); a target row holds labels in [0, 1].

    The loss is the sum over labels, as the theory's h, not their mean.
    """

    target_kind: ClassVar[TargetKind] = "labels"

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """sum_k softplus(f_k) - y_k f_k."""
        wide = _wide(logits)
        return (functional.softplus(wide) - targets * wide).sum(1)

    def mean_response(self, logits: Tensor) -> Tensor:
        """sigma(f)."""
        return _wide(logits).sigmoid()

    def fast_q(self, logits: Tensor, targets: Tensor, detach: bool = False) -> Tensor:
        """qhat = sum_k (y_k - sigma(f_k)) f_k."""
        wide = _wide(logits)
        p = wide.sigmoid()
        return ((targets - (p.detach() if detach else p)) * wide).sum(1)

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """KL = sum_k [p_k (f_k - f'_k) - (softplus(f_k) - softplus(f'_k))], of each label."""
        f, g = _wide(logits), _wide(others)
        return (f.sigmoid() * (f - g) - functional.softplus(f) + functional.softplus(g)).sum(1)

    def error(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean share of labels on the wrong side of 1/2."""
        return torch.where(logits > 0, 1 - targets, targets).mean(1)

    def predicted(self, logits: Tensor) -> Tensor:
        """The labels whose probability is above 1/2."""
        return (logits > 0).to(logits.dtype)

    def averaged(self, logits: Tensor) -> Tensor:
        """log of the mean of sigma(f) less log of the mean of sigma(-f)."""
        wide = _wide(logits)
        on, off = functional.logsigmoid(wide), functional.logsigmoid(-wide)
        return on.logsumexp(0) - off.logsumexp(0)


class Squared:
    """Half the squared error; a target row holds numbers, and the logits are their predictions.

    `error` is the mean square over outputs. Targets that are standardised by the training part
    make it the share of their variance that is not explained, 1 - R^2, where R^2 is taken against
    the training part's mean and variance; it is above 1 where a prediction is worse than that mean.
    """

    target_kind: ClassVar[TargetKind] = "numbers"

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """sum_k (f_k - y_k)^2 / 2 = sum_k f_k^2 / 2 - y_k f_k + y_k^2 / 2."""
        return (_wide(logits) - targets).square().sum(1) / 2

    def mean_response(self, logits: Tensor) -> Tensor:
        """f."""
        return _wide(logits)

    def fast_q(self, logits: Tensor, targets: Tensor, detach: bool = False) -> Tensor:
        """qhat = sum_k (y_k - f_k) f_k."""
        wide = _wide(logits)
        return ((targets - (wide.detach() if detach else wide)) * wide).sum(1)

    def error(self, logits: Tensor, targets: Tensor) -> Tensor:
        """mean_k (f_k - y_k)^2."""
        return (_wide(logits) - targets).square().mean(1)

    def predicted(self, logits: Tensor) -> Tensor:
        """f, the prediction itself."""
        return logits

    def divergence(self, logits: Tensor, others: Tensor) -> Tensor:
        """KL = sum_k (f_k - f'_k)^2 / 2, of normal distributions of variance 1."""
        return (_wide(logits) - _wide(others)).square().sum(1) / 2

    def averaged(self, logits: Tensor) -> Tensor:
        """The mean prediction."""
        return _wide(logits).mean(0)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "softmax": Softmax(),
        "sigmoid": Sigmoid(),
        "softmax_bce": SoftmaxBCE(),
        "squared": Squared(),
    }
)
"""The losses by the names that recipes and adapters give them."""


def loss_named(name: str | None) -> Loss:
    """Return the loss called `name`; None is the softmax cross-entropy.

    Raises:
        SettingError: there is none.
    """
    if name is None:
        return LOSSES["softmax"]
    if name not in LOSSES:
        raise SettingError(f"loss is {name!r}: expected one of {', '.join(LOSSES)}")
    return LOSSES[name]
