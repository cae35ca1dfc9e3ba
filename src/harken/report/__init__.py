"""Turns run folders into a page that people look at and listen to. Knows no model."""

from harken.report.html import write_report

__all__ = ["write_report"]
