"""Numeric libraries of C and Fortran, kept to one thread."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: Modules that bring threads of their own.
_WITH_THREADS = ("numpy", "scipy.linalg", "sklearn.ensemble", "lightgbm", "xgboost", "torch")


def libraries_on_one_thread() -> AbstractContextManager[object]:
    """Within it the libraries that are loaded compute with one thread.

    Small fits gain little from threads of OpenMP and BLAS on an idle machine, lose a hundredfold
    where other work holds the cores, and add up floats in another order.

    >>> from threadpoolctl import threadpool_info
    >>> with libraries_on_one_thread():
    ...     {pool["num_threads"] for pool in threadpool_info()}
    {1}
    """
    limits: AbstractContextManager[object] = _pools(
        tuple(name in sys.modules for name in _WITH_THREADS)
    ).limit(limits=1)
    return limits


@cache
def _pools(loaded: tuple[bool, ...]) -> ThreadpoolController:
    """Those that are loaded; looking for them takes as long as a short prediction."""
    del loaded  # with another library they are looked for anew
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
