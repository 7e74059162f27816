"""What a model says of a part of the data, as scores read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mixup_multi.engine.evaluate import Outputs
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import OF_NUMBERS, Part, Subject
from mixup_multi.metrics import Kind, Scores, confidences, probabilities, scores
from mixup_multi.objectives.losses import Loss, Sigmoid, Softmax
from mixup_multi.predict import Predictor
from mixup_multi.streams import seed_of


@dataclass(frozen=True)
class Said:
    """Logits and targets `(n, c)` of a part, and at which temperature they are read.

    One label is two classes, whose logits are 0 and its own.
    """

    outputs: Outputs
    kind: Kind
    temperature: float = 1.0

    @cached_property
    def confidences(self) -> tuple[Tensor, Tensor]:
        """Return each row's confidence `(n,)`, and whether it is right."""
        return confidences(self.outputs.logits, self.outputs.targets, self.temperature)

    @cached_property
    def scores(self) -> Scores:
        """Return the proper scores of each row."""
        return scores(self.outputs.logits, self.outputs.targets, self.kind, self.temperature)

    @cached_property
    def probabilities(self) -> Tensor:
        """Return the probabilities `(n, c)`."""
        return probabilities(self.outputs.logits, self.kind, self.temperature)


def kind_of(loss: Loss, columns: int) -> Kind:
    """Return what so many columns of targets are under a loss.

    Raises:
        SettingError: it predicts no probabilities.
    """
    if isinstance(loss, Softmax):
        return "classes"
    if isinstance(loss, Sigmoid):
        return "classes" if columns == 1 else "labels"
    raise SettingError(
        f"scores are of probabilities, and the loss {type(loss).__name__} predicts none: expected"
        f" classes (softmax) or independent labels (sigmoid), or {OF_NUMBERS}"
    )


def ask(
    subject: Subject, part: Part, predictor: Predictor | None, batch_size: int, seed: int
) -> Said:
    """Return what a model, or a fitted predictor with it, says of all of a part's examples.

    Raises:
        DivergedError: a logit is not finite.
        SettingError: the loss predicts no probabilities.
    """
    if predictor is None:
        outputs = subject.outputs(part, batch_size)
    else:
        outputs = _predicted(subject, part, predictor, batch_size, seed)
        outputs.check_finite()
    logits, targets = outputs.logits, outputs.targets
    kind = kind_of(subject.loss_fn, logits.shape[1])
    if isinstance(subject.loss_fn, Sigmoid) and kind == "classes":
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
        targets = torch.cat([1 - targets, targets], 1)
    return Said(Outputs(logits, targets), kind)


@torch.no_grad()
def _predicted(
    subject: Subject, part: Part, predictor: Predictor, batch_size: int, seed: int
) -> Outputs:
    """Return the predictor's logits; each batch has the seed that it has in `Error`."""
    logits, targets = [], []
    for number, batch in enumerate(subject.batches(part, None, batch_size, seed)):
        own = batch.rows if part == "train" else None
        drawn = seed_of(seed, f"batch {number}")
        said = predictor.logits(subject.model, batch.inputs, drawn, subject.loss_fn, rows=own)
        logits.append(said.float().cpu())
        targets.append(batch.targets.cpu())
    return Outputs(torch.cat(logits), torch.cat(targets))


def fitted(predictor: Predictor | None, subject: Subject) -> Predictor | None:
    """Return a predictor as it is asked: fitted to the training part, where the model computes."""
    if predictor is None:
        return None
    predictor.check(subject.model)
    return predictor.fit(Training(subject.data)).to(subject.device)
