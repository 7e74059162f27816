"""Methods that perturb features and keep the labels: Batchout."""

from __future__ import annotations

from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import FixedShare, Per, Share
from mixup_multi.mix.shares import ChoiceShare, UniformShare
from mixup_multi.objectives.batchout import Batchout, Layers, Meets, PartnersPer, Towards
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.presets.settings import LossName, Points, names_of

Amount = float | tuple[float, ...]


def batchout(
    *,
    amount: Amount = (0.0, 0.1),
    chances: tuple[float, ...] | None = None,
    amounts: dict[str, Amount] | None = None,
    portion: float = 0.5,
    partner: Meets = "any",
    partners_per: PartnersPer = "layer",
    per: Per = "batch",
    points: Points = "all_hidden",
    layers: Layers = "all",
    towards: Towards = "rows",
    loss: LossName | None = None,
) -> Batchout:
    """Batchout (Subramanya et al. 2018): half of the rows, at every layer, n from U[0, 0.1].

    `amount` is n: a number, or an interval [low, high] that it is drawn from; with `chances`, any
    values, one of which is drawn with these probabilities. `amounts` has those of single points.
    The paper's CIFAR-10 network, `batchout_cnn`, has `amounts: {conv5: [0, 0.15], fc1: [0, 0.15],
    fc2: [0, 0.15]}`; its MNIST network n = 0.05 at the first and 0.1 at the two other layers. The
    notes' variant: `portion: 1, partners_per: step, amount: [0.3, -0.2, 0], chances: [0.6, 0.3,
    0.1]`. A graph's `readout` is all of its pooled vectors: name it, or the single ones.

    Raises:
        SettingError: an amount is neither a number nor an interval, or has not as many chances.
    """
    return Batchout(
        _share_of("amount", amount, chances, per),
        {name: _share_of("amounts", each, None, per) for name, each in (amounts or {}).items()},
        portion,
        partner,
        partners_per,
        names_of(points),
        layers,
        towards,
        loss_named(loss),
    )


def _share_of(key: str, amount: Amount, chances: tuple[float, ...] | None, per: Per) -> Share:
    """Return the law of own = 1 - n."""
    values = (amount,) if isinstance(amount, int | float) else tuple(amount)
    if chances is not None:
        return ChoiceShare(tuple(1 - n for n in values), tuple(chances), per)
    if len(values) == 1:
        return FixedShare(1 - values[0])
    if len(values) != 2 or values[0] > values[1]:
        raise SettingError(
            f"{key} is {list(values)}: expected a number or an interval [low, high]; values to"
            " choose among need chances beside them",
            (key,),
        )
    return UniformShare(1 - values[1], 1 - values[0], per)
