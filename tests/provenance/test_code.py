"""A key changes with the code that decides a result, and with nothing else."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from deepseek_report import provenance
from deepseek_report.config.config_files import shipped_files
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.provenance import code, module_files
from tests.house import PACKAGE
from tests.worded import printed


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def hash_of(source: str) -> dict[str, str]:
        (tmp_path / "plugin_under_test.py").write_text(source)
        code.forget()
        return provenance.code_of("plugin_under_test")

    return hash_of


def test_comments_and_docstrings_do_not_change_the_hash(module) -> None:
    plain = module("def f(x):\n    'One.'\n    return x + 1\n")
    assert plain == module("def f(x):\n    '''Two.'''\n    # a comment\n    return x + 1\n")


def test_a_changed_line_changes_the_hash(module) -> None:
    assert module("def f(x):\n    return x + 1\n") != module("def f(x):\n    return x + 2\n")


def test_the_versions_of_imported_libraries_are_part_of_the_hash(module) -> None:
    hashes = module("def f():\n    import numpy\n    return numpy.pi\n")
    assert hashes["numpy"] == provenance.version_of("numpy")
    assert "os" not in module("import os\n")


def test_own_modules_are_followed_to_the_bottom(module) -> None:
    hashes = module("from deepseek_report.artifacts.results import Results\n")
    assert "deepseek_report.artifacts.storage.files" in hashes
    assert len(hashes["deepseek_report.artifacts.storage.files"]) == 64


def test_the_environment_names_no_host_and_no_path() -> None:
    import platform

    text = str(provenance.environment("cpu"))
    assert platform.node() not in text or not platform.node()
    assert str(Path.home()) not in text


def test_reading_the_code_of_a_plugin_imports_none_of_it() -> None:
    code = (
        "import sys\nfrom deepseek_report.provenance import code_of\n"
        "found = code_of('deepseek_report.explainers.shapley.shap')\n"
        "assert 'deepseek_report.explainers.shapley.shap' in found and 'shap' in found\n"
        "print(sorted({'shap', 'torch', 'numpy'} & set(sys.modules)))"
    )
    assert printed(code) == "[]"


def test_what_text_models_and_their_tokens_depend_on_is_told_by_version() -> None:
    versions = provenance.versions()
    assert {"transformers", "tokenizers"} <= set(versions)
    assert versions["transformers"] == provenance.version_of("transformers")


def test_an_extra_that_is_not_installed_is_not_told(monkeypatch) -> None:
    monkeypatch.setattr(provenance, "_EXTRAS", ("a_library_that_nobody_has",))
    assert "a_library_that_nobody_has" not in provenance.versions()


def test_the_metadata_of_a_distribution_are_parsed_once_however_many_files_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np

    read: list[str] = []
    version = importlib.metadata.Distribution.version.fget  # type: ignore[attr-defined]
    counted = property(lambda metadata: read.append(version(metadata)) or read[-1])
    monkeypatch.setattr(importlib.metadata.Distribution, "version", counted)
    folder = Path(np.__file__).parents[1]
    tops = module_files._tops_of.__wrapped__(folder)
    assert tops["numpy"] == np.__version__
    assert len(read) <= len(list(folder.glob("*.dist-info")))


def test_no_key_hangs_on_a_library_of_an_extra_that_its_plug_in_has_no_use_for() -> None:
    targets = {
        target.rpartition(".")[::2]
        for group in ("dataset", "model", "explainers", "metrics", "visualizations")
        for file in shipped_files(group)
        for target in re.findall(r"_target_: (deepseek_report\S+)", file.read_text("utf-8"))
    }
    counted = {
        name: set(provenance.code_of(module)) & code.LIBRARIES_OF_EXTRAS for module, name in targets
    }
    assert len(counted) > 80
    assert {name for name, libraries in counted.items() if libraries} == set()
    used = {
        TableFile(path="a.xlsx").readers,  # type: ignore[arg-type]
        TableFile(path="a.csv").readers,  # type: ignore[arg-type]
    }
    assert used == {("openpyxl",), ()}


def test_the_libraries_of_extras_are_those_of_the_project() -> None:
    file = PACKAGE.parent / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    others = {"mlflow-skinny": "mlflow", "interpret-core": "interpret", "scikit-image": "skimage"}
    names = {
        re.split(r"[\[<>=]", requirement)[0]
        for extra, requirements in extras.items()
        if extra not in {"test", "dev", "docs"}
        for requirement in requirements
    }
    assert {others.get(name, name).replace("-", "_") for name in names} == (
        code.LIBRARIES_OF_EXTRAS
    )
