"""Finds the command that the arguments name, and turns errors into sentences and exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from deepseek_report.children import ONE_THREAD
from deepseek_report.cli.parsing import COMMANDS
from deepseek_report.errors import DeepseekReportError, error_code
from deepseek_report.extension import extension_commands
from deepseek_report.runner.execution.rare_collections import BETWEEN_COLLECTIONS


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code; a user's error shows no traceback."""
    os.environ.update(ONE_THREAD)  # before numpy is loaded
    gc.set_threshold(*BETWEEN_COLLECTIONS)
    try:
        return exit_code_of(lambda: _ended(list(arguments)))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        return 130


def _ended(arguments: list[str]) -> int:
    """The exit code of a command, of this folder or of an extension, or else of an experiment."""
    named = bool(arguments) and arguments[0] in COMMANDS
    name = arguments[0].replace("-", "_") if named else "experiment"
    brought = extension_commands().get(arguments[0]) if named else None
    module = importlib.import_module(brought.module if brought else f"{__package__}.{name}")
    command: Callable[[list[str]], int] = module.command
    return command(arguments[1 if named else 0 :])


def exit_code_of(work: Callable[[], int], code_of: Callable[[Exception], int] = error_code) -> int:
    """The exit code of a piece of work; its error is told in a sentence and gives a code too."""
    try:
        return work()
    except DeepseekReportError as error:
        from deepseek_report.cli.output.console import printable_lines

        print(printable_lines(error), file=sys.stderr)
        return code_of(error)
    except BrokenPipeError:
        raise
    except Exception as error:  # nobody should have to read a traceback
        _say_unexpected(error)
        return code_of(error)


def details_file(text: str) -> str:
    """The path of a new file with what a person needs who mends the program."""
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="deepseek-report-", suffix=".txt", delete=False, encoding="utf-8"
        ) as details:
            details.write(text)
    except OSError as error:
        return f"no file, since none can be written ({error.strerror})"
    return details.name


def _say_unexpected(error: Exception) -> None:
    """One sentence: what happened, where the details are, and what to do."""
    import traceback

    details = details_file("".join(traceback.format_exception(error)))
    if isinstance(error, OSError) and error.filename is not None:
        happened = f"{error.filename}: {error.strerror}"
        todo = "check the path, its rights and the free space"
    elif isinstance(error, MemoryError):
        happened = f"there is not enough memory ({error})"
        todo = "give the process more, or let it have less to read"
    else:
        happened = f"an error that nobody foresaw ({type(error).__name__}: {error})"
        todo = "please report it with that file and the command"
    print(f"{happened}; the details are in {details}; {todo}", file=sys.stderr)
