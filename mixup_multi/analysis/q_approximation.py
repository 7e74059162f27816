"""MixupE's fast q against the exact one while a model of any modality is trained; and the losses.

Nobody has published how good the approximation is. The losses follow the figure of Zou et al.
(2023) that calls MixupE the stronger regulariser: its training loss lies above, its test loss
below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mixup_multi import door
from mixup_multi.analysis.analysis import Analysis, Found
from mixup_multi.analysis.checks import check_at_least, check_positive
from mixup_multi.analysis.data import checked_dataset, load_data, on_device
from mixup_multi.analysis.exact_q import Agreement, agreement, both_q
from mixup_multi.analysis.nets import evaluating
from mixup_multi.analysis.panels import band, epochs, panel_legend
from mixup_multi.batch import Batch
from mixup_multi.engine.evaluate import outputs_of
from mixup_multi.engine.loop import Job, run, start
from mixup_multi.engine.memory import model_inputs
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import BetaShare
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.mixupe import MixupE
from mixup_multi.objectives.objective import Objective
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.points import offered_points
from mixup_multi.recipe.schema import Entry
from mixup_multi.streams import stream

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAIN = Train()
HEADINGS = (
    *("method", "trial", "epoch", "correlation", "correlation_abs", "ratio", "same_sign"),
    *("mean_abs_q", "mean_abs_qhat", "train_loss", "clean_train_loss", "test_loss", "test_error"),
)


@dataclass(frozen=True, kw_only=True)
class QApproximation(Analysis):
    """Correlation, ratio and signs of exact and fast q along training; losses of the methods.

    Attributes:
        adapter: whose data set and model.
        dataset: its name and settings.
        model: its name and settings; q is of its preferred point.
        train: as in a recipe.
        alpha: > 0; of mixing.
        eta: >= 0; the weight of MixupE's regulariser.
        rows: of at most so many training examples q is asked.
        trials: repetitions, with the seeds `seed`, `seed + 1`, ...
        seed: the first trial's.
    """

    adapter: str
    dataset: Entry
    model: Entry
    train: Train = TRAIN
    alpha: float = 1.0
    eta: float = 1.0
    rows: int = 512
    trials: int = 3
    seed: int = 0

    size = (7.2, 5.8)

    def __post_init__(self) -> None:
        check_positive(alpha=self.alpha)
        check_at_least(0, eta=self.eta)
        check_at_least(2, rows=self.rows)
        check_at_least(1, trials=self.trials)
        checked_dataset(self.adapter, self.dataset)
        self._model_settings()

    def _model_settings(self) -> dict[str, Any]:
        try:
            factory = door.pick("model", door.load_adapter(self.adapter).models, self.model.name)
            return door.check_settings(factory, self.model.settings)
        except SettingError as error:
            raise SettingError(str(error), ("model", *error.path)) from error

    @property
    def caption(self) -> str:
        """What the figure shows."""
        trials = f"Mean over {self.trials} trials, band ± one sample standard deviation."
        return (
            f"MixupE's exact q and fast qhat (Zou et al. 2023) of up to {self.rows} training"
            f" examples of {self.dataset.name}, {self.model.name}, in evaluation mode at the"
            f" model's preferred point; alpha = {self.alpha:g}, eta = {self.eta:g}. Below: the"
            " training loss, of mixed examples, and the test loss."
            f" {trials if self.trials > 1 else 'One trial.'}"
        )

    def compute(self, root: Path, device: torch.device) -> Found:
        """Train every method in every trial, and ask for both q after each epoch."""
        rows: list[tuple[Any, ...]] = []
        for trial in range(self.trials):
            seed = self.seed + trial
            data = on_device(load_data(self.adapter, self.dataset, root, seed), device)
            for name, objective in self._methods(data).items():
                for record in self._trained(data, objective, seed, device):
                    rows.append((name, trial, *record))
        return Found(HEADINGS, tuple(rows), _summary(Found(HEADINGS, tuple(rows), {})))

    def _methods(self, data: Data) -> dict[str, Objective]:
        loss = loss_named(data.loss)
        mixup = Vicinal(BetaShare(self.alpha), loss_fn=loss)
        return {
            "Mixup": mixup,
            "MixupE": MixupE(mixup, self.eta),
            "MixupE, exact q": MixupE(mixup, self.eta, "exact_abs"),
        }

    def _trained(
        self, data: Data, objective: Objective, seed: int, device: torch.device
    ) -> Iterator[tuple[float, ...]]:
        """Yield each epoch's numbers, from the first epoch on, once training has ended."""
        settings, loss = self._model_settings(), loss_named(data.loss)
        factory = door.load_adapter(self.adapter).models[self.model.name]
        train = self.train.model_copy(update={"track_test": True, "evaluate_every": 1})
        job = Job(
            data,
            lambda: door.build(factory, data, settings=settings),
            *(objective, loss, train, seed, device),
        )
        asked = self._asked(data, seed, train, device)
        state = start(job)
        point = offered_points(state.model)[0]
        mean = data.train.mean() if point == "input" else None
        lines: list[tuple[float, ...]] = []

        def look(record: dict[str, float]) -> None:
            with evaluating(state.model) as model:
                said = agreement(*both_q(model, asked, point, mean, loss))
            where = (train.eval_batch_size, device, train.channels_last)
            clean = outputs_of(state.model, data.train, *where).loss(loss)
            losses = record["train_loss"], clean, record["test_loss"], record["test_error"]
            lines.append((int(record["epoch"]), *_numbers(said), *losses))

        run(job, state, look)
        yield from lines

    def _asked(self, data: Data, seed: int, train: Train, device: torch.device) -> Batch:
        index = torch.randperm(len(data.train), generator=stream(seed, "asked"))[: self.rows]
        batch = data.train.gather(index).to(device)
        return replace(batch, inputs=model_inputs(batch.inputs, train.channels_last))

    def draw(self, found: Found, figure: Figure) -> None:
        """Draw agreement, ratio and losses over epochs, and one legend below."""
        panels = figure.subplots(2, 2)
        for ax, (column, label) in zip(panels.ravel(), PANELS.items(), strict=True):
            _draw(ax, found, column)
            ax.set_ylabel(label)
            epochs(ax)
        panels[0, 0].set_ylim(top=1.02)
        panels[0, 1].axhline(1, color="#8A8A8A", linewidth=0.8)
        panel_legend(figure, panels[0, 0])


PANELS = {
    "correlation_abs": "correlation of |q| and |qhat|",
    "ratio": "mean |qhat| / mean |q|",
    "train_loss": "training loss (nats)",
    "test_loss": "test loss (nats)",
}


def _draw(ax: Axes, found: Found, column: str) -> None:
    for place, method in enumerate(found.distinct("method")):
        trials = found.distinct("trial")
        values = np.stack([found.column(column, method=method, trial=t) for t in trials])
        band(ax, found.column("epoch", method=method, trial=trials[0]), values, method, place)


def _numbers(said: Agreement) -> tuple[float, ...]:
    return (
        *(said.correlation, said.correlation_abs, said.ratio, said.same_sign),
        *(said.exact_abs, said.fast_abs),
    )


def _summary(found: Found) -> dict[str, float]:
    """Return means over trials at the last epoch."""
    last = max(found.distinct("epoch"))
    values = {}
    for column in ("correlation", "correlation_abs", "ratio", "same_sign"):
        at_end = found.column(column, method="Mixup", epoch=last)
        values[f"{column} at the end (Mixup)"] = float(at_end.mean())
    for column in ("train_loss", "test_loss"):
        for method in found.distinct("method"):
            at_end = found.column(column, method=method, epoch=last)
            values[f"{column} at the end, {method}"] = float(at_end.mean())
    return values
