"""Lightning: a fit by the mixin or the callback is the plain loop, and a resumed one the same."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from mixup_multi.errors import SettingError
from mixup_multi.integrations import Method
from mixup_multi.integrations.lightning import KEY, MixedLoss, MixedTraining
from mixup_multi.integrations.loop.watch import FIRST

CLASSES = 3


def _rows(n: int = 24) -> TensorDataset:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(n, 4, generator=generator)
    return TensorDataset(x, torch.randint(CLASSES, (n,), generator=generator))


def _loader(rows: TensorDataset | None = None) -> DataLoader[Any]:
    """A loader whose order follows from the epoch, which Lightning tells its sampler."""
    rows = rows or _rows()
    sampler: Any = DistributedSampler(rows, num_replicas=1, rank=0, seed=7)
    return DataLoader(rows, batch_size=8, sampler=sampler)


def _net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, CLASSES))


class Plain(lightning.LightningModule):
    """A classifier as users have it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = _net()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = batch
        return functional.cross_entropy(self(x), y)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        x, y = batch
        self.log("valid_loss", functional.cross_entropy(self(x), y))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class Mixed(MixedLoss, Plain):
    """The same with a method, and a training step of the mixin."""

    def __init__(self, method: Method, at: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.method = method
        self.at = at


def _trainer(folder: Path, module: Any = lightning, **settings: Any) -> Any:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    return module.Trainer(
        **{"max_epochs": 3, "accelerator": "cpu", "devices": 1, **quiet, **settings},
        default_root_dir=folder,
    )


@pytest.fixture(autouse=True)
def _without_hints() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*many workers.*")
        warnings.filterwarnings("ignore", ".*logging on training batch end.*|.*log_every_n_steps.*")
        yield


def _plain_loop(step: Callable[[nn.Module, Tensor, Tensor], Tensor], epochs: int = 3) -> nn.Module:
    net = _net().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = _loader()
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for x, y in loader:
            optimizer.zero_grad()
            step(net, x, y).backward()
            optimizer.step()
    return net


def _same(first: nn.Module, second: nn.Module) -> None:
    one, other = first.state_dict(), second.state_dict()
    assert list(one) == list(other)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


METHODS: dict[str, Callable[[], Method]] = {
    "mixup": lambda: Method("mixup", classes=CLASSES, alpha=0.4),
    "mixupe": lambda: Method("mixupe", classes=CLASSES, alpha=0.4),
    "exact": lambda: Method("mixupe_exact", classes=CLASSES, alpha=0.4).fit(_rows()),
    "hidden": lambda: Method("manifold_mixup", classes=CLASSES, points=["net.3"]),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_fit_is_the_plain_loop_bit_for_bit(name: str, tmp_path: Path) -> None:
    from mixup_multi import staged

    at = ("net.3",) if name == "hidden" else ()
    module = Mixed(METHODS[name](), at)
    _trainer(tmp_path).fit(module, _loader())

    method = METHODS[name]()
    if name == "hidden":
        method = Method("manifold_mixup", classes=CLASSES, points=["3"])
    expected = _plain_loop(lambda net, x, y: method(staged(net, [n[4:] for n in at]), x, y))
    _same(module.net, expected)


@pytest.mark.parametrize("name", METHODS)
def test_the_callback_trains_as_the_mixin_does(name: str, tmp_path: Path) -> None:
    at = ("net.3",) if name == "hidden" else ()
    mixed, plain = Mixed(METHODS[name](), at), Plain()
    _trainer(tmp_path).fit(mixed, _loader())
    _trainer(tmp_path, callbacks=[MixedTraining(METHODS[name](), at)]).fit(plain, _loader())
    _same(mixed, plain)


@pytest.mark.parametrize("settings", [{"name": "erm"}, {"name": "mixup", "alpha": 0.0}])
def test_without_mixing_it_is_lightnings_own_training(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    plain = Plain()
    _trainer(tmp_path).fit(plain, _loader())
    name = settings.pop("name")
    mixed = Mixed(Method(name, classes=CLASSES, **settings))
    _trainer(tmp_path).fit(mixed, _loader())
    _same(plain, mixed)


def test_validation_is_not_mixed(tmp_path: Path) -> None:
    valid = DataLoader(_rows(), batch_size=24)
    module = Mixed(METHODS["mixup"]())
    trainer = _trainer(tmp_path)
    trainer.fit(module, _loader(), valid)
    x, y = _rows().tensors
    expected = functional.cross_entropy(module.eval()(x), y)
    assert trainer.callback_metrics["valid_loss"].item() == pytest.approx(expected.item())


def test_what_the_method_computes_is_logged_as_the_mean_over_rows(tmp_path: Path) -> None:
    seen: list[tuple[float, int]] = []

    class Watched(Mixed):
        def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
            assert self.method.terms is not None
            seen.append((self.method.terms.means["regulariser"].item(), len(batch[1])))

    trainer = _trainer(tmp_path, max_epochs=1)
    trainer.fit(Watched(METHODS["mixupe"]()), _loader(_rows(20)))
    logged = trainer.callback_metrics
    assert {"train_loss", "train_error", "train_mixed_loss", "train_etahat"} <= set(logged)
    assert "train_etahat_clamped" in logged
    mean = sum(value * rows for value, rows in seen) / sum(rows for _, rows in seen)
    assert logged["train_regulariser"].item() == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("form", ["mixin", "callback"])
def test_a_resumed_fit_is_the_uninterrupted_one_bit_for_bit(form: str, tmp_path: Path) -> None:
    def run(epochs: int, ckpt: Path | None = None) -> tuple[Any, nn.Module]:
        method = METHODS["mixupe"]()
        module = Mixed(method) if form == "mixin" else Plain()
        callbacks = [] if form == "mixin" else [MixedTraining(method)]
        trainer = _trainer(tmp_path, max_epochs=epochs, callbacks=callbacks)
        trainer.fit(module, _loader(), ckpt_path=ckpt)
        return trainer, module

    _, whole = run(4)
    first, _ = run(2)
    first.save_checkpoint(tmp_path / "half.ckpt")
    _, resumed = run(4, tmp_path / "half.ckpt")
    _same(whole, resumed)


def test_a_fit_that_stops_within_an_epoch_goes_on_with_its_draws(tmp_path: Path) -> None:
    class Drawn(Mixed):
        def on_fit_start(self) -> None:
            super().on_fit_start()
            self.states: list[Tensor] = []

        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            self.states.append(self.method.state_dict()["generator"])

    def run(steps: int, ckpt: Path | None = None) -> tuple[Any, Drawn]:
        module = Drawn(METHODS["mixupe"]())
        trainer = _trainer(tmp_path, max_steps=steps, max_epochs=-1)
        trainer.fit(module, _loader(), ckpt_path=ckpt)
        return trainer, module

    _, whole = run(5)
    first, _ = run(4)
    first.save_checkpoint(tmp_path / "step4.ckpt")
    _, resumed = run(5, tmp_path / "step4.ckpt")
    assert torch.equal(whole.states[4], resumed.states[0])


def test_a_checkpoint_of_the_mixin_loads_without_running_code(tmp_path: Path) -> None:
    module = Mixed(METHODS["mixupe"]())
    trainer = _trainer(tmp_path, max_epochs=1)
    trainer.fit(module, _loader())
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    states = torch.load(tmp_path / "one.ckpt", weights_only=True)[KEY]
    assert torch.equal(states[0]["generator"], module.method.state_dict()["generator"])


def test_the_callback_gives_the_module_its_own_step_back(tmp_path: Path) -> None:
    class Stops(lightning.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            raise RuntimeError("stopped")

    module = Plain()
    callbacks = [MixedTraining(METHODS["mixup"]()), Stops()]
    with pytest.raises(RuntimeError, match="stopped"):
        _trainer(tmp_path, callbacks=callbacks).fit(module, _loader())
    assert "training_step" not in vars(module)
    _trainer(tmp_path).fit(module, _loader())


def test_a_step_of_ones_own_optimises_by_hand(tmp_path: Path) -> None:
    class ByHand(Mixed):
        def __init__(self, method: Method) -> None:
            super().__init__(method)
            self.automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int = 0) -> None:  # type: ignore[override]
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(self.mixed_loss(batch))
            optimizer.step()

    by_hand, automatic = ByHand(METHODS["mixupe"]()), Mixed(METHODS["mixupe"]())
    _trainer(tmp_path).fit(by_hand, _loader())
    _trainer(tmp_path).fit(automatic, _loader())
    _same(by_hand, automatic)


def test_callbacks_of_ones_own_module_stay(tmp_path: Path) -> None:
    seen = []

    class Told(lightning.Callback):
        def on_train_start(self, *_: Any) -> None:
            seen.append(self)

    class Telling(Plain):
        def configure_callbacks(self) -> Any:
            return Told()

    class Both(MixedLoss, Telling):
        method = METHODS["mixup"]()

    _trainer(tmp_path, max_epochs=1).fit(Both(), _loader())
    assert len(seen) == 1


def test_some_steps_may_leave_the_method_out(tmp_path: Path) -> None:
    class Sometimes(Mixed):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            mixes = batch_idx == FIRST - 2
            return self.mixed_loss(batch) if mixes else Plain.training_step(self, batch, batch_idx)

    module = Sometimes(METHODS["mixup"]())
    _trainer(tmp_path, max_epochs=2).fit(module, _loader(_rows(8 * (FIRST + 2))))
    assert module.method.steps == 2


def test_accumulated_micro_batches_draw_for_themselves(tmp_path: Path) -> None:
    module = Mixed(METHODS["mixup"]())
    _trainer(tmp_path, accumulate_grad_batches=3, max_epochs=1).fit(module, _loader())

    net, method = _net().train(), METHODS["mixup"]()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = _loader()
    loader.sampler.set_epoch(0)  # type: ignore[attr-defined]
    for x, y in loader:
        (method(net, x, y) / 3).backward()
    optimizer.step()
    _same(module.net, net)


def test_mixed_precision_trains(tmp_path: Path) -> None:
    module = Mixed(METHODS["mixupe"]())
    before = module.net[0].weight.detach().clone()
    trainer = _trainer(tmp_path, precision="bf16-mixed", max_epochs=1)
    trainer.fit(module, _loader())
    assert trainer.callback_metrics["train_loss"].isfinite()
    assert not torch.equal(before, module.net[0].weight)


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_both_packages_of_lightning_take_it(package: str, tmp_path: Path) -> None:
    base = importlib.import_module(package)

    def init(self: Any) -> None:
        base.LightningModule.__init__(self)
        self.net = _net()

    members = {
        "__init__": init,
        "forward": lambda self, x: self.net(x),
        "training_step": Plain.training_step,
        "configure_optimizers": Plain.configure_optimizers,
    }
    plain_type = type("Theirs", (base.LightningModule,), members)
    mixed_type = type("MixedTheirs", (MixedLoss, plain_type), {})
    mixed, plain = mixed_type(), plain_type()
    mixed.method = METHODS["mixupe"]()
    _trainer(tmp_path, base).fit(mixed, _loader())
    callback = MixedTraining(METHODS["mixupe"]())
    _trainer(tmp_path, base, callbacks=[callback]).fit(plain, _loader())
    _same(mixed, plain)


class TestErrors:
    @pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
    def test_of_the_mixin_behind_the_module(self, package: str) -> None:
        base = pytest.importorskip(package).LightningModule
        with pytest.raises(SettingError, match=r"LightningModule stands .*Last\(MixedLoss, "):
            type("Last", (base, MixedLoss), {})
        with pytest.raises(SettingError, match="expected the mixin first"):
            type("Last", (type("Mine", (base,), {}), MixedLoss), {})

    @pytest.mark.parametrize(("rows", "steps"), [(24, 3), (800, FIRST)])
    def test_of_a_training_step_that_never_mixes(
        self, rows: int, steps: int, tmp_path: Path
    ) -> None:
        class Own(Mixed):
            training_step = Plain.training_step

        said = rf"^{steps} training steps .* your training_step never called self\.mixed_loss"
        with pytest.raises(SettingError, match=said):
            _trainer(tmp_path, max_epochs=1).fit(Own(METHODS["mixup"]()), _loader(_rows(rows)))

    def test_of_a_module_without_a_method(self) -> None:
        class Without(MixedLoss, Plain):
            pass

        with pytest.raises(SettingError, match=r"Without.method is None: expected a Method"):
            Without().mixed_loss(_rows()[:8])

    def test_of_a_module_without_forward(self) -> None:
        class Empty(MixedLoss, lightning.LightningModule):
            pass

        module = Empty()
        module.method = METHODS["mixup"]()
        with pytest.raises(SettingError, match="Empty has no forward"):
            module.mixed_loss(_rows()[:8])

    def test_of_batches_that_are_no_pairs(self) -> None:
        module = Mixed(METHODS["mixup"]())
        with pytest.raises(SettingError, match="a mapping of image, target: expected a pair"):
            module.mixed_loss({"image": torch.zeros(2, 4), "target": torch.zeros(2)})
        with pytest.raises(SettingError, match="a list of 3: expected a pair"):
            module.mixed_loss([torch.zeros(2, 4), torch.zeros(2), torch.zeros(2)])

    def test_of_optimisation_by_hand_without_a_step_of_ones_own(self, tmp_path: Path) -> None:
        module = Mixed(METHODS["mixup"]())
        module.automatic_optimization = False
        with pytest.raises(SettingError, match="optimises by hand"):
            _trainer(tmp_path).fit(module, _loader())

    def test_of_mixing_twice(self, tmp_path: Path) -> None:
        callbacks = [MixedTraining(METHODS["mixup"]())]
        with pytest.raises(SettingError, match="mixes by itself"):
            _trainer(tmp_path, callbacks=callbacks).fit(Mixed(METHODS["mixup"]()), _loader())

    def test_of_a_point_with_a_typo(self, tmp_path: Path) -> None:
        module = Mixed(Method("manifold_mixup", classes=CLASSES, points=["nett.3"]), ("net.3",))
        with pytest.raises(Exception, match=r"nett.3.*did you mean"):
            module.mixed_loss(_rows()[:8])


def test_batches_of_ones_own_kind_are_split_by_an_override(tmp_path: Path) -> None:
    class OfMappings(Mixed):
        def inputs_and_labels(self, batch: Any) -> tuple[Tensor, Tensor]:
            return batch["image"], batch["target"]

    x, y = _rows().tensors
    loss = OfMappings(METHODS["mixup"]()).mixed_loss({"image": x, "target": y})
    assert loss == Mixed(METHODS["mixup"]()).mixed_loss((x, y))


class Written(Mixed):
    """Writes what each process drew last, and the weights that it ends with."""

    folder: Path

    def on_train_end(self) -> None:
        assert self.method.terms is not None
        state = {"weights": self.net.state_dict(), "loss": self.method.terms.total}
        torch.save(state, self.folder / f"{self.trainer.max_epochs}-{self.global_rank}.pt")
        if self.trainer.max_epochs == 1:
            self.trainer.save_checkpoint(self.folder / "one.ckpt")


def test_two_processes_draw_for_themselves_and_resume(tmp_path: Path) -> None:
    def run(epochs: int, ckpt: Path | None = None) -> list[dict[str, Any]]:
        module = Written(METHODS["mixupe"]())
        module.folder = tmp_path
        trainer = _trainer(tmp_path, strategy="ddp_fork", devices=2, max_epochs=epochs)
        trainer.fit(module, DataLoader(_rows(), batch_size=6), ckpt_path=ckpt)
        return [torch.load(tmp_path / f"{epochs}-{rank}.pt") for rank in range(2)]

    whole = run(2)
    run(1)
    states = torch.load(tmp_path / "one.ckpt", weights_only=True)[KEY]
    resumed = run(2, tmp_path / "one.ckpt")
    assert whole[0]["loss"] != whole[1]["loss"]
    for rank in range(2):
        assert whole[rank]["loss"] == resumed[rank]["loss"]
        for name, value in whole[rank]["weights"].items():
            assert torch.equal(value, resumed[rank]["weights"][name])
            if "running" not in name:  # each process keeps the statistics of its rows
                assert torch.equal(value, whole[1 - rank]["weights"][name])
    assert len(states) == 2
