"""The tasks: what is predicted, what counts as an error, and how errors are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from deepseek_report.artifacts.schema import Target, TaskName
from deepseek_report.artifacts.table import Column
from deepseek_report.tasks.classification import Classification, MultiLabel
from deepseek_report.tasks.regression import Regression
from deepseek_report.tasks.task import Task

__all__ = ["TASKS", "Task", "of_some_task", "task_of"]

#: Every task by its name in configs and schemas.
TASKS: dict[TaskName, Task] = {
    task.name: task for task in (Classification(), Regression(), MultiLabel())
}


def task_of(target: Target) -> Task:
    """The task of a target."""
    return TASKS[target.task]


def of_some_task(columns: Iterable[Iterable[Column]], unless: str = "") -> tuple[Column, ...]:
    """The columns that the table of one task or another has, each of which a table may lack.

    columns : those of each task. unless : see `Column.unless`; of all of them.
    """
    known = {column.key: column for each in columns for column in each}
    return tuple(replace(column, optional=True, unless=unless) for column in known.values())
