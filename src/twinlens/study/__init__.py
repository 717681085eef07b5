"""Paired comparison: arms x seeds x label fractions, as independent runs in folders."""
