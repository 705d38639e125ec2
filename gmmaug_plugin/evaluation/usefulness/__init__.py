"""Does a pool help a classifier of these photos? A study whose answer can be No.

>>> found = study_usefulness(photos, labels, names, draw_pool=draw_pool)  # doctest: +SKIP
>>> print(found.verdict)  # doctest: +SKIP
"""

from gmmaug_plugin.evaluation.usefulness.result import Usefulness
from gmmaug_plugin.evaluation.usefulness.runs import Arm, Point, Run, default_steps
from gmmaug_plugin.evaluation.usefulness.study import StudyFile, study_usefulness

__all__ = ["Arm", "Point", "Run", "StudyFile", "Usefulness", "default_steps", "study_usefulness"]
