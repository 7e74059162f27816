"""Steps in half precision, or of several processes together, by lightning-fabric.

This is the only module that imports it, and only where a run asks for it: it is an extra, and
takes a second to import.
"""

from __future__ import annotations

import io
import logging
import os
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mixup_multi.engine.ranks import Ranks
from mixup_multi.engine.settings import Train
from mixup_multi.engine.state import State
from mixup_multi.engine.stepping import Backend
from mixup_multi.errors import SettingError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PATIENCE = timedelta(days=1)
"""How long a process waits for the others, e.g. while rank 0 evaluates; dead ones are noticed."""
SENT: deque[Tensor] = deque(maxlen=64)
"""The last tensors that were sent, so that they outlive the process group.

A thread of gloo that lets go of a tensor that Python has forgotten waits for Python's lock, which
whoever destroys the group holds while it waits for the thread.
"""

log = logging.getLogger("mixup_multi")


def require_fabric(wanted_by: str) -> None:
    """Raise `SettingError` where lightning-fabric is not installed.

    Args:
        wanted_by: the setting or option that needs it.
    """
    if find_spec("lightning_fabric") is None:
        raise SettingError(
            f"{wanted_by} needs lightning-fabric, which is not installed:"
            " pip install 'mixup-multi[fabric]'"
        )


class FabricBackend(Backend):
    """Where steps are computed: in mixed precision, in several processes, or both.

    All processes of a ranks make theirs at the same time; the state of rank 0 is everyone's from
    then on.

    Args:
        state: what is trained.
        train: the recipe's section.
        ranks: this process's place among the processes.
        device: what this process computes on.

    Raises:
        SettingError: lightning-fabric is not installed.
    """

    def __init__(self, state: State, train: Train, ranks: Ranks, device: torch.device) -> None:
        require_fabric(f"train.precision {train.precision}" if ranks.size == 1 else "--devices")
        self.size = ranks.size
        self._device = device
        self._scaled: Any = None
        self._together: Any = None
        self._fabric = self._start(train, ranks)
        if state.scaler and self._scaled is not None:
            self._scaled.load_state_dict(state.scaler)
        super().__init__(state, train)
        if ranks.size > 1:
            self._join(state, train, ranks)
        self.optimizer = self._fabric.setup_optimizers(state.optimizer)  # type: ignore[assignment]

    def _start(self, train: Train, ranks: Ranks) -> Fabric:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins import MixedPrecision
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment
        from lightning_fabric.strategies.ddp import DDPStrategy

        for noisy in ("lightning_fabric", "lightning.fabric"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        plugins: list[Any] = [LightningEnvironment()]  # whatever cluster the machine belongs to
        if train.precision != "32-true":
            precision = MixedPrecision(train.precision, self._device.type)
            self._scaled = precision
            plugins.append(precision)
        kind, index = self._device.type, self._device.index or 0
        if ranks.size == 1:
            devices: Any = [index] if kind == "cuda" else 1
            return Fabric(accelerator=kind, devices=devices, plugins=plugins)
        place = {"LOCAL_RANK": ranks.rank, "NODE_RANK": 0, "MASTER_PORT": ranks.port}
        os.environ.update({name: str(value) for name, value in place.items()})
        os.environ["MASTER_ADDR"] = "127.0.0.1"
        # Buffers are brought together once an epoch: a broadcast in each forward pass would
        # change them between the two passes of a step of MixupE.
        strategy = DDPStrategy(broadcast_buffers=False, timeout=PATIENCE)
        fabric = Fabric(accelerator=kind, devices=ranks.size, strategy=strategy, plugins=plugins)
        fabric.launch()
        return fabric

    def _join(self, state: State, train: Train, ranks: Ranks) -> None:
        """Take over the state of rank 0, and wrap the model."""
        if ranks.rank == 0 and self._device.type == "cpu" and _has_batch_norm(state.model):
            log.warning(
                "BatchNorm takes its statistics within each of the %d processes: synchronised"
                " ones (SyncBatchNorm) need GPUs",
                ranks.size,
            )
        content = {
            "epoch": state.epoch,
            "model": state.model.state_dict(),  # DDP sends no buffers where it is not to
            "optimizer": state.optimizer.state_dict(),
            "order": state.generators["order"].get_state(),
            "scaler": self.scaler(),
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        sent: bytes = self._fabric.broadcast(buffer.getvalue())
        if ranks.rank:
            content = torch.load(io.BytesIO(sent), map_location="cpu", weights_only=True)
            state.epoch = content["epoch"]
            state.model.load_state_dict(content["model"])
            state.optimizer.load_state_dict(content["optimizer"])
            state.generators["order"].set_state(content["order"])
            if self._scaled is not None:
                self._scaled.load_state_dict(content["scaler"])
        wrapped = self._fabric.strategy.setup_module(state.model)
        self._together = wrapped
        self.model = _Wrapped(state.model, torch.compile(wrapped) if train.compile else wrapped)

    def piece(self, *, last: bool) -> AbstractContextManager[Any]:
        """Return the context of a micro-batch; processes meet in the last."""
        if last or self._together is None:
            return nullcontext()
        silent: AbstractContextManager[Any] = self._together.no_sync()
        return silent

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        return self._fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of `loss`, scaled in `16-mixed`."""
        self._fabric.backward(loss)

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.size == 1:
            return values
        total = values.to(self._device)
        self._fabric.all_reduce(total, reduce_op="sum")  # in place
        SENT.append(total)
        return total

    @torch.no_grad()
    def agree(self, model: nn.Module) -> None:
        """Give all processes the mean of their floating-point buffers."""
        if self.size > 1:
            for buffer in model.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.summed(buffer) / self.size)

    def scaler(self) -> dict[str, Any]:
        """Return the state of the loss's scale, empty where it is not scaled."""
        return {} if self._scaled is None else dict(self._scaled.state_dict())

    def close(self) -> None:
        """Leave the other processes; no step can be taken any more."""
        if self.size > 1:
            del self._fabric, self._together, self.model, self.optimizer
            torch.distributed.destroy_process_group()


def backend_of(state: State, train: Train, ranks: Ranks, device: torch.device) -> Backend:
    """Return where `train` and `ranks` want steps to be computed.

    Raises:
        SettingError: lightning-fabric, which that needs, is not installed.
    """
    if ranks.size == 1 and train.precision == "32-true":
        return Backend(state, train)
    return FabricBackend(state, train, ranks, device)


class _Wrapped(nn.Module):
    """A model that is called through a wrapper and in all else answers for itself."""

    def __init__(self, model: nn.Module, wrapped: Any) -> None:
        super().__init__()
        self.model = model
        self.wrapped = wrapped

    @property
    def bare(self) -> nn.Module:
        """The model without the wrapper, for passes that are no part of a step."""
        return self.model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.wrapped(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)


def _has_batch_norm(model: nn.Module) -> bool:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return any(isinstance(module, kinds) for module in model.modules())
