"""Attacks: small perturbations of a batch that raise a model's loss, for training and for tests.

Members of one space: sign or normalised-gradient steps (a norm), how many, from where, how often
again, away from a label or towards another. `pgd` is the general one and its docstring the
reference; the others are choices of its fields with the names of their papers.
"""

from mixup_multi.attacks.attack import Attack
from mixup_multi.attacks.presets import fgsm, ifgsm, pgd, random_fgsm
from mixup_multi.attacks.quiet import looked_at
from mixup_multi.attacks.search import Ball, climb

__all__ = ["Attack", "Ball", "climb", "fgsm", "ifgsm", "looked_at", "pgd", "random_fgsm"]
