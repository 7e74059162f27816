"""The methods by name: each is a choice of an objective's fields, with the defaults of its paper.

Every argument is a key of a recipe's method entry. Where a paper leaves a value unsaid the
default is ours and its docstring says so. A `loss` of None is the one that fits the data.
"""
