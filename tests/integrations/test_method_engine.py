"""A plain PyTorch loop with `Method` is the engine's own loop, bit for bit, on the same streams."""

from __future__ import annotations

import pytest
import torch
from cohort_jobs import CLASSES, METHODS, job

from mixup_multi.engine import loop
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.stepping import Backend
from mixup_multi.integrations import Method
from mixup_multi.streams import seed_of, stream


@pytest.mark.parametrize("name", METHODS)
def test_a_plain_loop_is_the_engines(name):
    ours = job(METHODS[name], optimizer="sgd", epochs=3)
    state = loop.start(ours)
    loop.run(ours, state)

    torch.manual_seed(seed_of(ours.seed, "init"))
    model = ours.build()
    optimizer = torch.optim.SGD(
        model.parameters(), ours.train.lr, ours.train.momentum, weight_decay=ours.train.weight_decay
    )
    method = Method(METHODS[name], classes=CLASSES, seed=ours.seed)
    order, train = stream(ours.seed, "order"), ours.data.train
    for epoch in range(3):
        for group in optimizer.param_groups:
            group["lr"] = ours.train.schedule.rate(ours.train.lr, epoch, 3)
        for rows in epoch_batches(len(train), ours.train, order):
            optimizer.zero_grad()
            method(model, train.inputs[rows], train.labels[rows]).backward()
            optimizer.step()
        record = method.record()
        assert record["loss"] == pytest.approx(state.history[epoch]["train_loss"], rel=1e-12)
        assert 100 * record["error"] == pytest.approx(state.history[epoch]["train_error"], rel=1e-6)
    theirs = state.model.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in model.state_dict().items())
    assert type(loop.backend_of(state, ours.train, ours.ranks, ours.device)) is Backend
