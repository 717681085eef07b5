"""The page to read: tables and figures of a finished study, from its stored files alone."""

from twinlens.reporting.page import report

__all__ = ["report"]
