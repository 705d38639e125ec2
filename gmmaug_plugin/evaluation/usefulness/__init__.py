"""Will it help this classifier? A study that can say no.

>>> found = study_usefulness(photos, labels, names, fit_model=fit_model)  # doctest: +SKIP
>>> print(found.verdict)  # doctest: +SKIP
"""

from gmmaug_plugin.evaluation.usefulness.arms import Arm, make_arms
from gmmaug_plugin.evaluation.usefulness.curves import Curve, Point, Run
from gmmaug_plugin.evaluation.usefulness.planning import default_steps
from gmmaug_plugin.evaluation.usefulness.result import Table, Usefulness
from gmmaug_plugin.evaluation.usefulness.study import study_usefulness

__all__ = [
    "Arm",
    "Curve",
    "Point",
    "Run",
    "Table",
    "Usefulness",
    "default_steps",
    "make_arms",
    "study_usefulness",
]
