"""Write the tables of rules into `contracts.md`: `python docs/reference/contracts.py`."""

from __future__ import annotations

from pathlib import Path

from mixup_multi.testing import rules_table

PAGE = Path(__file__).with_suffix(".md")
START = """# The contracts

What every member keeps to, ours and yours. `mixup_multi.testing` has a function for each kind that
holds a member to all of its rules, in a test of your own:

| function | holds to the contract |
|---|---|
| `check_adapter(adapter, root=, only=, settings=)` | an adapter, its data sets, models and shifts |
| `check_objective(maker, settings=, model=, batch=, only=)` | a method |
| `check_blend(blend, only=)` | a blend |
| `check_predictor(maker, settings=, only=)` | a predictor |
| `check_attack(maker, settings=, only=)` | an attack on the input |
| `check_evaluation(maker, settings=, subject=, only=)` | an evaluation |

What is checked is given as recipes name it (an installed name, or `module:callable`), as a class or
function that makes it, or as an instance.

Each returns a `Checked`: which checks passed, and which did not apply, with why. Each raises one
`ContractError`, which is an `AssertionError`, with all that is broken: the rule, what was found,
and how to mend it. `only` takes names of rules (of an adapter, also of data sets and models).
`rules(kind)` returns what the tables below list.

Data sets that need files are checked where `check_adapter` is given a data root that has them; the
report says which were not. Of a large part up to 512 examples are read; nothing is downloaded.
"""
KINDS = {
    "objective": "A method gives `draw` and `loss`; see [Add a method](../howto/method.md).",
    "adapter": "The class with the two tables.",
    "dataset": "Every data set of an adapter that can be loaded, and its parts.",
    "model": "Every model of an adapter, built for the first of its data sets that it takes.",
    "shift": "Every corruption and deformation of a data set.",
    "blend": "How two rows become one.",
    "predictor": "How a trained model is asked.",
    "attack": "A search for a neighbour of the input at which the loss is higher.",
    "evaluation": "What is measured of a trained model.",
}


def page() -> str:
    """Return the page."""
    parts = [f"## {kind}\n\n{text}\n\n{rules_table(kind)}\n" for kind, text in KINDS.items()]
    return "\n".join([START, *parts])


if __name__ == "__main__":
    PAGE.write_text(page())
