"""Before training, a point of codes is refused by what may draw it, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from mixup_multi.engine.examples import Examples, data_from
from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import PointError
from mixup_multi.grid.checks import _dry_steps
from mixup_multi.objectives import ERM, MixupE, Objective, Vicinal
from mixup_multi.points import Staged
from mixup_multi.testing import check_adapter


def load(root: Path, trial: Trial) -> Data:
    ids = torch.randint(30, (60, 5), generator=torch.Generator().manual_seed(0))
    texts = Examples.numbered("text", ids, torch.arange(60) % 2)
    return data_from("texts", texts, ["a", "b"], trial, codes=True)


def bag(data: Data) -> nn.Module:
    """The ids are offered as the second point, by mistake."""
    stages = {"ids": nn.Embedding(30, 4), "words": nn.Flatten(), "head": nn.Linear(20, 2)}
    return Staged(stages, points=["words", "ids", "head"])


class Texts:
    """Texts as ids."""

    datasets: Mapping[str, Dataset] = {"texts": Dataset("synthetic: texts", load)}
    models: Mapping[str, Callable[..., nn.Module]] = {"bag": bag}


def dry(objective: Objective) -> None:
    data = load(Path(), Trial())
    _dry_steps(objective, bag(data), data.train.gather(torch.arange(2)))


@pytest.mark.parametrize("points", [("all",), ("ids",), ("head", "ids")])
def test_a_method_that_may_draw_the_point_is_refused(points: tuple[str, ...]) -> None:
    for method in (Vicinal(points=points), MixupE(Vicinal(points=points))):
        with pytest.raises(PointError, match="int64 cannot be mixed"):
            dry(method)


@pytest.mark.parametrize("points", [("first",), ("words", "head")])
def test_a_method_that_never_does_is_not(points: tuple[str, ...]) -> None:
    dry(Vicinal(points=points))
    dry(ERM())


def test_the_kit_finds_the_point() -> None:
    with pytest.raises(AssertionError, match=r"points_can_be_mixed\n.*\n.*'ids' flows .*int64"):
        check_adapter(Texts(), only="points_can_be_mixed")
