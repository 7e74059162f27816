"""Models in which more than an attention mask depends on a row's length.

A head of a decoder reads each row at its own last token. Behind a blend of rows of different
lengths that is the place of the row itself, where its partner may be in mid-sentence or over; so a
blend with all its weight on the partner would not be the partner. Such batches are refused, and
whole families whose hidden states are not what is blended.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.errors import PointError

_TIME_FIRST = ("xlnet",)
"""Kinds whose hidden states are `(length, n, ...)`, so that rows are not the first axis."""
_OWN_MASKS = ("xlm", "flaubert")
"""Kinds that apply the rows' masks within, where no submodule is given them."""


def check_lengths(model: nn.Module, named: Mapping[str, Any], ids: str) -> None:
    """Raise `PointError` where sequences of the batch cannot be blended within the model.

    Args:
        model: as it is, not wrapped by processes.
        named: its inputs, of which `ids` is the name of the token ids `(n, length)`.
        ids: see there.
    """
    config = getattr(model, "config", None)
    kind = getattr(config, "model_type", "")
    if kind in _TIME_FIRST:
        raise PointError(
            f"the hidden states of {kind} are (length, n, ...), so that tokens would be blended in"
            " place of rows: expected a point behind the sequence's summary, or another model"
        )
    if getattr(config, "is_encoder_decoder", False):
        raise PointError(
            f"{kind} has an encoder and a decoder, and at one point only one of them would be"
            " blended: expected a point behind the place that the head reads, or a model that is"
            " either of both"
        )
    tokens = named.get(ids)
    if not isinstance(tokens, Tensor) or tokens.dim() != 2:
        return
    if kind in _OWN_MASKS:
        _refuse_unlike(_has_value(named, tokens, _token(config, "pad_token_id")), kind)
    for part in model.modules():
        name = _read_at(type(part))  # type: ignore[arg-type]
        token = _token(getattr(part, "config", None), name) if name else None
        if token is not None:
            _refuse_unlike(_last(tokens, token, own=name == "eos_token_id"), kind)


def _has_value(named: Mapping[str, Any], tokens: Tensor, pad: int | None) -> Tensor:
    mask = named.get("attention_mask")
    if isinstance(mask, Tensor):
        return mask != 0
    return torch.ones_like(tokens) if pad is None else tokens != pad


def _last(tokens: Tensor, token: int, *, own: bool) -> Tensor:
    """Return the last place `(n,)` of the token itself, or of any other one."""
    there = tokens == token if own else tokens != token
    places = torch.arange(tokens.shape[1], device=tokens.device)
    return (there * places).amax(1)


def _refuse_unlike(of_rows: Tensor, kind: str) -> None:
    if (of_rows != of_rows[:1]).any():
        raise PointError(
            f"{kind or 'this model'} reads each row by its own length (at its last token, or"
            " through masks that are not handed on), and the batch has rows of different lengths:"
            " a blend would be read where only one of its rows ends. Expected batches of one length"
            " (for decoders padding on the left, tokenizer.padding_side='left', does), or a point"
            " behind the place that is read"
        )


@cache
def _read_at(kind: type[nn.Module]) -> str:
    """Return which token of the configuration says where a head reads a row; mostly none does."""
    source = "".join(
        _source(base.__dict__["forward"])
        for base in kind.__mro__
        if base.__name__.endswith("ForSequenceClassification") and "forward" in base.__dict__
    )
    return next((name for name in ("eos_token_id", "pad_token_id") if name in source), "")


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # nothing is known of it
        return ""


def _token(config: Any, name: str) -> int | None:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    token = getattr(text, name, None)
    return token if isinstance(token, int) else None
