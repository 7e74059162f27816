"""The contracts that every member keeps, ours and a stranger's, for tests of your own.

One call in a test holds a member to all rules of its kind, and says in its message which is
broken, what was found and how to mend it:

    from mixup_multi.testing import check_objective

    def test_my_method():
        check_objective("my_package.methods:MyMix", settings={"alpha": 0.4})

Each returns a report of what was checked and what did not apply. `rules(kind)` lists the rules.
Only plain assertions are raised, so any test runner will do.
"""

from mixup_multi.testing.adapters import check_adapter
from mixup_multi.testing.attacks import check_attack
from mixup_multi.testing.blends import check_blend
from mixup_multi.testing.contract import Checked, ContractError, Rule
from mixup_multi.testing.evaluations import check_evaluation
from mixup_multi.testing.objectives import check_objective
from mixup_multi.testing.predictors import check_predictor
from mixup_multi.testing.rulebook import rules, rules_table

__all__ = [
    "Checked",
    "ContractError",
    "Rule",
    "check_adapter",
    "check_attack",
    "check_blend",
    "check_evaluation",
    "check_objective",
    "check_predictor",
    "rules",
    "rules_table",
]
