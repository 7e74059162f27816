from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.tabular.encode import fit_encoder
from mixup_multi_adapters.tabular.fit import EncodeSettings
from mixup_multi_adapters.tabular.load import split_and_encode
from mixup_multi_adapters.tabular.split import SplitSettings
from mixup_multi_adapters.tabular.table import Table, table_of

NAN = float("nan")
TRAIN = np.arange(4)
TEST = np.arange(4, 6)


def small(**columns: list[object]) -> Table:
    """Six rows, of which the first four train."""
    return table_of("t", pd.DataFrame({**columns, "y": list("ababab")}), "y")


def encoded(table: Table, rows: np.ndarray, settings: EncodeSettings | None = None) -> object:
    return fit_encoder("t", table, TRAIN, settings or EncodeSettings()).apply(table, rows)


def test_numbers_by_hand() -> None:
    table = small(x=[1.0, NAN, 2.0, 6.0, NAN, 100.0])
    # Training median 2 fills; then 1, 2, 2, 6 has mean 2.75 and variance 3.6875.
    root = 3.6875**0.5
    train, test = encoded(table, TRAIN), encoded(table, TEST)
    expected = [[-1.75 / root, 0], [-0.75 / root, 1], [-0.75 / root, 0], [3.25 / root, 0]]
    torch.testing.assert_close(train, torch.tensor(expected))
    torch.testing.assert_close(test, torch.tensor([[-0.75 / root, 1], [97.25 / root, 0]]))


def test_without_scale_and_indicator() -> None:
    table = small(x=[1.0, NAN, 2.0, 6.0, NAN, 100.0])
    plain = EncodeSettings(indicator=False, scale="none")
    assert torch.equal(encoded(table, TEST, plain), torch.tensor([[2.0], [100.0]]))


def test_missing_in_test_only_is_filled_without_a_flag() -> None:
    table = small(x=[1.0, 2.0, 3.0, 6.0, NAN, 0.0])
    plain = EncodeSettings(scale="none")
    assert torch.equal(encoded(table, TEST, plain), torch.tensor([[2.5], [0.0]]))


def test_constant_in_training_is_zero_everywhere() -> None:
    table = small(x=[0.1, 0.1, 0.1, 0.1, 5.0, 0.1], z=[1, 2, 3, 4, 5, 6])
    assert encoded(table, TRAIN)[:, 0].tolist() == [0, 0, 0, 0]
    assert encoded(table, TEST)[:, 0].tolist() == [0, 0]


def test_missing_in_all_training_rows_is_left_out() -> None:
    table = small(x=[NAN] * 4 + [1.0, 2.0], c=[None] * 4 + ["u", "v"], z=[1, 2, 3, 4, 5, 6])
    encoder = fit_encoder("t", table, TRAIN, EncodeSettings())
    assert encoder.width == 1
    with pytest.raises(DataError, match="every feature is missing in all training rows"):
        fit_encoder("t", small(x=[NAN] * 4 + [1.0, 2.0]), TRAIN, EncodeSettings())


def test_onehot_levels_are_those_of_training() -> None:
    table = small(c=["red", "blue", None, "red", "green", "blue"])
    train, test = encoded(table, TRAIN), encoded(table, TEST)
    assert train.tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]  # blue, red; missing is all zeros
    assert test.tolist() == [[0, 0], [1, 0]]  # green is unknown


def test_embedded_levels() -> None:
    table = small(x=[1, 2, 3, 4, 5, 6], c=["red", "blue", None, "red", "green", "blue"])
    encoder = fit_encoder("t", table, TRAIN, EncodeSettings(categorical="embed"))
    train, test = encoder.apply(table, TRAIN), encoder.apply(table, TEST)
    assert encoder.cardinalities == (3,)
    assert train["categorical"].tolist() == [[2], [1], [0], [2]]
    assert test["categorical"].tolist() == [[0], [1]]
    assert train["categorical"].dtype == torch.int64
    assert train["numeric"].shape == (4, 1)


def test_embed_without_categorical_columns_is_one_tensor() -> None:
    table = small(x=[1, 2, 3, 4, 5, 6])
    assert encoded(table, TRAIN, EncodeSettings(categorical="embed")).shape == (4, 1)


def test_too_many_levels_for_onehot() -> None:
    rows = 24_000
    names = [f"ticket {i}" for i in range(rows)]
    table = table_of("t", pd.DataFrame({"c": names, "y": ["a", "b"] * (rows // 2)}), "y")
    with pytest.raises(DataError, match=r"column 'c' has 24000 levels .* ignore: \[c\]"):
        fit_encoder("t", table, np.arange(rows), EncodeSettings())


def random_frame(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame.loc[::7, "b"] = NAN
    frame["colour"] = draw.choice(["red", "green", "blue"], rows)
    frame["y"] = np.arange(rows) % 3
    return frame


def loaded(frame: pd.DataFrame, settings: EncodeSettings) -> Data:
    return split_and_encode("t", table_of("t", frame, "y"), Trial(4), SplitSettings(), settings)


@pytest.mark.parametrize("settings", [EncodeSettings(), EncodeSettings(categorical="embed")])
def test_no_test_row_in_any_fitted_statistic(settings: EncodeSettings) -> None:
    frame = random_frame()
    before = loaded(frame, settings)
    test = [int(row) for row in before.test.ids]
    frame.loc[test, ["a", "b", "c"]] = [1e9, -1e9, NAN]
    frame.loc[test, "colour"] = "a level never seen"
    after = loaded(frame, settings)
    assert isinstance(before.train, TensorSource)
    assert isinstance(after.train, TensorSource)
    assert after.train.ids == before.train.ids
    torch.testing.assert_close(after.train.inputs, before.train.inputs, rtol=0, atol=0)
    assert after.key != before.key


def test_embedded_data_has_no_mean_input() -> None:
    assert loaded(random_frame(), EncodeSettings(categorical="embed")).train.mean() is None
    assert loaded(random_frame(), EncodeSettings()).train.mean().shape == (7,)


def test_values_too_large_for_the_encoding_are_named() -> None:
    frame = random_frame()
    frame["a"] = frame["a"] * 1e300
    with pytest.raises(DataError, match="the training part holds NaN or infinite features"):
        loaded(frame, EncodeSettings())
