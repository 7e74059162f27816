"""Linear layers and BatchNorm over members with different numbers of rows, one after another.

A member's rows are a run of neighbours, so each member's kernel is the very one that it has alone
and nothing is padded; what a stack saves is all the rest of an operation, which is done once for
all members: short steps cost by the number of operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None, counts: list[int]) -> Tensor:
    """Return each member's `rows @ weight.T + bias`.

    Args:
        rows: `(r, d)`.
        weight: `(M, o, d)`.
        bias: `(M, o)`.
        counts: each member's number of rows; they sum to r.
    """
    out: Tensor = _Linear.apply(rows, weight, bias, counts)  # type: ignore[no-untyped-call]
    return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, counts: list[int]
    ) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.counts, ctx.biased = counts, bias is not None
        out = rows.new_empty(len(rows), weight.shape[1])
        parts = zip(torch.split(rows, counts), weight.mT, torch.split(out, counts), strict=True)
        if bias is None:
            for x, w, y in parts:
                torch.mm(x, w, out=y)
        else:
            for (x, w, y), b in zip(parts, bias, strict=True):
                torch.addmm(b, x, w, out=y)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        rows, weight = ctx.saved_tensors
        below = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        grads = torch.split(gradient.contiguous(), ctx.counts)
        if below is not None:
            for g, w, x in zip(grads, weight, torch.split(below, ctx.counts), strict=True):
                torch.mm(g, w, out=x)
        by_weight = torch.empty_like(weight)
        for x, g, w in zip(torch.split(rows, ctx.counts), grads, by_weight, strict=True):
            torch.mm(g.t(), x, out=w)
        return below, by_weight, _sums(grads) if ctx.biased else None, None


def _sums(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([part.sum(0) for part in parts])


def batch_norm(
    rows: Tensor,
    affine: tuple[Tensor, Tensor],
    running: tuple[Tensor, Tensor],
    counts: list[int],
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Normalise each member's columns by itself.

    Args:
        rows: `(r, d)`.
        affine: weight and bias, `(M, d)`.
        running: mean and variance, `(M, d)`; updated in training.
        counts: each member's number of rows; they sum to r.
        training: whether by the batch's statistics.
        momentum: the batch's share in the running statistics.
        eps: added to the variance.
    """
    out: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        rows, *affine, running, counts, (training, momentum, eps)
    )
    return out


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        running: tuple[Tensor, Tensor],
        counts: list[int],
        how: tuple[bool, float, float],
    ) -> Tensor:
        out = torch.empty_like(rows)
        mean, scale = torch.empty_like(weight), torch.empty_like(weight)
        ctx.save_for_backward(rows, weight, mean, scale)
        ctx.running, ctx.counts, ctx.how = running, counts, how
        parts = (
            torch.split(rows, counts),
            weight,
            bias,
            *running,
            torch.split(out, counts),
            mean,
            scale,
        )
        for x, w, b, m, v, y, x_mean, x_scale in zip(*parts, strict=True):
            saved = {"save_mean": x_mean, "save_invstd": x_scale}
            torch.ops.aten.native_batch_norm.out(x, w, b, m, v, *how, out=y, **saved)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        rows, weight, mean, scale = ctx.saved_tensors
        training, _, eps = ctx.how
        grads = torch.split(gradient.contiguous(), ctx.counts)
        parts = (grads, torch.split(rows, ctx.counts), weight, *ctx.running, mean, scale)
        said = [
            torch.ops.aten.native_batch_norm_backward(
                g, x, w, m, v, x_mean, x_scale, training, eps, [True, True, True]
            )
            for g, x, w, m, v, x_mean, x_scale in zip(*parts, strict=True)
        ]
        below, by_weight, by_bias = zip(*said, strict=True)
        return torch.cat(below), torch.stack(by_weight), torch.stack(by_bias), None, None, None
