"""Imported once by the process that the workers are forked from, so that they start at once."""

import numpy as np  # noqa: F401
import pandas as pd  # noqa: F401
import torch  # noqa: F401

import deepseek_report.runner.execution.stages  # noqa: F401
