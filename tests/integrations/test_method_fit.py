"""`Method.fit`: what methods ask of the training part, from what people have of it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from mixup_multi import staged
from mixup_multi.bounds import pixels
from mixup_multi.errors import DataError, PointError, SettingError
from mixup_multi.integrations import Method
from mixup_multi.integrations.loop.training_part import training_part

N, CLASSES = 11, 3


def images() -> Tensor:
    return torch.rand(N, 1, 4, 4, generator=torch.Generator().manual_seed(0))


LABELS = torch.arange(N) % CLASSES


class Counted(Dataset):
    """Examples that are counted as they are read, each with a random number that nobody needs."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int):
        self.read.append(row)
        random.random(), np.random.rand(), torch.rand(1)  # as transforms do
        return images()[row], int(LABELS[row])


class Streamed(IterableDataset):
    def __iter__(self):
        yield from zip(images(), LABELS, strict=True)


class Named(Dataset):
    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int):
        return {"pixel_values": images()[row], "labels": LABELS[row]}


def pairs() -> TensorDataset:
    return TensorDataset(images(), LABELS)


PARTS = {
    "a tensor": lambda: training_part(images()),
    "a dataset": lambda: training_part(pairs(), batch_size=4),
    "a dataset of images alone": lambda: training_part(TensorDataset(images())),
    "an array": lambda: training_part(images().numpy()),
    "a loader": lambda: training_part(DataLoader(pairs(), 4, shuffle=True, drop_last=True)),
    "a weighted loader": lambda: training_part(
        DataLoader(pairs(), 4, sampler=WeightedRandomSampler(torch.ones(N), N))
    ),
    "mappings": lambda: training_part(Named(), inputs="pixel_values"),
    "mappings by a function": lambda: training_part(Named(), inputs=lambda b: b["pixel_values"]),
    "a loader of a stream": lambda: training_part(DataLoader(Streamed(), 4)),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_mean_is_that_of_all_examples_each_once(name):
    torch.testing.assert_close(PARTS[name]().mean(), images().mean(0))


def test_the_mean_of_a_loaders_subset_is_the_subsets():
    rows = [8, 1, 5]
    loader = DataLoader(pairs(), 2, sampler=SubsetRandomSampler(rows))
    part = training_part(loader)
    torch.testing.assert_close(part.mean(), images()[rows].mean(0))
    assert len(part.source) == 3


def test_a_tree_of_tensors_has_a_tree_for_a_mean():
    part = training_part({"a": torch.eye(4), "b": torch.arange(8.0).view(4, 2)})
    assert part.mean()["a"].tolist() == [0.25] * 4
    assert part.source.gather(torch.tensor([2, 0])).inputs["b"].tolist() == [[4, 5], [0, 1]]


@pytest.mark.parametrize("name", [name for name in PARTS if "stream" not in name])
def test_examples_are_gathered_in_the_order_that_is_asked_for(name):
    part, rows = PARTS[name](), torch.tensor([3, 0, 3])
    batch = part.source.gather(rows)
    assert torch.equal(batch.inputs, images()[rows])
    assert (len(batch), len(part.source)) == (3, N)


def test_nothing_is_read_that_is_not_asked_for_and_no_randomness_moves():
    data = Counted()
    Method("mixup").fit(data)
    assert data.read == []
    torch.manual_seed(0)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    Method("mixupe_exact").fit(data)
    assert data.read == list(range(N))
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: (images(), LABELS), r"tuple of 2 tensors: .*TensorDataset"),
        (lambda: Named(), "mappings with pixel_values, labels: .*inputs='pixel_values'"),
        (lambda: 3, "is a int: expected a map-style Dataset"),
        (
            lambda: DataLoader(pairs(), batch_sampler=[[0, 1], [2]]),
            "the Dataset of training examples itself",
        ),
    ],
)
def test_what_examples_cannot_be_read_from_is_refused(given, message):
    with pytest.raises(SettingError, match=message):
        Method("mixupe_exact").fit(given())


def test_a_sampler_of_ones_own_is_refused():
    class Mine(RandomSampler):
        pass

    with pytest.raises(SettingError, match="by Mine and BatchSampler"):
        training_part(DataLoader(pairs(), 2, sampler=Mine(pairs())))


def test_a_codec_is_not_fitted_to_a_stream():
    codec = {"name": "mmd_vae", "latent": 2, "epochs": 1}
    with pytest.raises(DataError, match="IterableDataset has no examples to choose from"):
        Method("varmixup", codec=codec).fit(DataLoader(Streamed(), 4))


def test_no_examples_have_no_mean():
    with pytest.raises(DataError, match="empty"):
        training_part(torch.zeros(0, 3)).mean()


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))


def test_the_exact_q_is_taken_towards_the_training_mean():
    method = Method("mixupe_exact", classes=CLASSES).fit(pairs())
    torch.testing.assert_close(method.objective.mean, images().mean(0))
    assert bool(torch.isfinite(method(net(), images(), LABELS)))


@pytest.mark.parametrize(
    "settings", [{}, {"points": "all"}, {"points": "input"}], ids=["first", "all", "input"]
)
def test_the_exact_q_at_the_input_must_be_fitted(settings):
    method = Method("mixupe_exact", classes=CLASSES, **settings)
    with pytest.raises(SettingError, match=r"mean input .* method.fit\(train\)"):
        method(net(), images(), LABELS)


def test_the_exact_q_within_the_model_needs_no_fit():
    model = staged(net(), at=["3"])
    method = Method("mixupe_exact", classes=CLASSES, points="3")
    assert bool(torch.isfinite(method(model, images(), LABELS)))
    within = Method("label_smoothing", classes=3, inner={"name": "mixupe_exact"})
    with pytest.raises(SettingError, match="mean input"):
        within(model, images(), LABELS)


PGD = {"name": "pgd", "eps": 8 / 255, "steps": 2, "step": 4 / 255}


def test_an_attack_stays_within_the_pixels():
    mean, std = 0.4, 0.2
    bounds = pixels(mean, std)
    seen: list[Tensor] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x):
            seen.append(x.detach())
            return self.net(x)

    normalised = (images().round() - mean) / std  # black and white: at the ends of the range
    method = Method("adversarial", classes=CLASSES, attack=PGD).fit(normalised, bounds=bounds)
    loss = method(Watched(), normalised, LABELS)
    pixels_seen = seen[-1] * std + mean
    assert bool(torch.isfinite(loss))
    assert float(pixels_seen.min()) >= -1e-6
    assert float(pixels_seen.max()) <= 1 + 1e-6
    moved = (pixels_seen - images().round()).abs()
    assert 0 < float(moved.max()) <= 8 / 255 + 1e-6


@pytest.mark.parametrize("fitted", [False, True])
def test_an_attack_on_the_input_needs_bounds(fitted):
    method = Method("adversarial", classes=CLASSES, attack=PGD)
    if fitted:
        method.fit(images())
    with pytest.raises(PointError, match=r"Method.fit\(..., bounds=...\)"):
        method(net(), images(), LABELS)


def test_a_codec_must_be_fitted_and_then_mixes():
    settings = {"codec": {"name": "mmd_vae", "latent": 2, "epochs": 1, "batch_size": 6}}
    method = Method("varmixup", classes=CLASSES, **settings)
    with pytest.raises(SettingError, match="or that of Method in a loop"):
        method(net(), images(), LABELS)
    before = torch.get_rng_state()
    method.fit(pairs(), bounds=pixels(0.0, 1.0))
    assert torch.equal(before, torch.get_rng_state())
    assert bool(torch.isfinite(method(net(), images(), LABELS)))


def test_rows_look_up_the_codes_that_fit_has_cached():
    settings = {"codec": {"name": "mmd_vae", "latent": 2, "epochs": 1}}
    method = Method("varmixup", classes=CLASSES, **settings).fit(images(), bounds=pixels(0.0, 1.0))
    again = Method("varmixup", classes=CLASSES, **settings).fit(images(), bounds=pixels(0.0, 1.0))
    rows, model = torch.tensor([4, 0, 7]), net()
    looked_up = method(model, torch.zeros(3, 1, 4, 4), LABELS[rows], rows=rows)
    encoded = again(model, images()[rows], LABELS[rows])
    torch.testing.assert_close(looked_up, encoded)


def test_a_training_part_is_taken_as_it_is():
    part = training_part(images(), bounds=pixels(0.0, 1.0))
    assert training_part(part) is part
    with pytest.raises(SettingError, match="bounds beside a training part"):
        training_part(part, bounds=pixels(0.0, 1.0))


def test_the_key_is_the_contents():
    keys = {training_part(images() + shift, batch_size=size).key for shift, size in CASES}
    assert len(keys) == 2


CASES = [(0.0, 11), (0.0, 11), (1.0, 11)]


def test_pixels_are_torchvisions_normalisation():
    from torchvision.transforms import v2

    mean, std = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    bounds, normalise = pixels(mean, std, (3, 4, 4)), v2.Normalize(mean, std)
    torch.testing.assert_close(bounds.low.expand(3, 4, 4), normalise(torch.zeros(3, 4, 4)))
    torch.testing.assert_close(bounds.high.expand(3, 4, 4), normalise(torch.ones(3, 4, 4)))
    torch.testing.assert_close(bounds.unit, bounds.high - bounds.low)
    assert bounds.diameter == pytest.approx(48**0.5)
    with pytest.raises(SettingError, match="eps is 8: expected at most 1"):
        bounds.check("eps", 8)
    with pytest.raises(SettingError, match="every std above 0"):
        pixels(mean, [0.1, 0.0, 0.1])
    with pytest.raises(SettingError, match="one a channel"):
        pixels(mean, 0.1)
