"""The methods in Lightning: a mixin for a module, and a callback for a module as it is.

Both serve `lightning.pytorch` and `pytorch_lightning`. Under DDP each process draws for itself;
the checkpoint has the draws and the memory of all of them, so a resumed fit goes on as if it had
not been interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from mixup_multi.errors import SettingError
from mixup_multi.extras import load_extra
from mixup_multi.integrations.loop.draws import load_own, states_of_all
from mixup_multi.integrations.loop.method import Method
from mixup_multi.integrations.loop.watch import Watch, check_order
from mixup_multi.points import staged
from mixup_multi.tree import Tree

__all__ = ["MixedLoss", "MixedTraining"]

if TYPE_CHECKING:
    from lightning.pytorch import Callback
elif find_spec("lightning") is None and find_spec("pytorch_lightning") is not None:
    from pytorch_lightning import Callback
else:
    Callback = load_extra("lightning.pytorch", "lightning", "mixing in Lightning").Callback

FRAMEWORKS = ("lightning.", "pytorch_lightning.")
"""How the names of Lightning's modules begin."""

KEY = "mixup_multi"
"""Where a Lightning checkpoint has the states of the method, one a process."""


class MixedLoss:
    """A mixin that trains a `LightningModule` by a method; it stands before the other bases.

    It needs `self.method`, a `Method`, and a `forward` that returns logits `(n, c)`. A
    `training_step` is given; it returns `mixed_loss(batch)` and logs `train_loss`, `train_error`
    (against the mixed labels) and whatever else the method computes. Validation, test and
    prediction are left alone. One of your own calls `mixed_loss`; a fit whose first steps never
    do so is ended by an error.

    Attributes:
        method: the method. Its draws and its memory are part of Lightning's checkpoints.
        at: names of submodules, as in `named_modules()`, at whose entrance may be mixed; their
            names are the points: `at = ("net.layer2",)` with `Method(..., points=["net.layer2"])`.

    >>> import torch
    >>> from lightning.pytorch import LightningModule
    >>> class Classifier(MixedLoss, LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.net = torch.nn.Linear(4, 3)
    ...         self.method = Method("mixupe", classes=3, alpha=0.4)
    ...
    ...     def forward(self, x):
    ...         return self.net(x)
    >>> loss = Classifier().mixed_loss((torch.randn(8, 4), torch.arange(8) % 3))
    >>> loss.shape
    torch.Size([])
    """

    method: Method
    at: Sequence[str] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that the mixin stands before Lightning's own class.

        Raises:
            SettingError: it does not, so it would have no effect.
        """
        super().__init_subclass__(**kwargs)
        check_order(cls, MixedLoss, FRAMEWORKS, "training_step")

    def configure_callbacks(self) -> Any:
        """Add a callback that finds out whether the method is used at all."""
        given = super().configure_callbacks()  # type: ignore[misc]
        return [*(given if isinstance(given, Sequence) else [given]), _Watched()]

    def mixed_loss(self, batch: Any) -> Tensor:
        """Return the method's loss of a batch, to be minimised: for a `training_step` of your own.

        `self.method.terms.means` then has what there is to log.

        Raises:
            SettingError: there is no method, no `forward`, or nothing is known of such batches.
        """
        return self._mixed(*self.inputs_and_labels(batch))

    def inputs_and_labels(self, batch: Any) -> tuple[Tree, Tensor]:
        """Return what the model reads and the labels; override it for other batches than pairs."""
        return pair(batch)

    def mixed_model(self) -> nn.Module:
        """Return what is called as `model(inputs)`: this module, with points at `at`.

        Override it where a submodule offers the points: `return self.net`.
        """
        return _model_of(self, self.at)

    def training_step(self, batch: Any, batch_idx: int = 0) -> Tensor:  # noqa: ARG002
        """Return the method's loss, and log what it computed.

        Raises:
            SettingError: the module optimises by hand, so it needs a step of its own.
        """
        _check_automatic(self)
        inputs, labels = self.inputs_and_labels(batch)
        loss = self._mixed(inputs, labels)
        _log(self, self.method, loss, len(labels))
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the draws and the memory of all processes into the checkpoint."""
        super().on_save_checkpoint(checkpoint)  # type: ignore[misc]
        checkpoint[KEY] = states_of_all(_method_of(self))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the checkpoint's draws, where it has some."""
        super().on_load_checkpoint(checkpoint)  # type: ignore[misc]
        if KEY in checkpoint and getattr(self, "method", None) is not None:
            rank: int = self.global_rank  # type: ignore[attr-defined]
            load_own(self.method, checkpoint[KEY], rank)

    def _mixed(self, inputs: Tree, labels: Tensor) -> Tensor:
        return _method_of(self)(self.mixed_model(), inputs, labels)


class MixedTraining(Callback):
    """A callback that trains a `LightningModule` by a method, without a change of its code.

    While fitting, a training step of its own stands in the place of the module's: the method's
    loss of `module(inputs)`, logged as `train_loss`, `train_error` and so on. So what the module's
    own `training_step` does (another loss, its metrics, its logging) is **not** done; afterwards
    the module is as it was. Use `MixedLoss` where it must be done. (A callback that only mixed
    the batch would not do: MixupE, attacks and mixing at hidden points need the model, and the
    module's own training accuracy would be counted against labels that are no longer there.)

    Args:
        method: the method. Its draws and its memory are part of Lightning's checkpoints.
        at: names of submodules of the `LightningModule` at whose entrance may be mixed.
        inputs_and_labels: splits a batch; by default batches are pairs.

    >>> callback = MixedTraining(Method("mixupe", classes=10, alpha=0.4))
    """

    def __init__(
        self,
        method: Method,
        at: Sequence[str] = (),
        inputs_and_labels: Callable[[Any], tuple[Tree, Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.method = method
        self.at = tuple(at)
        self.inputs_and_labels = inputs_and_labels or pair
        self._aside: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Set the module's own training step aside.

        Raises:
            SettingError: the module mixes by itself, or optimises by hand.
        """
        if isinstance(pl_module, MixedLoss):
            raise SettingError(
                f"{type(pl_module).__name__} is a MixedLoss, which mixes by itself: leave out the"
                " callback MixedTraining, or the mixin"
            )
        _check_automatic(pl_module)
        given = vars(pl_module)
        self._aside = {name: given[name] for name in ("training_step",) if name in given}
        pl_module.training_step = partial(self._step, pl_module)

    def _step(self, module: Any, batch: Any, batch_idx: int = 0) -> Tensor:  # noqa: ARG002
        inputs, labels = self.inputs_and_labels(batch)
        loss = self.method(_model_of(module, self.at), inputs, labels)
        _log(module, self.method, loss, len(labels))
        return loss

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        """Give the module its own training step back."""
        self._give_back(pl_module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """Give the module its own training step back, also when the fit fails."""
        self._give_back(pl_module)

    def _give_back(self, module: Any) -> None:
        if self._aside is not None:
            del module.training_step
            vars(module).update(self._aside)
            self._aside = None

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Put the draws and the memory of all processes into the checkpoint."""
        checkpoint[KEY] = states_of_all(self.method)

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:  # noqa: ARG002
        """Go on with the checkpoint's draws, where it has some."""
        if KEY in checkpoint:
            load_own(self.method, checkpoint[KEY], trainer.global_rank)


class _Watched(Callback):
    """Raises where the steps of a module with `MixedLoss` pass its method by."""

    def __init__(self) -> None:
        self._watch = Watch("training_step", "self.mixed_loss(batch)")

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Begin to count."""
        self._watch.start(_method_of(pl_module))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:  # noqa: ARG002
        """Take note of a step."""
        self._watch.count(_method_of(pl_module))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """Look whether any step was the method's."""
        self._watch.check(_method_of(pl_module))


def pair(batch: Any) -> tuple[Tree, Tensor]:
    """Return the two parts of a batch that is a pair of inputs and labels.

    Raises:
        SettingError: it is not.
    """
    if isinstance(batch, tuple | list) and len(batch) == 2 and isinstance(batch[1], Tensor):
        inputs, labels = batch
        return inputs, labels
    if isinstance(batch, Mapping):
        given = f"a mapping of {', '.join(map(str, batch))}"
    else:
        size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
        given = f"a {type(batch).__name__}{size}"
    raise SettingError(
        f"the batch is {given}: expected a pair (inputs, labels), or an `inputs_and_labels(batch)`"
        " of yours that returns one"
    )


def _method_of(module: Any) -> Method:
    method = getattr(module, "method", None)
    if not isinstance(method, Method):
        raise SettingError(
            f"{type(module).__name__}.method is {method!r}: expected a Method, e.g. in __init__"
            ' `self.method = Method("mixupe", classes=10, alpha=0.4)`'
        )
    return method


def _model_of(module: Any, at: Sequence[str]) -> nn.Module:
    home = type(module).forward.__module__ or ""  # None where the class was made by exec
    if home.startswith((*FRAMEWORKS, "torch.")):
        raise SettingError(
            f"{type(module).__name__} has no forward: expected `forward(inputs)` that returns"
            " logits (n, c), or with MixedLoss a `mixed_model()` that returns such a module"
        )
    whole: nn.Module = module
    return staged(whole, at) if at else whole


def _check_automatic(module: Any) -> None:
    if not module.automatic_optimization:
        raise SettingError(
            f"{type(module).__name__} optimises by hand (automatic_optimization is False): expected"
            " a MixedLoss with its own training_step: `loss = self.mixed_loss(batch)`, then"
            " `self.manual_backward(loss)`"
        )


def _log(module: Any, method: Method, loss: Tensor, rows: int) -> None:
    """Log a step: means over the epoch's rows, and sums of counts."""
    terms = method.terms
    if terms is None:
        return
    when = {"on_step": False, "on_epoch": True, "batch_size": rows}
    means = {"loss": loss.detach(), **terms.means}
    module.log_dict({f"train_{name}": value for name, value in means.items()}, **when)
    counts = {f"train_{name}": value for name, value in terms.counts.items()}
    module.log_dict(counts, reduce_fx="sum", **when)
