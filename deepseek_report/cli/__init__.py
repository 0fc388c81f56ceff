"""The command line: one module a command. Imports nothing heavy before it is needed."""

from deepseek_report.cli.dispatch import run

__all__ = ["run"]
