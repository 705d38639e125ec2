"""The report a person reads: one page and one file of numbers about a model."""

from gmmaug_plugin.evaluation.report.contents import ReportContents
from gmmaug_plugin.evaluation.report.gathering import gather
from gmmaug_plugin.evaluation.report.writing import write_report

__all__ = ["ReportContents", "gather", "write_report"]
