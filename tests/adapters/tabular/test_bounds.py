"""What a legal row of a table is: its numbers within their ranges, and nothing else is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attacked_data import errors, trained

from mixup_multi.attacks.presets import pgd
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.losses import LOSSES
from mixup_multi_adapters.tabular.data import DATASETS
from mixup_multi_adapters.tabular.models import mlp

CSV = """size,constant,kind,maybe,class
1,7,red,0,a
2,7,blue,?,b
4,7,red,4,a
9,7,green,8,b
1,7,red,0,a
2,7,blue,2,b
4,7,red,?,a
9,7,green,6,b
"""


@pytest.fixture
def table(tmp_path: Path):
    """Return the loader of a small table, all of whose rows but one of a class are trained on."""
    (tmp_path / "small.csv").write_text(CSV.replace("?", ""))

    def load(**settings: object) -> Data:
        given = {"path": "small.csv", "test": 0.25, **settings}
        return DATASETS["file"].load(tmp_path, Trial(), **given)

    return load


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_numbers_move_within_their_training_range_and_nothing_else(table, scale: str) -> None:
    data = table(scale=scale)
    bounds, inputs = Training(data).bounds(), data.train.inputs
    assert torch.equal(bounds.low, inputs.amin(0))
    assert torch.equal(bounds.high, inputs.amax(0))
    numbers = 3  # size, constant, maybe; then the flag of maybe and the levels of kind
    spread = inputs[:, :numbers].double().std(0, unbiased=False).float()
    unit = bounds.unit.tolist()
    assert unit[1] == 0
    assert unit[numbers:] == [0] * (len(unit) - numbers)
    for column in (0, 2):
        expected = 1.0 if scale == "standard" else float(spread[column])
        assert unit[column] == pytest.approx(expected)
    widths = [(inputs[:, i].max() - inputs[:, i].min()) / unit[i] for i in (0, 2)]
    assert bounds.largest == pytest.approx(float(max(widths)))
    assert bounds.diameter == pytest.approx(float(torch.stack(widths).norm()))
    assert bounds.words == "standard deviations of a feature"


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_attack_leaves_levels_flags_and_constants_alone(table, norm: str) -> None:
    data = table()
    torch.manual_seed(0)
    net, batch = mlp(data), data.train.gather(torch.arange(6))
    bounds = Training(data).bounds()
    attack = pgd(eps=0.5, step=0.2, norm=norm)
    _, there = attack.perturb(net, batch, bounds, 0, LOSSES["softmax"])
    changed = (there.inputs != batch.inputs).any(0)
    assert changed.tolist() == [True, False, True, False, *[False] * (len(changed) - 4)]


def test_codes_have_no_bounds_and_are_attacked_where_they_are_embedded(table) -> None:
    data = table(categorical="embed")
    assert Training(data).bounds() is None
    net = mlp(data)
    pgd().check(net, None)
    assert pgd().place(net) == "embedded"
    with pytest.raises(PointError, match="'input'"):
        pgd(point="input").check(net, None)


def test_too_large_a_size_is_refused_with_the_range(table) -> None:
    data = table()
    bounds = Training(data).bounds()
    said = r"eps is 50: expected at most [\d.]+, the whole range, .*deviations of a feature$"
    with pytest.raises(SettingError, match=said):
        pgd(eps=50).check(mlp(data), bounds)


@pytest.mark.parametrize("name", ["cmc", "arrhythmia", "optdigits"])
def test_attacks_on_real_tables_are_legal_and_felt(name: str, real_openml: Path) -> None:
    data = DATASETS[name].load(real_openml, Trial())
    bounds = Training(data).bounds()
    net = trained(data, lambda: mlp(data, widths=(32,)))
    eps = 0.3
    clean, worse = errors(data, net, pgd(eps=eps, step=eps / 4))
    assert worse > clean + 10
    batch = data.test.gather(torch.arange(50))
    _, there = pgd(eps=eps, step=eps / 4).perturb(net, batch, bounds, 0, LOSSES["softmax"])
    away = (there.inputs - batch.inputs).abs()
    assert (away <= eps * bounds.unit + 1e-5).all()
    assert bool((away[:, bounds.unit == 0] == 0).all())
    inside = (batch.inputs >= bounds.low) & (batch.inputs <= bounds.high)
    legal = (there.inputs >= bounds.low) & (there.inputs <= bounds.high)
    assert legal[inside].all()


def test_real_columns_that_are_no_numbers_are_found(real_openml: Path) -> None:
    cmc = Training(DATASETS["cmc"].load(real_openml, Trial())).bounds()
    assert int((cmc.unit > 0).sum()) == 2  # the wife's age and the number of children
    raw = Training(DATASETS["cmc"].load(real_openml, Trial(), scale="none")).bounds()
    assert raw.low[:2].tolist() == [16, 0]
    assert 7 < float(raw.unit[0]) < 9  # years
    arrhythmia = DATASETS["arrhythmia"].load(real_openml, Trial())
    unit = Training(arrhythmia).bounds().unit
    spread = arrhythmia.train.inputs.double().std(0, unbiased=False)
    assert bool((unit[spread == 0] == 0).all())
    assert set(unit.unique().tolist()) == {0.0, 1.0}
