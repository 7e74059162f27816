from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.errors import PointError, SettingError
from mixup_multi.points import HasPoints, Staged
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.preact_resnet import BLOCKS, basic_block, bottleneck
from mixup_multi_adapters.images.wide_resnet import WideBlock

MODELS = ImageAdapter.models
SMALL: dict[str, dict[str, float | tuple[int, ...]]] = {
    "preact_resnet18": {"width": 2},
    "preact_resnet50": {"width": 2},
    "wide_resnet": {"depth": 10, "widen": 1, "dropout": 0.3},
    "small_cnn": {"width": 4},
    "batchout_cnn": {"convs": (4, 6, 6), "pooled": (1, 3), "units": (16, 12), "dropout": 0.3},
}
GROUPS = ("input", "layer1", "layer2", "layer3", "layer4", "head")


def _data(*shape: int, classes: int = 10) -> Data:
    """Return data of images of `shape` (channels, height, width), all zero."""
    inputs, labels = torch.zeros(2, *shape), torch.zeros(2, dtype=torch.int64)
    source = TensorSource(inputs, labels, classes, ("a", "b"))
    names = tuple(str(i) for i in range(classes))
    return Data("zeros", source, source, None, names, "key")


def _build(name: str, *shape: int, **settings: object) -> Staged:
    torch.manual_seed(0)
    model = MODELS[name](_data(*shape), **settings)
    assert isinstance(model, Staged)
    return model


def _count(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def _preact_parameters(depth: int, width: int, classes: int) -> int:
    """Count by hand: convolutions without bias, two numbers a channel for normalisation."""
    total, channels = 3 * width * 9, width
    for group, blocks in enumerate(BLOCKS[depth]):
        inside = width * 2**group
        outside = 4 * inside if depth >= 50 else inside
        for position in range(blocks):
            if depth >= 50:
                total += channels * inside + 9 * inside**2 + inside * outside
                total += 2 * (channels + inside + inside)
            else:
                total += 9 * channels * inside + 9 * inside**2 + 2 * (channels + inside)
            if position == 0 and (channels != outside or group > 0):
                total += channels * outside
            channels = outside
    return total + channels * classes + classes


@pytest.mark.parametrize("depth", BLOCKS)
def test_preact_resnets_have_as_many_parameters_as_by_hand(depth: int) -> None:
    model = _build(f"preact_resnet{depth}", 3, 32, 32, width=8)
    assert _count(model) == _preact_parameters(depth, 8, 10)


def test_full_widths_have_the_known_numbers_of_parameters() -> None:
    with torch.device("meta"):
        known = {
            "preact_resnet18": 11_171_146,
            "preact_resnet50": _preact_parameters(50, 64, 10),
            "wrn_28_10": 36_489_290,  # 36,479,194 and a bias for each convolution
        }
        counts = {name: _count(MODELS[name](_data(3, 32, 32))) for name in known}
    assert counts == known
    assert known["preact_resnet50"] == 23_509_066


def test_the_small_cnn_is_small() -> None:
    assert _count(_build("small_cnn", 3, 32, 32)) == 57_130
    assert _count(_build("small_cnn", 1, 8, 8)) == 57_130 - 2 * 9 * 32


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 33, 47)])
def test_logits_come_out_for_every_size(name: str, shape: tuple[int, ...]) -> None:
    model = _build(name, *shape, **SMALL[name])
    assert isinstance(model, HasPoints)
    assert model(torch.randn(3, *shape)).shape == (3, 10)
    assert model.eval()(torch.randn(1, *shape)).shape == (1, 10)


@pytest.mark.parametrize("name", SMALL)
def test_an_edit_that_changes_nothing_changes_no_bit(name: str) -> None:
    model = _build(name, 3, 16, 16, **SMALL[name]).eval()
    inputs = torch.randn(4, 3, 16, 16)
    plain = model(inputs)
    for point in model.points:
        assert torch.equal(model(inputs, {point: lambda hidden: hidden}), plain)
        assert not torch.equal(model(inputs, {point: lambda hidden: hidden.flip(0)}), plain)
    with pytest.raises(PointError):
        model(inputs, {"nowhere": lambda hidden: hidden})


@pytest.mark.parametrize("name", SMALL)
def test_channels_last_gives_the_same_logits(name: str) -> None:
    model = _build(name, 3, 16, 16, **SMALL[name]).double().eval()
    inputs = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    plain = model(inputs).detach()
    model.to(memory_format=torch.channels_last)
    turned = model(inputs.to(memory_format=torch.channels_last))
    assert torch.allclose(turned, plain, rtol=0, atol=1e-9 * float(plain.abs().max()))


def test_points_are_the_entrances_of_the_groups() -> None:
    model = _build("preact_resnet50", 3, 32, 32, width=4)
    assert model.points == GROUPS
    seen: dict[str, tuple[int, ...]] = {}

    def look(point: str, hidden: Tensor) -> Tensor:
        seen[point] = tuple(hidden.shape[1:])
        return hidden

    edits = {point: lambda hidden, point=point: look(point, hidden) for point in GROUPS}
    model(torch.randn(2, 3, 32, 32), edits)
    assert seen == {
        "input": (3, 32, 32),
        "layer1": (4, 32, 32),
        "layer2": (16, 32, 32),  # after the first group
        "layer3": (32, 16, 16),  # after the second
        "layer4": (64, 8, 8),
        "head": (128, 4, 4),
    }


def test_a_wide_resnet_halves_before_its_second_and_third_group() -> None:
    model = _build("wide_resnet", 3, 32, 32, depth=16, widen=2)
    assert model.points == ("input", "layer1", "layer2", "layer3", "head")
    shapes = []
    hidden: Tensor = torch.randn(2, 3, 32, 32)
    for stage in list(model.stages.values())[:-1]:
        hidden = stage(hidden)
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 32, 32), (64, 16, 16), (128, 8, 8)]


def test_the_batchout_network_offers_each_layers_features_before_their_relu() -> None:
    model = _build("batchout_cnn", 3, 32, 32).eval()
    names = ("input", "conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2")
    assert model.points == names
    seen: dict[str, Tensor] = {}
    model(torch.randn(2, 3, 32, 32), {p: partial(seen.setdefault, p) for p in names})
    assert [tuple(seen[name].shape[1:]) for name in names] == [
        *((3, 32, 32), (32, 32, 32), (64, 32, 32)),  # pooled after the second
        *((64, 16, 16), (64, 16, 16), (64, 16, 16)),  # and after the fifth
        *((512,), (512,)),
    ]
    assert all(bool((flow < 0).any()) for flow in seen.values())
    parts = [[type(part) for part in stage] for stage in model.stages.values()]
    relu, pool, drop = nn.ReLU, nn.MaxPool2d, nn.Dropout
    assert parts == [
        [nn.Conv2d],
        [relu, nn.Conv2d],
        [relu, pool, nn.Conv2d],
        [relu, nn.Conv2d],
        [relu, nn.Conv2d],
        [relu, pool, nn.Flatten, nn.Linear],
        [relu, drop, nn.Linear],
        [relu, drop, nn.Linear],
    ]
    convs = 3 * 32 * 9 + 32 * 64 * 9 + 3 * 64 * 64 * 9 + 32 + 4 * 64
    assert _count(model) == convs + 64 * 8 * 8 * 512 + 512 * 512 + 2 * 512 + 512 * 10 + 10


def test_the_batchout_network_for_mnist_is_a_choice_of_its_settings() -> None:
    model = _build("batchout_cnn", 1, 28, 28, convs=(32, 64), pooled=(1, 2), units=(256,))
    assert model.points == ("input", "conv1", "conv2", "fc1")
    assert _count(model) == 320 + 18_496 + 64 * 7 * 7 * 256 + 256 + 2_570


def _norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]


def test_nothing_is_normalised_before_the_head_unless_asked_for() -> None:
    plain = _build("preact_resnet18", 3, 32, 32, width=4)
    assert [type(each) for each in plain.stages["head"].children()] == [
        nn.AdaptiveAvgPool2d,
        nn.Flatten,
        nn.Linear,
    ]
    assert not _norms(plain.stages["input"])
    finished = _build("preact_resnet18", 3, 32, 32, width=4, final_norm=True)
    assert [norm.num_features for norm in _norms(finished.stages["head"])] == [32]


def test_the_wide_resnets_last_normalisation_forgets_fast() -> None:
    model = _build("wide_resnet", 3, 32, 32, depth=10, widen=1)
    assert [norm.momentum for norm in _norms(model.stages["head"])] == [0.9]
    assert {norm.momentum for norm in _norms(model.stages["layer1"])} == {0.1}
    convs = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    assert all(conv.bias is not None for conv in convs)


@pytest.mark.parametrize("make", [basic_block, bottleneck])
def test_a_preact_shortcut_reads_the_activated_input(make) -> None:
    block = make(4, 6, 2).eval()
    inputs = torch.randn(2, 4, 8, 8)
    norm, active = block.activate[0], None
    nn.init.uniform_(norm.running_mean)
    active = functional.relu(norm(inputs))
    for parameter in block.convs.parameters():
        nn.init.zeros_(parameter)
    expected = functional.conv2d(active, block.shortcut.weight, stride=2)
    assert torch.equal(block(inputs), expected)
    same = make(24 if make is bottleneck else 6, 6, 1)
    assert same.shortcut is None


def test_a_wide_shortcut_reads_the_raw_input_and_the_second_convolution_strides() -> None:
    block = WideBlock(4, 6, 2, 0.0).eval()
    first, second = (each for each in block.convs if isinstance(each, nn.Conv2d))
    assert (first.stride, second.stride) == ((1, 1), (2, 2))
    for parameter in block.convs.parameters():
        nn.init.zeros_(parameter)
    inputs = torch.randn(2, 4, 8, 8)
    shortcut = block.shortcut
    assert isinstance(shortcut, nn.Conv2d)
    expected = functional.conv2d(inputs, shortcut.weight, shortcut.bias, stride=2)
    assert torch.equal(block(inputs), expected)


@pytest.mark.parametrize("name", ["preact_resnet18", "wide_resnet"])
def test_the_stem_strides_from_64_pixels_on(name: str) -> None:
    def stride(shape: tuple[int, ...], **settings: object) -> object:
        return _build(name, *shape, **SMALL[name], **settings).stages["input"].stride

    assert stride((3, 32, 32)) == (1, 1)
    assert stride((3, 64, 64)) == (2, 2)
    assert stride((3, 64, 64), stem_stride=1) == (1, 1)


def test_gradients_of_gradients_reach_every_parameter() -> None:
    model = _build("preact_resnet18", 3, 8, 8, width=2).double()
    inputs = torch.randn(4, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(inputs).logsumexp(1).sum(), inputs, create_graph=True)
    slope.square().sum().backward()
    weights = [each.weight for each in model.modules() if isinstance(each, nn.Conv2d)]
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in weights)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("preact_resnet18", {"width": 0}, "width: 0"),
        ("preact_resnet18", {"stem_stride": 0}, "stem_stride: 0"),
        ("wide_resnet", {"depth": 29}, "depth: 29"),
        ("wide_resnet", {"depth": 4}, "depth: 4"),
        ("wide_resnet", {"dropout": 1.0}, "dropout: 1.0"),
        ("small_cnn", {"width": -1}, "width: -1"),
        ("batchout_cnn", {"convs": ()}, r"convs: \[\]"),
        ("batchout_cnn", {"units": (4, 0)}, r"units: \[4, 0\]"),
        ("batchout_cnn", {"pooled": (6,)}, r"pooled: \[6\].*1 to 5"),
        ("batchout_cnn", {"pooled": (1, 1)}, r"pooled: \[1, 1\]"),
        ("batchout_cnn", {"dropout": 1.0}, "dropout: 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(
    name: str, settings: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        MODELS[name](_data(3, 32, 32), **settings)


@pytest.mark.parametrize("name", SMALL)
def test_data_that_are_no_images_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=r"zeros gives \[5\]"):
        MODELS[name](_data(5), **SMALL[name])


def test_one_seed_gives_one_model() -> None:
    first, again = (_build("small_cnn", 1, 8, 8) for _ in range(2))
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
