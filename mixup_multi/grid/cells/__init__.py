"""Cells that are run: one, a team that trains together, and the processes that help with one."""
