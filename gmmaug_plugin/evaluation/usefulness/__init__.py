"""Does a pool help a classifier of these photos? A study whose answer can be No."""

from gmmaug_plugin.evaluation.usefulness.result import Arm, Point, Run, Usefulness
from gmmaug_plugin.evaluation.usefulness.study import StudyOptions, study_usefulness

__all__ = ["Arm", "Point", "Run", "StudyOptions", "Usefulness", "study_usefulness"]
