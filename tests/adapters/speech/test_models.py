"""The protocol's models: sizes counted by hand, points, other input sizes, small widths."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.errors import PointError, SettingError
from mixup_multi_adapters.speech import SpeechAdapter
from mixup_multi_adapters.speech.features import FrontEnd

models = SpeechAdapter.models
Make = Callable[..., Data]


@pytest.fixture
def make() -> Make:
    def data(features: str = "spectrogram", shape: tuple[int, ...] = (1, 161, 101)) -> Data:
        source = TensorSource(torch.zeros(1, *shape), torch.zeros(1), 30, ["a"])
        facts = {"features": features, "shape": shape, "normalise": "after_padding"}
        words = tuple(map(str, range(30)))
        return Data("made", source, source, None, words, "key", facts=facts)

    return data


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def conv(inputs: int, outputs: int, side: int) -> int:
    return inputs * outputs * side * side + outputs


def vgg_by_hand(plan: list[int]) -> int:
    pairs = zip([1, *plan], plan, strict=False)
    convolutions = sum(conv(a, b, 3) + 2 * b for a, b in pairs)
    return convolutions + 7680 * 512 + 512 + 512 * 30 + 30


BY_HAND = {
    "lenet": conv(1, 20, 5) + conv(20, 20, 5) + 16280 * 1000 + 1000 + 1000 * 30 + 30,
    "vgg11": vgg_by_hand([64, 128, 256, 256, 512, 512, 512, 512]),
    "vgg13": vgg_by_hand([64, 64, 128, 128, 256, 256, 512, 512, 512, 512]),
}


@pytest.mark.parametrize("name", models)
def test_parameters_are_as_counted_by_hand(make: Make, name: str) -> None:
    assert parameters(models[name](make())) == BY_HAND[name]


@pytest.mark.parametrize("name", models)
@pytest.mark.parametrize("rows", [160, 161, 40])
def test_logits_come_out_for_every_front_end(make: Make, name: str, rows: int) -> None:
    model = models[name](make(shape=(1, rows, 101)), width=0.125)
    assert model(torch.randn(2, 1, rows, 101)).shape == (2, 30)


def test_160_and_161_bins_give_the_same_sizes(make: Make) -> None:
    for name in models:
        sizes = [parameters(models[name](make(shape=(1, r, 101)), width=0.1)) for r in (160, 161)]
        assert sizes[0] == sizes[1]


def test_points_are_the_entrances_of_blocks_and_classifier(make: Make) -> None:
    assert models["lenet"](make(), width=0.1).points == ("input", "block2", "classifier")
    assert models["vgg11"](make(), width=0.1).points == (
        "input",
        "block2",
        "block3",
        "block4",
        "block5",
        "classifier",
    )


@pytest.mark.parametrize("name", models)
def test_a_waveform_may_be_mixed_before_or_after_the_front_end(make: Make, name: str) -> None:
    model = models[name](make("waveform", (16_000,)), width=0.125).eval()
    assert model.points[:3] == ("input", "spectrogram", "block2")
    waves = torch.randn(3, 16_000)
    seen = {}

    def look(point: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def edit(value: torch.Tensor) -> torch.Tensor:
            seen[point] = value
            return value

        return edit

    logits = model(waves, edits={p: look(p) for p in ("input", "spectrogram")})
    assert torch.equal(seen["input"], waves)
    assert torch.equal(seen["spectrogram"], FrontEnd()(waves))
    on_spectrograms = models[name](make(), width=0.125).eval()
    on_spectrograms.load_state_dict(
        {k.replace("stages.spectrogram", "stages.input"): v for k, v in model.state_dict().items()}
    )
    torch.testing.assert_close(on_spectrograms(FrontEnd()(waves)), logits)


def test_a_point_of_waveforms_is_not_offered_for_spectrograms(make: Make) -> None:
    with pytest.raises(PointError, match="spectrogram"):
        models["lenet"](make(), width=0.1)(
            torch.randn(1, 1, 161, 101), edits={"spectrogram": lambda x: x}
        )


@pytest.mark.parametrize(("name", "rows"), [("lenet", 12), ("vgg11", 31), ("vgg13", 20)])
def test_inputs_that_are_too_small_are_refused(make: Make, name: str, rows: int) -> None:
    with pytest.raises(SettingError, match=f"{name}: inputs of {rows} x 101 are too small"):
        models[name](make(shape=(1, rows, 101)))


@pytest.mark.parametrize("setting", [{"width": 0.0}, {"width": -1.0}, {"dropout": 1.0}])
def test_settings_out_of_range_are_refused(make: Make, setting: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        models["vgg11"](make(), **setting)


def test_data_of_another_modality_is_refused(make: Make) -> None:
    data = make()
    object.__setattr__(data, "facts", {"shape": (3, 32, 32)})
    with pytest.raises(SettingError, match="made has inputs of shape"):
        models["lenet"](data)
