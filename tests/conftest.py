"""Settings for all tests."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("here", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("here")
