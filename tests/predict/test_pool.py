"""The pool: rows of the training part by class, and places that are uniform within a class."""

from __future__ import annotations

import pytest
import torch
from predictions import CLASSES, TRAIN, labels, rows, seeded, training
from torch import Tensor

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.predict.pool import Pool, Pooling


def uneven(n: int = TRAIN) -> Tensor:
    """One row of class 2, three of class 1, and class 0 for the rest."""
    classes = torch.zeros(n, dtype=torch.int64)
    classes[[5, 6, 7]] = 1
    classes[11] = 2
    return as_targets(classes, CLASSES)


def classes_of(pool: Pool) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(pool.count)), pool.count)


@pytest.mark.parametrize("size", [None, 24, TRAIN])
@pytest.mark.parametrize("balanced", [False, True])
def test_a_pool_holds_distinct_training_rows_in_the_order_of_their_classes(size, balanced):
    part = training()
    pool = Pooling(size, balanced).draw(part.source)
    assert len(pool.rows) == len(set(pool.rows.tolist())) == (size or TRAIN)
    assert torch.equal(pool.inputs, part.data.train.inputs[pool.rows])
    assert torch.equal(labels()[pool.rows], classes_of(pool))
    assert torch.equal(pool.begin, pool.count.cumsum(0) - pool.count)


def test_a_balanced_pool_has_as_many_rows_of_each_class_to_one():
    targets = as_targets((torch.arange(TRAIN) % 10 > 5).long() + (torch.arange(TRAIN) > 54), 3)
    pool = Pooling(11, balanced=True).draw(training(targets=targets).source)
    assert pool.count.tolist() == [4, 4, 3]
    free = Pooling(TRAIN).draw(training(targets=targets).source)
    assert free.count.tolist() == targets.sum(0).tolist()


def test_the_seed_of_the_pool_decides_which_rows_it_holds():
    def rows_of(seed: int) -> list[int]:
        return Pooling(20, seed=seed).draw(training().source).rows.tolist()

    assert rows_of(0) == rows_of(0)
    assert rows_of(0) != rows_of(1)


def test_one_column_of_labels_is_two_classes():
    targets = (torch.arange(TRAIN) % 3 == 0).double()[:, None]
    pool = Pooling(None).draw(training(targets=targets).source)
    assert pool.count.tolist() == [40, 20]
    assert (targets[pool.rows, 0] == classes_of(pool)).all()


def test_the_pool_is_gathered_in_chunks_but_for_the_rows_that_it_keeps():
    asked: list[int] = []

    class Watched:
        def __len__(self) -> int:
            return 5000

        def gather(self, index: Tensor) -> Batch:
            asked.append(len(index))
            return Batch(index[:, None].double(), as_targets(index % CLASSES, CLASSES), index)

    Pooling(90, balanced=True).draw(Watched())
    assert max(asked) <= 1024
    assert sum(asked) == 5000 + 90


def test_places_are_uniform_within_the_class_that_was_asked_for():
    pool = Pooling(None).draw(training().source)
    wanted = torch.randint(CLASSES, (50, 400), generator=seeded(0))
    uniform = torch.rand(50, 400, generator=seeded(1), dtype=torch.float64)
    places = pool.places(wanted, uniform, None)
    assert torch.equal(classes_of(pool)[places], wanted)
    seen = places.flatten().bincount(minlength=TRAIN)
    expected = 50 * 400 / TRAIN  # 333, with a standard deviation of 18
    assert (seen - expected).abs().max() < 4.5 * 18
    edge = pool.places(wanted, torch.full_like(uniform, 1 - 2**-53), None)
    assert torch.equal(edge, (pool.begin + pool.count - 1)[wanted])


def test_an_example_of_the_training_part_is_never_its_own_sample():
    pool = Pooling(None).draw(training().source)
    own = torch.tensor([0, 17, 59, 4])
    wanted = labels()[own][:, None].expand(4, 3000)
    uniform = torch.rand(4, 3000, generator=seeded(1), dtype=torch.float64)
    drawn = pool.rows[pool.places(wanted, uniform, own)]
    for row, samples in zip(own.tolist(), drawn, strict=True):
        others = set(range(TRAIN)) - {row}
        assert set(samples.tolist()) == {r for r in others if labels()[r] == labels()[row]}
    elsewhere = pool.places((wanted + 1) % CLASSES, uniform, own)
    assert torch.equal(elsewhere, pool.places((wanted + 1) % CLASSES, uniform, None))


def test_the_only_row_of_a_class_cannot_be_left_out():
    pool = Pooling(None).draw(training(targets=uneven()).source)
    only = torch.full((1, 2), 2)
    uniform = torch.zeros(1, 2, dtype=torch.float64)
    assert pool.rows[pool.places(only, uniform, torch.tensor([3]))].tolist() == [[11, 11]]
    with pytest.raises(SettingError, match="class 2 has no row in the pool but the example"):
        pool.places(only, uniform, torch.tensor([11]))


@pytest.mark.parametrize(
    ("pooling", "targets", "message"),
    [
        (Pooling(61), None, "pool is 61, but the training part has 60 rows"),
        (Pooling(5), uneven(), "class [12] has no row among 5.*balanced: true"),
        (Pooling(6, balanced=True), uneven(), "class 2 has 1 rows.*expected 2"),
        (Pooling(None), as_targets(labels() % 2, CLASSES), "class 2 has no row among 60"),
        (Pooling(None), torch.zeros(TRAIN, 1), "class 1 has no row"),
        (Pooling(None), rows(TRAIN)[:, :1], "targets are numbers: expected classes"),
        (Pooling(None), torch.ones(TRAIN, 2), "targets are sets of labels: expected classes"),
    ],
)
def test_a_pool_that_cannot_be_drawn_says_why(pooling, targets, message):
    with pytest.raises(SettingError, match=message):
        pooling.draw(training(targets=targets).source)


def test_a_pool_without_rows_is_refused():
    with pytest.raises(SettingError, match="pool is 0: expected 1 or more rows"):
        Pooling(0)
