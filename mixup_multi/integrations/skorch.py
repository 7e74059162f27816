"""The methods in skorch: a mixin for any of its nets, and a classifier with it.

A method is a component of the net as its module and optimiser are: `method="mixupe"` with
`method__alpha=0.4`, so that it can be cloned, searched over, and set anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mixup_multi.errors import SettingError
from mixup_multi.extras import load_extra
from mixup_multi.integrations.loop.method import Method
from mixup_multi.integrations.loop.watch import check_order, not_used
from mixup_multi.objectives.objective import Objective, target_kind
from mixup_multi.points import staged
from mixup_multi.tree import Tree

load_extra("skorch", "skorch", "mixing in skorch")

from skorch import NeuralNet, NeuralNetClassifier  # noqa: E402
from skorch.callbacks import BatchScoring, EpochScoring  # noqa: E402
from skorch.dataset import unpack_data  # noqa: E402
from skorch.utils import to_tensor  # noqa: E402

__all__ = ["MixedLoss", "MixedNetClassifier"]


class MixedLoss:
    """A mixin that trains a skorch net by a method; it stands before the other bases.

    The module returns logits, or numbers to predict. Each epoch's history has the method's means
    beside `train_loss`: `train_error` (1 less the accuracy, against the mixed labels), and so on.
    Validation, scoring and prediction are skorch's own. `f_method=...` of `save_params`,
    `load_params` and `Checkpoint` is the file of the draws, with which training goes on exactly.

    Args:
        method: a method's name as in recipes, or an `Objective`; its settings, and `seed`, are
            `method__alpha=0.4` and the like.
        at: names of submodules of the module at whose entrance may be mixed; their names are
            the points of `method__points`.

    Attributes:
        method_: the `Method`, once the net is initialised.

    Raises:
        SettingError: the criterion takes probabilities, a class of skorch with a training step
            stands before the mixin, or a callback scores the mixed training rows.
    """

    # Of the net:
    module_: nn.Module
    criterion_: Any
    callbacks_: Any
    device: Any
    initialized_: bool
    use_caching: Any
    get_params_for: Any
    _params_to_validate: set[str]
    _set_training: Any
    _validate_params: Any

    prefixes_: ClassVar[list[str]] = [*NeuralNet.prefixes_, "method"]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that the mixin stands before classes of skorch that have a training step.

        Raises:
            SettingError: it does not, so it would have no effect.
        """
        super().__init_subclass__(**kwargs)
        check_order(cls, MixedLoss, ("skorch.",), "train_step_single")

    def __init__(
        self,
        *args: Any,
        method: str | Objective = "mixupe",
        at: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.method = method
        self.at = at

    def initialize(self) -> Any:
        """Make the net's components, the method among them."""
        net: Any = super().initialize()  # type: ignore[misc]
        self._check_net()
        return net.initialize_method()

    def initialize_method(self) -> Any:
        """Make the method, with its draws at their beginning."""
        settings = self.get_params_for("method")
        self.method_ = Method(self.method, **settings)
        return self

    def set_params(self, **params: Any) -> Any:
        """Set parameters; a method that changes is made anew, the network stays as it is."""
        ours = {name: params.pop(name) for name in list(params) if _of_method(name)}
        vars(self).update(ours)
        self._params_to_validate |= ours.keys()
        if ours and self.initialized_:
            self._validate_params()
            self.initialize_method()
        return super().set_params(**params)  # type: ignore[misc]

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Take the method's loss of a batch and its gradients."""
        self._set_training(True)
        inputs, labels = unpack_data(batch)
        accelerator = getattr(self, "accelerator", None)  # of skorch's AccelerateMixin
        with nullcontext() if accelerator is None else accelerator.autocast():
            loss = self.mixed_loss(inputs, labels, **fit_params)
        if accelerator is None:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            accelerator.backward(loss)
        return {"loss": loss, "y_pred": None}

    def mixed_loss(self, inputs: Tree, labels: Any, **fit_params: Any) -> Tensor:
        """Return the method's loss of a batch, to be minimised."""
        device = self.device
        inputs, labels = to_tensor(inputs, device=device), to_tensor(labels, device=device)
        model = self._mixed_model(inputs, fit_params)
        if self.method_.classes is None and not labels.is_floating_point():
            self.method_.classes = _columns(model, inputs)
        if target_kind(self.method_.objective) in ("labels", "numbers"):
            model = _Column(model)
        return self.method_(model, inputs, labels)

    def on_epoch_end(self, net: Any, *args: Any, **kwargs: Any) -> None:
        """Add the means over the epoch's rows to the history.

        Raises:
            SettingError: none of the epoch's steps was the method's.
        """
        super().on_epoch_end(net, *args, **kwargs)  # type: ignore[misc]
        means = self.method_.record()
        if not means:
            raise not_used("train_step_single", "self.mixed_loss(...)", "an epoch's")
        for name, value in means.items():
            if name != "loss":  # skorch has its own
                net.history.record(f"train_{name}", value)

    def _mixed_model(self, inputs: Tree, fit_params: Mapping[str, Any]) -> nn.Module:
        module: nn.Module = self.module_
        if isinstance(inputs, Mapping) or fit_params:
            if self.at:
                raise SettingError(
                    f"at is {self.at!r} for a module with several arguments: expected one array"
                    " as X, or a module that offers points itself (`points`, `edits`)"
                )
            return _Called(module, fit_params)
        return staged(module, self.at) if self.at else module

    def _check_net(self) -> None:
        name = type(self).__name__
        if isinstance(self.criterion_, nn.NLLLoss):
            raise SettingError(
                f"the criterion of {name} is NLLLoss, for modules that return probabilities:"
                " expected a module that returns logits, with criterion=torch.nn.CrossEntropyLoss"
            )
        for label, callback in self.callbacks_:
            if isinstance(callback, EpochScoring | BatchScoring) and callback.on_train:
                self._check_scoring(label, callback)

    def _check_scoring(self, label: str, callback: Any) -> None:
        given = self.use_caching
        if isinstance(callback, BatchScoring) or (
            callback.use_caching if given == "auto" else given
        ):
            raise SettingError(
                f"the callback {label!r} scores predictions of training rows, which are mixed,"
                " against labels, which are not: expected EpochScoring(..., on_train=True,"
                " use_caching=False), which predicts the rows themselves; the error against the"
                " mixed labels is in the history as train_error"
            )


class MixedNetClassifier(MixedLoss, NeuralNetClassifier):  # type: ignore[misc]
    """skorch's `NeuralNetClassifier`, trained by a method; see `MixedLoss` for what it adds.

    The criterion, of validation, is `CrossEntropyLoss`: the module returns logits `(n, c)`. Labels
    are 0, ..., c - 1, as skorch expects.

    >>> import numpy as np
    >>> X, y = np.random.randn(40, 4).astype("float32"), np.arange(40) % 3
    >>> net = MixedNetClassifier(
    ...     torch.nn.Linear, module__in_features=4, module__out_features=3,
    ...     method="mixupe", method__alpha=0.4, max_epochs=2, verbose=0,
    ... )
    >>> net.fit(X, y).predict(X).shape
    (40,)
    """

    def __init__(
        self, module: Any, *args: Any, criterion: Any = nn.CrossEntropyLoss, **kwargs: Any
    ) -> None:
        super().__init__(module, *args, criterion=criterion, **kwargs)


class _Called(nn.Module):
    """A module that takes its inputs as keywords, or further arguments beside them."""

    def __init__(self, module: nn.Module, extra: Mapping[str, Any]) -> None:
        super().__init__()
        self.module = module
        self.extra = extra
        if hasattr(module, "points"):
            self.points = module.points

    def forward(self, inputs: Tree, **edits: Any) -> Tensor:
        if isinstance(inputs, Mapping):
            logits: Tensor = self.module(**inputs, **self.extra, **edits)
        else:
            logits = self.module(inputs, **self.extra, **edits)
        return logits


class _Column(nn.Module):
    """A module of one number a row, as skorch's binary nets take them, `(n,)` or `(n, 1)`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        if hasattr(module, "points"):
            self.points = module.points

    def forward(self, inputs: Tree, **edits: Any) -> Tensor:
        logits: Tensor = self.module(inputs, **edits)
        return logits[:, None] if logits.dim() == 1 else logits


def _of_method(name: str) -> bool:
    return name == "method" or name.startswith("method__") or name == "at"


@torch.no_grad()
def _columns(model: nn.Module, inputs: Tree) -> int:
    """Return how many classes the model knows, without a trace in it."""
    model.eval()
    logits: Tensor = model(inputs)
    model.train()
    return logits.shape[-1]
