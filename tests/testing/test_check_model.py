"""Every rule of an adapter's model is broken by one stranger's model, and by no other rule's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from beats import load, net, with_model
from proofs import breaks_only, each, is_complete
from torch import Tensor, nn

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import PointError, SettingError
from mixup_multi.points import Staged
from mixup_multi.testing import check_adapter

CALLS: list[int] = []
"""State that a model must not have."""


class Good(nn.Module):
    """A stage at a time, as `Staged` does it."""

    def __init__(self, data: Data, width: int = 8) -> None:
        super().__init__()
        chain = net(data, width=width)
        assert isinstance(chain, Staged)
        self.first, self.second = chain.stages["input"], chain.stages["hidden"]
        self.points: Any = ("input", "hidden")

    def forward(self, x: Tensor, edits: Any = None) -> Tensor:
        edits = edits or {}
        for name in edits:
            if name not in self.points:
                raise PointError(f"there is no point {name}")
        hidden = self.first(self.edited("input", x, edits))
        logits: Tensor = self.second(self.edited("hidden", hidden, edits))
        return self.said(logits, x)

    def edited(self, name: str, flow: Tensor, edits: Any) -> Tensor:
        edited: Tensor = edits[name](flow) if name in edits else flow
        return edited

    def said(self, logits: Tensor, x: Tensor) -> Tensor:
        return logits


def bad(**changes: Any) -> Callable[..., nn.Module]:
    """Return what builds a model that differs from the good one."""

    def build(data: Data, *, width: int = 8) -> nn.Module:
        """A stranger's mistake."""
        return type("Bad", (Good,), changes)(data, width)

    return build


def undescribed(data: Data) -> nn.Module:
    return Good(data)


def unannotated(data: Data, *, width=8) -> nn.Module:
    """No type."""
    return Good(data, int(width))


def not_built(data: Data) -> nn.Module:
    """A mistake that is none of the user's."""
    raise KeyError("features")


def of_its_own_seed(data: Data) -> nn.Module:
    """Other weights each time."""
    CALLS.append(0)
    torch.manual_seed(len(CALLS))
    return Good(data)


def centred(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    return logits + 0.5 * x.mean()


def noisy(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    if not self.training:
        torch.rand(1)
    return logits


def doubling(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    x.data.mul_(1.0001)
    return logits


def listed(self: Good, data: Data, width: int = 8) -> None:
    Good.__init__(self, data, width)
    self.points = ["input", "hidden"]


def twice(self: Good, name: str, flow: Tensor, edits: Any) -> Tensor:
    if name in edits:
        flow = edits[name](edits[name](flow))
    return flow


def unused(self: Good, name: str, flow: Tensor, edits: Any) -> Tensor:
    if name in edits:
        edits[name](flow)
    return flow


def forgiving(self: Good, x: Tensor, edits: Any = None) -> Tensor:
    known = {name: edit for name, edit in (edits or {}).items() if name in self.points}
    return Good.forward(self, x, known)


def blind(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    """Fail at an example that is in the test part only."""
    odd = load(Path(), Trial()).test.gather(torch.tensor([3])).inputs
    if not self.training and bool((x == odd).all(1).any()):
        raise IndexError("index out of range in self")
    return logits


def whole_numbers(self: Good, name: str, flow: Tensor, edits: Any) -> Tensor:
    """Let codes flow at the hidden point, in what is edited and in what is not."""
    if name == "input":
        return Good.edited(self, name, flow, edits)
    codes = (1000 * flow).round().long()
    return Good.edited(self, name, codes, edits).to(flow) / 1000 + flow - flow.detach()


def frozen(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    return logits + (0 * logits.detach().sum() / 0 * logits if self.training else 0)


def remembering(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    if self.training:
        self.seen = getattr(self, "seen", 0) + 1
    return logits + 0.1 * getattr(self, "seen", 0)


BROKEN: dict[str, tuple[Any, str]] = {
    "it_is_described": (undescribed, "undescribed has no docstring"),
    "its_settings_are_annotated": (unannotated, "the setting width has no type"),
    "it_is_built": (not_built, "for good: KeyError: 'features'"),
    "weights_come_from_the_seed": (of_its_own_seed, "the weights differ"),
    "it_returns_logits": (bad(said=lambda self, logits, x: logits.squeeze(0)), r"1 examples of 3"),
    "it_reads_every_part": (
        bad(said=blind),
        r"row 3 of the test part, '\d+': IndexError.* at .*test_check_model.py:",
    ),
    "rows_do_not_see_each_other": (bad(said=centred), "alone, logits differ by"),
    "evaluation_is_deterministic": (bad(said=noisy), "a pass in evaluation changed torch's"),
    "inputs_are_left_alone": (bad(said=doubling), "the inputs changed"),
    "methods_train_it": (bad(said=frozen), "erm gave NaN or infinite gradients"),
    "weights_can_be_kept": (bad(said=remembering), "logits differ by .*\n.*registered buffer"),
    "it_offers_points": (bad(__init__=listed), r"points are \['input', 'hidden'\]"),
    "edits_run_once": (bad(edited=twice), "edits were called: input 2 times, hidden 2 times"),
    "edits_are_used": (bad(edited=unused), "at input the logits stayed as they were"),
    "unknown_points_are_refused": (bad(forward=forgiving), "'nowhere' was passed over in silence"),
    "points_can_be_mixed": (
        bad(edited=whole_numbers),
        r"at 'hidden' flows \(2, 8\) of int64, which has no mean\n.*leave 'hidden' out",
    ),
}


def test_every_rule_has_its_broken_model() -> None:
    is_complete("model", BROKEN)


@each(BROKEN)
def test_a_broken_model_breaks_its_rule_and_no_other(rule: str) -> None:
    build, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_adapter(with_model(build), only="bad"), pattern)


def test_a_strangers_model_passes() -> None:
    assert len(check_adapter(with_model(bad()), only="bad").passed) == len(BROKEN)


def picky(data: Data) -> nn.Module:
    """Of other data."""
    raise SettingError("images are wanted")


def test_a_model_that_is_built_for_no_data_set_is_found() -> None:
    with pytest.raises(AssertionError, match="good: images are wanted"):
        check_adapter(with_model(picky))


def raising(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    raise KeyError("head")


def of_nan(self: Good, logits: Tensor, x: Tensor) -> Tensor:
    return logits * torch.nan


@pytest.mark.parametrize(
    ("said", "found", "since"),
    [
        (raising, "KeyError: 'head' at .*test_check_model.py", "the model raised KeyError"),
        (of_nan, "logits hold NaN", "logits hold NaN"),
    ],
)
def test_what_follows_from_a_failed_pass_is_not_said_again(
    said: Any, found: str, since: str
) -> None:
    breaks_only(
        "it_returns_logits", lambda: check_adapter(with_model(bad(said=said)), only="bad"), found
    )
    message = rf"(?s)not checked: it_reads_every_part, .*points_can_be_mixed\n  since: {since}"
    with pytest.raises(AssertionError, match=message):
        check_adapter(with_model(bad(said=said)), only="bad")
    with pytest.raises(AssertionError, match="not checked: edits_run_once"):
        check_adapter(with_model(bad(said=said)), only="edits_run_once")


def test_an_error_that_says_its_mend_gets_no_other() -> None:
    def refuses(self: Good, logits: Tensor, x: Tensor) -> Tensor:
        raise PointError("choose another point")

    with pytest.raises(AssertionError, match="choose another point") as caught:
        check_adapter(with_model(bad(said=refuses)), only="it_returns_logits")
    assert "nothing may be raised" not in str(caught.value)
