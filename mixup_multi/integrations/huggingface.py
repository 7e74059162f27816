"""The methods in Hugging Face's `Trainer`: a mixin for any of its kind, and a `Trainer` with it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.errors import SettingError
from mixup_multi.extras import load_extra
from mixup_multi.integrations.loop.method import Method
from mixup_multi.integrations.loop.watch import Watch, check_order
from mixup_multi.integrations.text.logits_of import LogitsModel, logits_of
from mixup_multi.points import bare
from mixup_multi.tree import Tree

load_extra("transformers", "huggingface", "mixing in Hugging Face's Trainer")
load_extra("accelerate", "huggingface", "Hugging Face's Trainer")

from transformers import Trainer, TrainerCallback  # noqa: E402
from transformers.trainer_utils import get_last_checkpoint  # noqa: E402

__all__ = ["LogitsModel", "MixedLoss", "MixedTrainer", "logits_of"]

FILE = "mixup_multi_{rank}.pt"
"""The name of the file that a process adds to each checkpoint."""


class MixedLoss:
    """A mixin that trains by a method in any `Trainer`; it stands before the other bases.

    While the model trains, the loss is the method's, of the batch less its labels; evaluation and
    prediction are the Trainer's own. Checkpoints have the draws, so that
    `train(resume_from_checkpoint=...)` goes on as if nothing had happened; the log has the
    method's means beside `loss`, among them `error`, against the mixed labels.

    With gradient accumulation each micro-batch counts by its rows, so that plain training is that
    of one large batch (the Trainer's own loss may be a sum of means instead, as in transformers
    5.23 for sequence classification); each is mixed within itself, and MixupE's rescaling is that
    of the micro-batch.

    Args:
        method: the method. Where labels are class indices and it knows no `classes`, they are
            `model.config.num_labels`.
        at: names of submodules of the model at whose entrance may be mixed, e.g.
            `["bert.encoder"]`; their names are points of the method. Text needs one, and is mixed
            at the first unless the method says otherwise.

    Raises:
        SettingError: an argument of the Trainer would have no effect, or a second one.
    """

    # Of the Trainer:
    args: Any
    model: Any
    accelerator: Any
    label_names: Any
    compute_loss_func: Any
    model_accepts_loss_kwargs: Any
    add_callback: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that the mixin stands before the Trainer.

        Raises:
            SettingError: it does not, so it would have no effect.
        """
        super().__init_subclass__(**kwargs)
        check_order(cls, MixedLoss, ("transformers.",), "compute_loss")

    def __init__(self, *args: Any, method: Method, at: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method = method
        self.at = tuple(at)
        self._check_trainer()
        LogitsModel(self.model, self.at)  # a typo is answered now
        self.add_callback(_Keeper(method))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the method's loss while the model trains, and the Trainer's own otherwise.

        Raises:
            SettingError: the batch has no labels, or the outputs are asked for: those of mixed
                rows are no predictions.
        """
        if not model.training:
            return super().compute_loss(  # type: ignore[misc]
                model, inputs, return_outputs, num_items_in_batch=num_items_in_batch
            )
        if return_outputs:
            raise SettingError(
                "the outputs of a training step were asked for, which are those of mixed rows:"
                " expected return_outputs=False"
            )
        labels = self._labels(inputs)
        named = {k: v for k, v in inputs.items() if k not in self.label_names}
        reading = LogitsModel(model, self.at, one_step=True)
        self._tell_classes(labels)
        loss = self.method(reading, _alone(named, reading.main), labels)
        return loss * self._share(labels, num_items_in_batch)

    def train(
        self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Train, with the draws of the checkpoint that is resumed from."""
        folder: Any = resume_from_checkpoint
        if folder is True:
            folder = get_last_checkpoint(self.args.output_dir)  # type: ignore[no-untyped-call]
        if folder:
            _load(self.method, Path(folder), self.args.process_index)
        return super().train(resume_from_checkpoint, *args, **kwargs)  # type: ignore[misc]

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the method's means since the last time beside the training loss."""
        if "loss" in logs:
            means = self.method.record()
            logs = {**{name: means[name] for name in means if name not in logs}, **logs}
        super().log(logs, *args, **kwargs)  # type: ignore[misc]

    def _labels(self, inputs: Mapping[str, Any]) -> Tensor:
        names: list[str] = self.label_names
        there = [name for name in names if isinstance(inputs.get(name), Tensor)]
        if len(there) != 1:
            raise SettingError(
                f"the batch has {', '.join(inputs)}, of which {len(there)} are labels: expected one"
                f" of {', '.join(names) or 'no names'}; TrainingArguments(label_names=[...]) says"
                " how labels are called"
            )
        labels: Tensor = inputs[there[0]]
        return labels

    def _tell_classes(self, labels: Tensor) -> None:
        """Let the model's configuration say how many classes there are, where nobody has."""
        if self.method.classes is None and labels.dim() == 1 and not labels.is_floating_point():
            config = getattr(bare(self.model), "config", None)
            self.method.classes = getattr(config, "num_labels", None)

    def _share(self, labels: Tensor, items: Tensor | int | None) -> Tensor | float:
        """Return what the Trainer leaves to the loss: a micro-batch's share of the step's rows."""
        if items is None or not self.model_accepts_loss_kwargs:
            return 1.0
        share = labels.ne(-100).sum() / items
        everywhere: bool = self.args.average_tokens_across_devices
        return share * self.accelerator.num_processes if everywhere else share

    def _check_trainer(self) -> None:
        args: Any = self.args
        if self.compute_loss_func is not None:
            raise SettingError(
                "compute_loss_func would have no effect beside a method: expected the loss as"
                ' the method\'s setting, e.g. Method("mixup", loss="sigmoid")'
            )
        if args.label_smoothing_factor:
            raise SettingError(
                f"label_smoothing_factor is {args.label_smoothing_factor:g}, which would have no"
                ' effect on mixed labels: expected 0, and Method("label_smoothing", eps=...,'
                ' inner={"name": "mixup"})'
            )
        if args.n_gpu > 1:
            raise SettingError(
                f"the Trainer runs one process on {args.n_gpu} GPUs (DataParallel), where partners"
                " lie on other devices: expected one process for each, started by `torchrun` or"
                " `accelerate launch`"
            )


class MixedTrainer(MixedLoss, Trainer):
    """Hugging Face's `Trainer` with a method; see `MixedLoss`.

    `MixedTrainer(model, args, train_dataset=rows, method=Method("mixupe", alpha=0.4)).train()`
    """


class _Keeper(TrainerCallback):
    """Adds the method's state to each checkpoint, one file for each process.

    It finds out, too, whether the steps are the method's at all.
    """

    def __init__(self, method: Method) -> None:
        self.method = method
        self._watch = Watch("compute_loss", "super().compute_loss(...)")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Begin to count."""
        self._watch.start(self.method)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Take note of a step."""
        self._watch.count(self.method)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Look whether any step was the method's."""
        self._watch.check(self.method)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Write the state into the checkpoint that was written just now."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if folder.is_dir() and not args.save_only_model:
            file = folder / FILE.format(rank=args.process_index)
            torch.save(self.method.state_dict(), file)


def _load(method: Method, folder: Path, rank: int) -> None:
    own, first = (folder / FILE.format(rank=number) for number in (rank, 0))
    if not first.is_file():
        warnings.warn(
            f"{folder} has no {first.name}: it was written without a method. The draws begin anew",
            stacklevel=3,
        )
        return
    state = torch.load(own if own.is_file() else first, weights_only=True)
    method.load_state_dict(state if own.is_file() else {**state, "memory": {}})


def _alone(named: Mapping[str, Any], main: str) -> Tree:
    """Return the main input where there is no other, so that attacks and blends see a tensor."""
    return named[main] if list(named) == [main] else dict(named)
