"""RegMixup: mixup as a regulariser of the plain loss, not in its place (Pinto et al. 2022).

    L = mean_i l(f(x_i), y_i) + eta L_mix                              paper
    L = (mean_i l(f(x_i), y_i) + eta L_mix) / (1 + eta), in one pass   released

With shares near 1/2 (alpha = 20) mixed rows lie far from the examples, which the plain loss
alone would leave free. The released program, of eta = 1, concatenates clean and mixed rows: one
pass, whose BatchNorm sees both, and the mean over all of them, which is half the paper's sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self, get_args

from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import BetaShare
from mixup_multi.objectives.beside import in_one_pass, in_two_passes
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.objective import Draw, Objective, Terms, TrainingPart
from mixup_multi.objectives.vicinal import Vicinal

RegForm = Literal["paper", "released"]


@dataclass(frozen=True, slots=True)
class RegMixup(Objective):
    """The plain loss, and a vicinal one beside it.

    Attributes:
        inner: the vicinal objective.
        eta: >= 0, its weight; 0 is plain training, bit for bit.
        form: `paper`, a sum of two passes, or `released`, the mean of one over both.

    Raises:
        SettingError: eta is negative, or the form unknown.
    """

    inner: Vicinal = field(default_factory=lambda: Vicinal(BetaShare(20.0)))
    eta: float = 1.0
    form: RegForm = "paper"

    def __post_init__(self) -> None:
        if not 0 <= self.eta < float("inf"):
            raise SettingError(f"eta is {self.eta}: expected a number >= 0", ("eta",))
        if self.form not in get_args(RegForm):
            raise SettingError(f"form is {self.form!r}: expected paper or released", ("form",))

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The vicinal one."""
        return (self.inner,)

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw what the inner objective draws, and nothing else."""
        return self.inner.draw(targets, generator)

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with its inner one fitted."""
        return replace(self, inner=self.inner.fit(train))

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the inner objective's points."""
        self.inner.check(model)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the total, with both losses beside it; `error` is that of the clean rows."""
        if self.eta == 0:
            return score(self.inner.loss_fn, model(batch.inputs), batch.targets)
        run = in_two_passes if self.form == "paper" else in_one_pass
        mixed, logits = run(self.inner, model, batch, draw)
        clean = score(self.inner.loss_fn, logits, batch.targets)
        total = clean.total + self.eta * mixed.total
        if self.form == "released":
            total = total / (1 + self.eta)
        losses = {"clean_loss": clean.total.detach(), "mixed_loss": mixed.total.detach()}
        return Terms(total, {**clean.means, **losses}, mixed.counts)
