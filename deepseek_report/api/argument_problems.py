"""What is wrong with the arguments of a call, in the words of the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NoReturn

from deepseek_report.artifacts.advice import as_arguments
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.errors import DataError


class ArgumentProblems(ConfigProblems):
    """All problems of the arguments of one call."""

    about: ClassVar[str] = "the arguments"


def refuse(argument: str, fault: str, allowed: str, todo: str) -> NoReturn:
    """Raise one problem with one argument."""
    raise ArgumentProblems.of(argument, fault, allowed, todo)


@contextmanager
def in_words_of_the_call() -> Iterator[None]:
    """Errors inside speak of arguments and not of keys of a config, and carry no traceback."""
    try:
        yield
    except ArgumentProblems:
        raise
    except ConfigProblems as error:
        raise ArgumentProblems([_of_call(problem) for problem in error.problems]) from None
    except DataError as error:
        raise type(error)(as_arguments(str(error))) from None


def _of_call(problem: Problem) -> Problem:
    where = problem.where.replace("command line, ", "argument ")
    where = "X" if where == "dataset" else where
    return Problem(*map(as_arguments, (where, problem.fault, problem.allowed, problem.todo)))
