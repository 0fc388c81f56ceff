"""The tasks: what is predicted, what counts as an error, and how errors are compared."""

from __future__ import annotations

from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.tasks.classification import Classification
from deepseek_report.tasks.multi_label import MultiLabel
from deepseek_report.tasks.regression import Regression
from deepseek_report.tasks.task import Task

__all__ = ["TASKS", "Task", "task_of"]

#: Every task by its name in configs and schemas.
TASKS: dict[TaskName, Task] = {
    task.name: task for task in (Classification(), Regression(), MultiLabel())
}


def task_of(target: Target) -> Task:
    """The task of a target."""
    return TASKS[target.task]
