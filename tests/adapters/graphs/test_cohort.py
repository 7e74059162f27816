"""A fold of GIN in a cohort is the fold alone: in weights, statistics, masks and records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cohort_jobs as case
import pytest
import torch
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort_groups import cohorts
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DivergedError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, LOSSES, MixupE, Objective, Vicinal
from mixup_multi_adapters.graphs import PackedGraphs, gin
from mixup_multi_adapters.graphs.bags import Bags, sum_bags
from mixup_multi_adapters.graphs.data import Choices, prepare
from mixup_multi_adapters.graphs.motifs import motif_graphs
from mixup_multi_adapters.graphs.raw import RawGraphs

FOLDS = 4
METHODS = (ERM(), Vicinal(BetaShare(0.7)), MixupE(Vicinal(BetaShare(0.7)), eta=0.8))


def _raw(mutual: bool = True) -> RawGraphs:
    """Return 42 graphs of 16 to 28 nodes, every seventh of them without edges."""
    raw = motif_graphs(42, 0.1, 0)
    graph = torch.arange(42).repeat_interleave(raw.edge_counts)
    kept = graph % 7 != 0
    if not mutual:
        kept &= torch.arange(len(graph)) % 5 != 0
    counts = torch.bincount(graph[kept], minlength=42)
    return replace(raw, edges=raw.edges[:, kept], edge_counts=counts)


def _fold(fold: int, raw: RawGraphs | None = None, dtype: torch.dtype = torch.float64) -> Data:
    """Return a fold; not all training parts are of one size."""
    raw = _raw() if raw is None else raw
    data = prepare(raw, Trial(0, fold, FOLDS), Choices(validation=0.1))
    parts = {}
    for name in ("train", "validation", "test"):
        part = getattr(data, name)
        store = replace(part.store, table=part.store.table.to(dtype))
        parts[name] = replace(part, store=store)
    return replace(data, **parts)


def _job(
    objective: Objective,
    data: Data,
    build: Callable[[Data], nn.Module],
    dtype: torch.dtype = torch.float64,
    **train: object,
) -> loop.Job:
    settings = {"epochs": 10, "steps_per_epoch": 5, "batch_size": 8, "lr": 0.01, **train}
    return loop.Job(
        data,
        lambda: build(data).to(dtype),
        objective,
        LOSSES["softmax"],
        Train.model_validate({"track_test": True, "evaluate_every": 4, **settings}),
        int(data.key[:4], 16),
        torch.device("cpu"),
    )


def _check(jobs: list[loop.Job], tolerance: float = 1e-9) -> None:
    for together, one in zip(case.together(jobs), jobs, strict=True):
        assert isinstance(together, loop.State)
        case.assert_equal(together, case.alone(one), tolerance)
        assert torch.equal(together.dropout_generator.get_state(), torch.get_rng_state())


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("readout", "head", "dropout"),
    [("sum", "linear", 0.5), ("mean", "linear", 0.0), ("sum", "mlp", 0.0), ("mean", "mlp", 0.5)],
)
def test_members_equal_their_folds_alone_after_fifty_steps(
    readout: str, head: str, dropout: float, optimizer: str
) -> None:
    """Adam divides the gradient of a bias before BatchNorm, which is rounding, by itself.

    Such biases agree only where the bits do, so rows here have whole lines of the cache.
    """
    build = partial(gin, layers=3, hidden=16, readout=readout, head=head, dropout=dropout)
    folds = [_fold(0), _fold(2)]
    jobs = [_job(m, fold, build, optimizer=optimizer) for fold in folds for m in METHODS]
    _check(jobs)


def test_members_agree_in_single_precision_within_rounding() -> None:
    build, single = partial(gin, layers=3, hidden=16), torch.float32
    folds = [_fold(fold, dtype=single) for fold in range(3)]
    pairs = zip(METHODS, folds, strict=True)
    jobs = [_job(m, fold, build, single, epochs=2, optimizer="sgd") for m, fold in pairs]
    _check(jobs, tolerance=1e-4)


@pytest.mark.parametrize(
    "settings", [{"learn_eps": True}, {"mlp_layers": 1}, {"mlp_layers": 3}, {"layers": 1}]
)
def test_other_structures(settings: dict[str, int]) -> None:
    build = partial(gin, **{"layers": 3, "hidden": 5, **settings})
    jobs = [_job(METHODS[fold], _fold(fold), build, epochs=1, optimizer="sgd") for fold in (0, 2)]
    _check(jobs)


def test_edges_of_one_direction() -> None:
    raw = _raw(mutual=False)
    folds = [_fold(fold, raw) for fold in range(2)]
    assert not any(fold.train.store.mutual for fold in folds)
    build = partial(gin, layers=3, hidden=5)
    _check([_job(METHODS[2], fold, build, epochs=1, optimizer="sgd") for fold in folds])


@pytest.mark.parametrize("point", ["pooled1", "hidden"])
def test_mixing_at_other_points(point: str) -> None:
    inner = Vicinal(BetaShare(1.0, "row"), points=(point,))
    build = partial(gin, layers=3, hidden=5, head="mlp")
    methods = (inner, MixupE(inner, 0.7), ERM())
    pairs = enumerate(methods)
    _check([_job(m, _fold(f), build, epochs=2, optimizer="sgd") for f, m in pairs])


def test_warm_ups_make_gaps_among_the_penalised() -> None:
    build = partial(gin, layers=2, hidden=5)
    jobs = [_job(METHODS[2], _fold(f), build, epochs=3, optimizer="sgd") for f in range(3)]
    jobs = [
        replace(j, train=j.train.model_copy(update={"lr": lr}))
        for j, lr in zip(jobs, (0.01, 0.02, 0.03), strict=True)
    ]
    _check([replace(jobs[0], erm_epochs=1), jobs[1], replace(jobs[2], erm_epochs=2)])


def test_folds_make_one_cohort_though_their_sizes_differ() -> None:
    folds = [_fold(fold) for fold in range(4)]
    assert len({len(fold.train) for fold in folds}) > 1
    jobs = [_job(method, fold, gin) for fold in folds for method in METHODS]
    assert cohorts(jobs) == [list(range(12))]
    whole = [_job(METHODS[0], fold, gin, steps_per_epoch=None) for fold in folds]
    sizes = [len(fold.train) for fold in folds]
    assert sorted(map(len, cohorts(whole, even_if_slower=True))) == sorted(
        sizes.count(n) for n in set(sizes)
    )


def test_features_of_another_width_are_apart() -> None:
    narrow = prepare(_raw(), Trial(0, 1, FOLDS), Choices(features="constant"))
    jobs = [_job(ERM(), data, gin) for data in (_fold(0), narrow, _fold(2))]
    assert cohorts(jobs, even_if_slower=True) == [[0, 2], [1]]


def test_few_members_train_alone_unless_asked() -> None:
    jobs = [_job(ERM(), _fold(fold), gin) for fold in range(3)]
    assert cohorts(jobs) == [[0], [1], [2]]
    assert cohorts(jobs, even_if_slower=True) == [[0, 1, 2]]


def test_checkpoints_carry_each_members_dropout(tmp_path: Path) -> None:
    build = partial(gin, layers=2, hidden=8)

    def jobs(epochs: int) -> list[loop.Job]:
        settings = {"epochs": epochs, "evaluate_every": 1}
        made = [_job(METHODS[f], _fold(f), build, **settings) for f in range(3)]
        return [replace(job, checkpoint=tmp_path / f"{i}.pt") for i, job in enumerate(made)]

    whole = [case.alone(replace(job, checkpoint=None)) for job in jobs(4)]
    for epochs in (1, 3):
        case.together(jobs(epochs), checkpoint=tmp_path / "team.pt")
    case.part(jobs(4), tmp_path / "team.pt")
    for job, expected in zip(jobs(4), whole, strict=True):
        case.assert_equal(case.alone(job), expected)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_fold_that_diverges_leaves_and_the_others_go_on(part: str) -> None:
    build = partial(gin, layers=2, hidden=8)
    settings = {"epochs": 2, "optimizer": "sgd", "evaluate_every": 1}
    jobs = [_job(ERM(), _fold(fold), build, **settings) for fold in range(3)]
    getattr(jobs[1].data, part).store.table[:] = float("inf")
    ended = case.together(jobs)
    assert isinstance(ended[1], DivergedError)
    for member in (0, 2):
        together = ended[member]
        assert isinstance(together, loop.State)
        case.assert_equal(together, case.alone(jobs[member]))


def test_joining_is_gathering_from_each() -> None:
    first, second = (_fold(fold).train for fold in (0, 1))
    assert isinstance(first, PackedGraphs)
    index = torch.tensor([3, 0, 19, 7])
    apart = first.gather(index[:2]), second.gather(index[2:])
    joined = PackedGraphs.join([first, second])
    assert joined.ids == [*first.ids, *second.ids]
    batch = joined.gather(index + torch.tensor([0, 0, len(first), len(first)]))
    nodes = len(apart[0].inputs.x)
    assert torch.equal(batch.inputs.x, torch.cat([part.inputs.x for part in apart]))
    edges = torch.cat([apart[0].inputs.edge_index, apart[1].inputs.edge_index + nodes], 1)
    assert torch.equal(batch.inputs.edge_index, edges)
    assert torch.equal(batch.targets, torch.cat([part.targets for part in apart]))
    some = batch.inputs.examples_at(torch.tensor([2, 3]))
    assert torch.equal(some.x, apart[1].inputs.x)
    assert torch.equal(some.edge_index, apart[1].inputs.edge_index)


def test_what_was_known_of_other_edges_is_not_used() -> None:
    batch = _fold(0).train.gather(torch.arange(5)).inputs
    model = gin(_fold(0), layers=3, hidden=5).double().eval()
    cut = replace(batch, edge_index=batch.edge_index[:, :0])
    assert batch.packed is not None
    assert cut.packed is None
    assert not torch.allclose(model(cut), model(batch))
    with pytest.raises(ValueError, match="as packed storage gave it"):
        cut.examples_at(torch.tensor([0]))


def test_sums_over_bags_are_those_of_edges_and_of_graphs() -> None:
    batch = _fold(0).train.gather(torch.tensor([0, 5, 3, 6])).inputs
    assert batch.packed is not None
    neighbours, graphs = batch.packed.neighbours, batch.packed.graphs
    h = torch.randn(len(batch.x), 3, dtype=torch.float64, requires_grad=True)
    source, target = batch.edge_index
    expected = torch.zeros_like(h).index_add(0, target, h[source])
    assert torch.allclose(sum_bags(h, neighbours, neighbours), expected, rtol=0, atol=1e-12)
    back = Bags(batch.batch, graphs.rows)
    pooled = torch.zeros(4, 3, dtype=h.dtype).index_add(0, batch.batch, h)
    assert torch.allclose(sum_bags(h, graphs, back), pooled, rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda x: sum_bags(x, graphs, back).square(), h[:, :1])


def test_graphs_without_edges_in_one_batch() -> None:
    data = _fold(0)
    lonely = (data.train.store.edge_counts == 0).nonzero().flatten()[:2]
    batch = data.train.gather(lonely).inputs
    assert not batch.edge_index.numel()
    model = gin(data, layers=3, hidden=5).double().eval()
    assert torch.allclose(model(batch), model(replace(batch, packing=None)), rtol=1e-12)
