"""Rows are taken, and mixed, in the memory order that they lie in."""

from __future__ import annotations

import pytest
import torch

from mixup_multi.mix import Cut, Mix, mix_rows
from mixup_multi.tree import take_rows

INDEX = torch.tensor([2, 0, 2, 1, 3])
SHAPES = [(4,), (4, 6), (4, 3, 5), (4, 3, 5, 7), (4, 1, 5, 7), (4, 3, 1, 1), (4, 2, 3, 4, 5)]


def numbered(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape).to(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float16, torch.float64])
def test_rows_are_those_of_indexing(shape, dtype):
    leaf = numbered(*shape, dtype=dtype)
    taken = take_rows(leaf, INDEX)
    assert taken.dtype == dtype
    assert torch.equal(taken, leaf[INDEX])


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_taking_and_mixing_keep_the_memory_order(order):
    leaf = numbered(4, 3, 5, 7).contiguous(memory_format=order)
    mix = Mix(torch.tensor([1, 2, 3, 0]), torch.tensor([0.25], dtype=torch.float64))
    cut, _ = Cut()(leaf, mix, torch.full((1, 2), 0.5))
    for result in (take_rows(leaf, INDEX), mix_rows(leaf, mix), cut):
        assert result.is_contiguous(memory_format=order)


def test_mixing_does_not_depend_on_the_memory_order():
    leaf = torch.randn(4, 3, 5, 7, dtype=torch.float64)
    last = leaf.contiguous(memory_format=torch.channels_last)
    mix = Mix(torch.tensor([1, 2, 3, 0]), torch.tensor([0.25], dtype=torch.float64))
    centre = torch.full((1, 2), 0.5)
    assert torch.equal(take_rows(last, INDEX), leaf[INDEX])
    assert torch.equal(mix_rows(last, mix), mix_rows(leaf, mix))
    assert torch.equal(Cut()(last, mix, centre)[0], Cut()(leaf, mix, centre)[0])


def test_a_transposed_view_is_read_as_any_other():
    leaf = numbered(3, 4, 5, 7).transpose(0, 1)
    assert torch.equal(take_rows(leaf, INDEX), leaf[INDEX])


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_gradient_counts_how_often_a_row_was_taken(order):
    leaf = torch.zeros(4, 3, 2, 2).contiguous(memory_format=order).requires_grad_()
    take_rows(leaf, INDEX).sum().backward()
    assert leaf.grad[:, 0, 0, 0].tolist() == [1, 1, 2, 1]
