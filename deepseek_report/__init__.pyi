from deepseek_report.api import Comparison as Comparison
from deepseek_report.api import Run as Run
from deepseek_report.api import compare as compare
from deepseek_report.api import load_run as load_run
from deepseek_report.api import quick as quick
from deepseek_report.api import report as report
from deepseek_report.api import run as run

__version__: str
