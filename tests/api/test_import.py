"""Importing the package stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import deepseek_report as dr


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, deepseek_report as dr; dir(dr); "
        "print(sorted({'torch', 'pandas', 'numpy', 'shap', 'hydra', 'sklearn'} & {*sys.modules}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_using_the_api_needs_neither_torch_nor_shap_until_a_run() -> None:
    code = (
        "import sys, deepseek_report as dr; dr.report; dr.load_run; "
        "print(sorted({'torch', 'shap'} & {*sys.modules}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_what_reads_addresses_is_loaded_once_an_address_is_checked_and_not_with_a_schema() -> None:
    pytest.importorskip("rfc3987_syntax", reason="without it jsonschema checks no address")
    code = (
        "import sys; from deepseek_report.artifacts.storage.files import validator_of\n"
        "of_schema = validator_of({'format': 'iri'}); before = 'rfc3987_syntax' in sys.modules\n"
        "checking = of_schema.evolve(format_checker=of_schema.FORMAT_CHECKER)\n"
        "print(before, checking.is_valid('http://ä.de/x'), checking.is_valid('no address'))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "False True False"


def test_the_names_of_the_api_are_listed_and_others_are_refused() -> None:
    assert {"Run", "load_run", "report", "run"} <= set(dir(dr))
    with pytest.raises(AttributeError, match="no attribute 'reports'"):
        _ = dr.reports
