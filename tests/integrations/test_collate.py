"""Mixing where batches are made: torchvision's results, and draws that `seed` alone decides."""

from __future__ import annotations

import copy
import pickle
from collections import namedtuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from mixup_multi.errors import PointError, SettingError
from mixup_multi.integrations import Method, MixBatch, MixCollate
from mixup_multi.integrations.batches.blending import blended
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.objective import Draw

N, CLASSES = 8, 3
LABELS = torch.arange(N) % CLASSES


def images(n: int = N) -> Tensor:
    return torch.rand(n, 2, 6, 4, generator=torch.Generator().manual_seed(0))


class Drawn:
    """Stands in for a distribution that drew `value`."""

    def __init__(self, value: float) -> None:
        self.value = value

    def sample(self, shape) -> float:
        return self.value


@pytest.mark.parametrize("own", [0.0, 0.3, 1.0])
def test_mixup_is_torchvisions(own):
    from torchvision.transforms import v2

    peer = v2.MixUp(num_classes=CLASSES)
    peer._dist = Drawn(own)
    theirs, soft = peer(images(), LABELS)
    mix = Mix(torch.arange(N).roll(1), torch.tensor([own], dtype=torch.float64))
    rows = functional.one_hot(LABELS, CLASSES).float()
    ours, targets = blended(MixBatch("mixup").objective, images(), rows, Draw(mix))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    torch.testing.assert_close(targets, soft, rtol=0, atol=1e-6)


@pytest.mark.parametrize("own", [0.2, 0.5, 0.9])
def test_cutmix_is_torchvisions(own):
    from torchvision.transforms import v2

    peer = v2.CutMix(num_classes=CLASSES)
    peer._dist = Drawn(own)
    torch.manual_seed(0)
    theirs, soft = peer(images(), LABELS)
    torch.manual_seed(0)
    column, row = torch.randint(4, (1,)).item(), torch.randint(6, (1,)).item()
    mix = Mix(torch.arange(N).roll(1), torch.tensor([own], dtype=torch.float64))
    centre = torch.tensor([[(row + 0.5) / 6, (column + 0.5) / 4]], dtype=torch.float64)
    rows = functional.one_hot(LABELS, CLASSES).float()
    ours, targets = blended(MixBatch("cutmix").objective, images(), rows, Draw(mix, blend=centre))
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(targets, soft, rtol=0, atol=1e-6)


def test_shares_follow_torchvisions_law():
    """Beta(0.4, 0.4), to the size of a Kolmogorov-Smirnov test at 1 in 1,000."""
    from scipy.stats import kstest

    mix, x = MixBatch("mixup", classes=2, alpha=0.4), torch.eye(2)
    own = []
    for _ in range(2000):
        _, soft = mix(x, torch.tensor([0, 1]))
        if float(soft[0, 0]) != 1:  # else the two rows met themselves
            own.append(float(soft[0, 0]))
    assert 800 < len(own) < 1200
    assert kstest(own, "beta", args=(0.4, 0.4)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mixup", {"alpha": 0.5}),
        ("cutmix", {}),
        ("mixup", {"per": "row", "partner": "other_class"}),
        ("switch", {"prob": 0.5}),
        ("label_smoothing", {"inner": {"name": "mixup"}}),
        ("cutout", {"size": 2, "inner": {"name": "cutmix"}}),
        ("erm", {}),
    ],
)
def test_training_on_mixed_batches_is_the_method(name, settings):
    """Bit for bit with the same seed: beforehand, and plain training then, or within the step."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, CLASSES))
    mix = MixBatch(name, classes=CLASSES, seed=4, **settings)
    plain, method = Method("erm"), Method(name, classes=CLASSES, seed=4, **settings)
    for _ in range(5):
        assert torch.equal(plain(net, *mix(images(), LABELS)), method(net, images(), LABELS))


def test_the_batch_keeps_its_form_and_what_else_is_in_it():
    pair = namedtuple("pair", "x y")
    forms = {
        tuple: (images(), LABELS, "id"),
        list: [images(), LABELS],
        pair: pair(images(), LABELS),
        dict: {"pixel_values": images(), "labels": LABELS, "id": "id"},
    }
    for kind, batch in forms.items():
        keys = {"inputs": "pixel_values", "labels": "labels"} if kind is dict else {}
        out = MixBatch("mixup", classes=CLASSES, **keys)(batch)
        assert type(out) is kind
        assert len(out) == len(batch)
        x, y = (out[key] for key in keys.values()) if keys else out[:2]
        expected = MixBatch("mixup", classes=CLASSES)(images(), LABELS)
        assert torch.equal(x, expected[0])
        assert torch.equal(y, expected[1])
        assert torch.equal(batch[keys.get("labels", 1)], LABELS)
    assert MixBatch("mixup", classes=CLASSES)(forms[tuple])[2] == "id"


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("mixupe", {}, "MixupE looks at the model in every step"),
        ("manifold_mixup", {}, "mixes at all, which is within the model"),
        ("mixup", {"points": "layer2"}, "mixes at layer2, which is within the model"),
        ("varmixup", {"codec": {"name": "mmd_vae"}}, "latent space of a codec"),
        ("switch", {"second": {"name": "mixupe"}}, "MixupE looks at the model"),
        ("adversarial", {"attack": {"name": "fgsm"}}, "Adversarial looks at the model"),
    ],
)
def test_methods_that_need_the_model_are_sent_to_method(name, settings, why):
    with pytest.raises(SettingError, match=rf"{why}.*Method\(...\)\(model, x, y\)"):
        MixBatch(name, **settings)


def test_batches_that_do_not_fit_are_refused():
    mix = MixBatch("mixup", classes=CLASSES)
    with pytest.raises(SettingError, match=r"'pixels' has no 0: expected inputs at 0"):
        mix({"pixels": images()})
    with pytest.raises(SettingError, match="run from 0 to 5"):
        mix(images(), torch.arange(N) % 6)
    with pytest.raises(
        PointError, match=r"uint8 cannot be mixed.*pixels after their normalisation"
    ):
        mix((255 * images()).byte(), LABELS)


def loader(mixing: MixCollate, workers: int, **settings) -> DataLoader:
    data = TensorDataset(torch.eye(N), LABELS)
    return DataLoader(data, batch_size=2, collate_fn=mixing, num_workers=workers, **settings)


def epoch(batches: DataLoader) -> list[Tensor]:
    return [x for x, _ in batches]


def same(one: list[Tensor], other: list[Tensor]) -> list[bool]:
    return [torch.equal(a, b) for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize(
    "settings", [{}, {"persistent_workers": True}], ids=["new workers", "persistent workers"]
)
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_and_epochs_draw_differently_and_by_the_seed_alone(context, settings):
    if context == "spawn" and settings:
        pytest.skip("new workers by spawn, and persistent ones by fork, are both ways of each")
    settings = {"multiprocessing_context": context, **settings}
    mixing = {"classes": CLASSES, "seed": 2, "partner": "other_class"}
    torch.manual_seed(1)
    batches = loader(MixCollate("mixup", **mixing), 2, **settings)
    first, second = epoch(batches), epoch(batches)
    shares = [float(x.max(1).values[0]) for x in first + second]
    assert len({round(share, 5) for share in shares}) == len(shares)
    torch.manual_seed(99)  # the loader's own seeds do not matter
    again = loader(MixCollate("mixup", **mixing), 2, **settings)
    assert all(same(first, epoch(again)) + same(second, epoch(again)))
    other = loader(MixCollate("mixup", **{**mixing, "seed": 3}), 2, **settings)
    assert not any(same(first, epoch(other)))


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_after_an_epoch_is_uninterrupted(workers):
    mixing = {"classes": CLASSES, "partner": "other_class"}
    whole = loader(MixCollate("mixup", **mixing), workers)
    epoch(whole)
    state = pickle.loads(pickle.dumps(whole.collate_fn.state_dict()))
    expected = epoch(whole)
    resumed = loader(MixCollate("mixup", **mixing), workers)
    resumed.collate_fn.load_state_dict(state)
    assert all(same(epoch(resumed), expected))


def test_another_collate_function_is_asked_first():
    mixing = MixCollate("mixup", classes=CLASSES, collate=lambda rows: (images(), LABELS))
    x, y = mixing([1, 2, 3])
    expected = MixBatch("mixup", classes=CLASSES)(images(), LABELS)
    assert torch.equal(x, expected[0])
    assert torch.equal(y, expected[1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_draw_as_the_original_does_in_every_epoch(copied):
    """Such as those of skorch's `clone`: their count of starts is shared with workers again."""
    mixing = {"classes": CLASSES, "partner": "other_class"}
    whole = loader(MixCollate("mixup", **mixing), 2)
    first, second = epoch(whole), epoch(whole)
    assert not any(same(first, second))
    twin = loader(copied(MixCollate("mixup", **mixing)), 2)
    assert all(same(first, epoch(twin)) + same(second, epoch(twin)))
    here = MixCollate("mixup", **mixing)
    later = loader(copied(here), 0)
    assert all(same(epoch(loader(here, 0)), epoch(later)))
    assert all(same(epoch(loader(here, 0)), epoch(loader(copied(later.collate_fn), 0))))


RANKS = [{"RANK": "1"}, {"LOCAL_RANK": "1"}, {"RANK": "1", "LOCAL_RANK": "0"}]


@pytest.mark.parametrize("said", RANKS, ids=str)
@pytest.mark.parametrize("workers", [0, 1])
def test_ranks_that_are_known_after_construction_draw_differently(monkeypatch, said, workers):
    """As in Lightning's processes, which make their loaders before they know each other."""
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    mixing = {"classes": CLASSES, "partner": "other_class"}
    first, early, late = (MixCollate("mixup", **mixing) for _ in range(3))
    alone = epoch(loader(first, workers))
    early.state_dict()  # to ask for a state binds no rank
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    second = epoch(loader(early, workers))
    assert not any(same(alone, second))
    assert all(same(second, epoch(loader(MixCollate("mixup", **mixing), workers))))
    assert all(same(second, epoch(loader(copy.deepcopy(late), workers))))


def ask_rank(rank: int, mixing: MixCollate, folder: str) -> None:
    """Draw in a process that knows its rank from the process group alone, and in its workers."""
    from torch import distributed

    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2
    )
    found = [
        *epoch(loader(mixing, 1, multiprocessing_context="fork")),
        *epoch(loader(mixing, 1, multiprocessing_context="spawn")),
        *epoch(loader(mixing, 0)),
    ]
    distributed.destroy_process_group()
    torch.save(found, f"{folder}/{rank}")


def test_processes_of_a_group_draw_differently(monkeypatch, tmp_path):
    """Main processes, forked workers and spawned ones, of what was made before the group was.

    Each draws what it would if it had known its rank all along; they share no count of starts.
    """
    settings = {"classes": CLASSES, "partner": "other_class"}
    folder = str(tmp_path)
    torch.multiprocessing.spawn(ask_rank, (MixCollate("mixup", **settings), folder), nprocs=2)
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        known = MixCollate("mixup", **settings)
        expected = epoch(loader(known, 1)) + epoch(loader(known, 1)) + epoch(loader(known, 0))
        assert all(same(torch.load(tmp_path / str(rank)), expected))


@pytest.mark.parametrize("places", [(0, -1), (-2, -1), (-2, 1)])
def test_places_may_be_counted_from_the_end(places):
    """Labels at -1 are mixed as the inputs are, not passed on beside mixed inputs."""
    inputs, labels = places
    mixed = MixBatch("mixup", classes=CLASSES, inputs=inputs, labels=labels)(images(), LABELS)
    expected = MixBatch("mixup", classes=CLASSES)(images(), LABELS)
    assert len(mixed) == 2
    assert all(torch.equal(a, b) for a, b in zip(mixed, expected, strict=True))
