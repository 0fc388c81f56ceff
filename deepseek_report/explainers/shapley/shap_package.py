"""The shap package, imported without the warnings of its own imports."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import shap
    from shap.utils import _masked_model

__all__ = ["_masked_model", "shap"]
