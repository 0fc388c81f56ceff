"""Example data that packages and generators bring, and the experiments on them.

Nothing else needs them: the table of the default experiment is the core's.
"""

from pathlib import Path

from deepseek_report.extension import Extension

EXTENSION = Extension(folder=Path(__file__).parent)
