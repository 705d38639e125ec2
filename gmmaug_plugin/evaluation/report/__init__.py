"""The report on a pool: one page to read, and its figures as JSON."""

from gmmaug_plugin.evaluation.report.writing import write_report

__all__ = ["write_report"]
