"""Importing the package stays light, and the examples of `docs/python.md` hold."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import deepseek_report as dr
from tests.worded import printed


def test_the_package_loads_nothing_heavy_and_the_api_neither_torch_nor_shap_until_a_run() -> None:
    code = (
        "import sys, deepseek_report as dr; dir(dr); "
        "print(sorted({'torch', 'pandas', 'numpy', 'shap', 'hydra', 'sklearn'} & {*sys.modules}))\n"
        "dr.report; dr.load_run; print(sorted({'torch', 'shap'} & {*sys.modules}))"
    )
    assert printed(code).split() == ["[]", "[]"]


def test_what_reads_addresses_is_loaded_once_an_address_is_checked_and_not_with_a_schema() -> None:
    pytest.importorskip("rfc3987_syntax", reason="without it jsonschema checks no address")
    code = (
        "import sys; from deepseek_report.artifacts.storage.files import validator_of\n"
        "of_schema = validator_of({'format': 'iri'}); before = 'rfc3987_syntax' in sys.modules\n"
        "checking = of_schema.evolve(format_checker=of_schema.FORMAT_CHECKER)\n"
        "print(before, checking.is_valid('http://ä.de/x'), checking.is_valid('no address'))"
    )
    assert printed(code) == "False True False"


def test_the_names_of_the_api_are_listed_and_others_are_refused() -> None:
    assert {"Run", "load_run", "report", "run"} <= set(dir(dr))
    with pytest.raises(AttributeError, match="no attribute 'reports'"):
        _ = dr.reports


PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_of_the_page_hold(folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {"folder": str(folder / "docs")}
    test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 15
    failures: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=failures.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(failures)
