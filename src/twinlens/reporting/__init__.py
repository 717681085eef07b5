"""Pages to read: of a study, of a pretraining and of an audit, from stored files alone."""

from twinlens.reporting.study.page import report

__all__ = ["report"]
