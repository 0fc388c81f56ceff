"""The package from Python: a report on a model in memory, a run by its name, a finished run.

`import deepseek_report` offers these names and loads this only when one of them is used.
"""

from deepseek_report.api.finished import Run, load_run
from deepseek_report.api.reporting import Comparison, compare, quick, report, run

__all__ = ["Comparison", "Run", "compare", "load_run", "quick", "report", "run"]
