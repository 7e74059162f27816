"""New projects: a package that works, its test and a recipe, to be changed into one's own.

What is written lies in `templates/KIND`, as it is written: `NAME` in a path and `$name` in a text
stand for the project's names.
"""
