"""Paired comparison: arms x seeds x label budgets, as independent runs in folders."""
