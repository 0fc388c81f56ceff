"""All local code that a plug-in reaches is in its key, whatever the layout of its folder."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.provenance import code, version_of
from deepseek_report.runner.planning.plan import make_plan, run_id
from deepseek_report.runner.run_folders.sealing import writing_key

CodeOf = Callable[[str], dict[str, str]]

#: Layouts of a plug-in `plug` that takes a formula from elsewhere: files, the module that a YAML
#: names, and the file that holds the formula.
LAYOUTS = {
    "a folder without __init__.py": ({"plug/part.py": "def f(): return 1\n"}, "plug.part", None),
    "a module beside it, by its full name": (
        {"plug/part.py": "from plug.formula import f\n", "plug/formula.py": "def f(): return 1\n"},
        "plug.part",
        "plug/formula.py",
    ),
    "from . import x": (
        {"plug/part.py": "from . import formula\n", "plug/formula.py": "def f(): return 1\n"},
        "plug.part",
        "plug/formula.py",
    ),
    "from .x import y": (
        {"plug/part.py": "from .formula import f\n", "plug/formula.py": "def f(): return 1\n"},
        "plug.part",
        "plug/formula.py",
    ),
    "from ..x import y, two folders up": (
        {
            "plug/deep/part.py": "from ..sums.formula import f\n",
            "plug/sums/formula.py": "def f(): return 1\n",
        },
        "plug.deep.part",
        "plug/sums/formula.py",
    ),
    "a package that imports its parts relatively": (
        {"plug/__init__.py": "from .part import P\n", "plug/part.py": "def f(): return 1\n"},
        "plug",
        "plug/part.py",
    ),
    "the __init__.py of a package above": (
        {"plug/__init__.py": "RATE = 1\n", "plug/part.py": "import plug\n"},
        "plug.part",
        "plug/__init__.py",
    ),
    "a single file": ({"plug.py": "def f(): return 1\n"}, "plug", None),
    "a single file that imports another one": (
        {"plug.py": "import formula_beside\n", "formula_beside.py": "def f(): return 1\n"},
        "plug",
        "formula_beside.py",
    ),
    "another local package": (
        {"plug/part.py": "from sums_of_ours.f import f\n", "sums_of_ours/f.py": "f = 1\n"},
        "plug.part",
        "sums_of_ours/f.py",
    ),
    "a local package behind another one": (
        {
            "plug/part.py": "import sums_of_ours\n",
            "sums_of_ours/__init__.py": "from rates_of_ours import rate\n",
            "rates_of_ours.py": "rate = 1\n",
        },
        "plug.part",
        "rates_of_ours.py",
    ),
    "an import inside a function": (
        {"plug/part.py": "def f():\n    from plug import g\n", "plug/g.py": "g = 1\n"},
        "plug.part",
        "plug/g.py",
    ),
    "import_module with the name written out": (
        {
            "plug/part.py": "import importlib\nimportlib.import_module('.g', 'plug')\n",
            "plug/g.py": "g = 1\n",
        },
        "plug.part",
        "plug/g.py",
    ),
    "a class inside a class": ({"plug/part.py": "class A:\n    x = 1\n"}, "plug.part.A", None),
    "a text file beside it": (
        {"plug/part.py": "x = 1\n", "plug/data/words.txt": "one\n"},
        "plug.part",
        "plug/data/words.txt",
    ),
    "a file that a single-file module names": (
        {"plug.py": "from pathlib import Path\nfile = Path(__file__).with_name('w.txt')\n"}
        | {"w.txt": "one\n"},
        "plug",
        "w.txt",
    ),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path, as the current folder is."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def code_of(place: Path) -> CodeOf:
    def read(module: str) -> dict[str, str]:
        code.forget()
        return code.code_of(module)

    return read


def write(place: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_edit_of_any_local_file_is_another_key(
    layout: str, place: Path, code_of: CodeOf
) -> None:
    files, module, edited = LAYOUTS[layout]
    write(place, files)
    before = code_of(module)
    assert before == code_of(module)
    path = place / (edited or next(iter(files)))
    path.write_text(path.read_text().replace("1", "2").replace("one", "two"))
    assert before != code_of(module)


def test_nothing_of_it_is_imported(place: Path, code_of: CodeOf) -> None:
    files = {
        "plug_unseen/__init__.py": "raise SystemExit\n",
        "plug_unseen/part.py": "import this\n",
    }
    write(place, files)
    hashes = code_of("plug_unseen.part")
    assert {"plug_unseen", "plug_unseen.part"} <= set(hashes)
    assert not {"plug_unseen", "this"} & set(sys.modules)


def test_a_file_that_nobody_imports_does_not_count(place: Path, code_of: CodeOf) -> None:
    write(place, {"plug/part.py": "x = 1\n", "plug/other.py": "y = 1\n"})
    before = code_of("plug.part")
    write(place, {"plug/other.py": "y = 2\n", "plug/__pycache__/part.pyc": "", "plug/.hidden": ""})
    assert code_of("plug.part") == before


def test_an_installed_library_counts_by_its_version_alone(code_of: CodeOf, place: Path) -> None:
    write(place, {"plug/part.py": "import numpy.linalg\nfrom sklearn import svm\nimport PIL\n"})
    hashes = code_of("plug.part")
    assert hashes["numpy"] == version_of("numpy")
    assert hashes["sklearn"] == version_of("sklearn") != "not installed"
    assert hashes["PIL"] == version_of("PIL") != "not installed"
    assert set(hashes) == {"python", "plug.part", "numpy", "sklearn", "PIL"}


def test_a_library_whose_distribution_has_another_name_counts_by_version(place: Path) -> None:
    record = "cv9/__init__.py,,\nopencv_nine-9.1.dist-info/METADATA,,\n"
    write(
        place,
        {
            "lib/site-packages/cv9/__init__.py": "x = 1\n",
            "lib/site-packages/opencv_nine-9.1.dist-info/METADATA": "Name: opencv-nine\n"
            "Version: 9.1\n",
            "lib/site-packages/opencv_nine-9.1.dist-info/RECORD": record,
            "plug/part.py": "import cv9\n",
        },
    )
    sys.path.insert(0, str(place / "lib" / "site-packages"))
    try:
        code.forget()
        hashes = code.code_of("plug.part")
    finally:
        sys.path.remove(str(place / "lib" / "site-packages"))
    assert hashes["cv9"] == "9.1"
    assert "x" not in hashes


def test_a_project_that_is_installed_in_place_counts_by_its_code(
    place: Path, code_of: CodeOf
) -> None:
    """What a build leaves beside the code is no record of an installation."""
    write(
        place,
        {
            "ours/__init__.py": "x = 1\n",
            "ours.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n",
            "ours.egg-info/top_level.txt": "ours\n",
            "ours.egg-info/SOURCES.txt": "ours/__init__.py\n",
            "plug/part.py": "import ours\n",
        },
    )
    assert len(code_of("plug.part")["ours"]) == 64


def test_code_in_a_zip_file_counts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = []
    for number in (1, 2):
        archive = place / f"{number}.zip"
        with zipfile.ZipFile(archive, "w") as stream:
            stream.writestr("zipped_plug.py", f"x = {number}\n")
        monkeypatch.syspath_prepend(str(archive))
        code.forget()
        hashes.append(code.code_of("zipped_plug"))
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    "content", [b"def f(:\n", b"\xff\xfe\x00", b"", b"# coding: latin-1\n'\xe9'"]
)
def test_what_cannot_be_parsed_counts_by_its_bytes(
    content: bytes, place: Path, code_of: CodeOf
) -> None:
    (place / "plug.py").write_bytes(content)
    assert len(code_of("plug")["plug"]) == 64


def test_an_edited_section_of_ones_own_is_written_again(place: Path) -> None:
    config = {"sections": {"ours": {"_target_": "sections_of_ours.part.Ours"}}}
    write(place, {"sections_of_ours/part.py": "x = 1\n"})
    code.forget()
    before = writing_key(config)
    assert before == writing_key(config)
    write(place, {"sections_of_ours/part.py": "x = 2\n"})
    code.forget()
    assert before != writing_key(config)


TYPICAL_VALUE = """\
from dataclasses import dataclass
from typing import ClassVar

from .formula import change


@dataclass(frozen=True)
class TypicalValue:
    \"\"\"Change of the probability when one feature is replaced by its typical value.\"\"\"

    requires: ClassVar[frozenset[str]] = frozenset()
    samples: ClassVar[bool] = False

    def explain(self, context):
        return change(context)

    def planned_calls(self, n_instances, n_features, n_background):
        return n_instances * (n_features + 1)

    def refuses(self, model, nature):
        return None
"""


def test_an_edited_formula_of_a_plug_in_laid_out_as_the_docs_say_is_run_again(place: Path) -> None:
    package = "typical_value_of_ours"
    write(
        place,
        {
            f"{package}/typical_value.py": TYPICAL_VALUE,
            f"{package}/formula.py": "def change(context):\n    return 1\n",
            "my_conf/explainers/typical_value.yaml": "typical_value:\n"
            f"  _target_: {package}.typical_value.TypicalValue\n",
        },
    )

    def planned() -> tuple[str, dict[str, str]]:
        code.forget()
        composed = compose(
            ["explainers=[typical_value,random]", "report.thresholds=[]"], str(place / "my_conf")
        )
        experiment = validate(composed, [package])
        stages = make_plan(experiment)
        return run_id(experiment, stages), {stage.id: stage.key for stage in stages}

    before, keys = planned()
    write(place, {f"{package}/formula.py": "def change(context):\n    return 2\n"})
    after, changed = planned()
    assert before != after
    assert keys["explanations/typical_value"] != changed["explanations/typical_value"]
    assert keys["explanations/random"] == changed["explanations/random"]
    assert keys["training"] == changed["training"]
