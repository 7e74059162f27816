from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import PointError, SettingError
from mixup_multi_adapters.tabular import TabularAdapter

mlp, logistic = TabularAdapter.models["mlp"], TabularAdapter.models["logistic"]

FRUIT = "weight,colour,kind,ripe\n" + "".join(
    f"{i},{'red' if i % 3 else 'green'},{'abc'[i % 3]},{'yes' if i % 2 else 'no'}\n"
    for i in range(40)
)


@pytest.fixture
def wine(tmp_path: Path) -> Data:
    return TabularAdapter.datasets["sklearn_wine"].load(tmp_path, Trial())


@pytest.fixture
def coded(tmp_path: Path) -> Data:
    (tmp_path / "fruit.csv").write_text(FRUIT)
    return TabularAdapter.datasets["file"].load(
        tmp_path, Trial(), path="fruit.csv", categorical="embed"
    )


def test_points_and_shapes(wine: Data) -> None:
    model = mlp(wine, widths=(16, 8))
    inputs = wine.test.gather(torch.arange(5)).inputs
    seen: dict[str, tuple[int, ...]] = {}

    def look(point: str) -> object:
        def edit(value: torch.Tensor) -> torch.Tensor:
            seen[point] = tuple(value.shape)
            return value

        return edit

    assert model.points == ("input", "hidden1", "hidden2")
    assert model(inputs, edits={p: look(p) for p in model.points}).shape == (5, 3)
    assert seen == {"input": (5, 13), "hidden1": (5, 16), "hidden2": (5, 8)}
    assert logistic(wine).points == ("input",)
    assert logistic(wine)(inputs).shape == (5, 3)


def test_default_is_two_layers_of_128(wine: Data) -> None:
    layers = [m for m in mlp(wine).modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(13, 128), (128, 128), (128, 3)]


def test_settings_reach_the_layers(wine: Data) -> None:
    model = mlp(wine, widths=(4,), activation="gelu", dropout=0.5, batch_norm=True, bias=False)
    kinds = [type(m).__name__ for m in model.modules() if not list(m.children())]
    assert kinds == ["Linear", "BatchNorm1d", "GELU", "Dropout", "Linear"]
    assert all(m.bias is None for m in model.modules() if isinstance(m, nn.Linear))


def test_embedded_model_mixes_after_the_embedding_only(coded: Data) -> None:
    model = mlp(coded, widths=(8,), embedding=4)
    inputs = coded.test.gather(torch.arange(6)).inputs
    assert model.points == ("embedded", "hidden1")
    assert model(inputs).shape == (6, 2)
    shapes: list[tuple[int, ...]] = []
    model(inputs, edits={"embedded": lambda h: (shapes.append(tuple(h.shape)), h)[1]})
    assert shapes == [(6, 1 + 4 + 4)]
    with pytest.raises(PointError, match="'input', which this model does not offer"):
        model(inputs, edits={"input": lambda tree: tree})
    assert logistic(coded).points == ("embedded",)


def test_unknown_level_is_the_zero_vector(coded: Data) -> None:
    model = mlp(coded)
    inputs = {"numeric": torch.zeros(1, 1), "categorical": torch.zeros(1, 2, dtype=torch.int64)}
    embedded = model.stages["input"](inputs)
    assert coded.facts["cardinalities"] == (3, 4)
    assert embedded.shape == (1, 1 + 2 + 2)
    assert not embedded.any()


def test_refused_settings(wine: Data) -> None:
    with pytest.raises(SettingError, match="called 'logistic'"):
        mlp(wine, widths=())
    with pytest.raises(SettingError, match="expected at least one hidden layer"):
        mlp(wine, widths=(16, 0))
    with pytest.raises(SettingError, match=r"dropout 1\.0"):
        mlp(wine, dropout=1.0)
    with pytest.raises(SettingError, match="embedding 0"):
        mlp(wine, embedding=0)
    stranger = Data("cats", wine.train, wine.test, None, wine.classes, key="k")
    with pytest.raises(SettingError, match="cats is no table"):
        mlp(stranger)


def test_a_model_learns_real_wine(wine: Data) -> None:
    torch.manual_seed(0)
    model = mlp(wine, widths=(32,))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    batch = wine.train.gather(torch.arange(len(wine.train)))
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(batch.inputs), batch.targets).backward()
        optimiser.step()
    test = wine.test.gather(torch.arange(len(wine.test)))
    wrong = (model(test.inputs).argmax(1) != test.targets.argmax(1)).double().mean()
    assert wrong < 0.1  # the majority class errs on 60 %
