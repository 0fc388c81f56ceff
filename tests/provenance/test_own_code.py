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

FORMULA = "def f(): return 1\n"


def layout(
    text: str, formula: str = "plug/formula.py", module: str = "plug.part", **more: str
) -> tuple[dict[str, str], str, str]:
    """The files of a plug-in, the module that a YAML names, and the file that holds its formula."""
    return {formula: FORMULA, f"{module.replace('.', '/')}.py": text, **more}, module, formula


#: Layouts of a plug-in that takes a formula from elsewhere.
LAYOUTS = {
    "a folder without __init__.py": layout(FORMULA, "plug/part.py"),
    "a module beside it, by its full name": layout("from plug.formula import f\n"),
    "from . import x": layout("from . import formula\n"),
    "from .x import y": layout("from .formula import f\n"),
    "from ..x import y, two folders up": layout(
        "from ..sums.formula import f\n", "plug/sums/formula.py", "plug.deep.part"
    ),
    "a package that imports its parts relatively": (
        {"plug/__init__.py": "from .part import P\n", "plug/part.py": FORMULA},
        *("plug", "plug/part.py"),
    ),
    "the __init__.py of a package above": layout("import plug\n", "plug/__init__.py"),
    "a single file": layout(FORMULA, "plug.py", "plug"),
    "a single file that imports another one": layout(
        "import formula_beside\n", "formula_beside.py", "plug"
    ),
    "another local package": layout("from sums_of_ours.f import f\n", "sums_of_ours/f.py"),
    "a local package behind another one": layout(
        *("import sums_of_ours\n", "rates_of_ours.py"),
        **{"sums_of_ours/__init__.py": "from rates_of_ours import f\n"},
    ),
    "an import inside a function": layout("def f():\n    from plug import g\n", "plug/g.py"),
    "import_module with the name written out": layout(
        "import importlib\nimportlib.import_module('.g', 'plug')\n", "plug/g.py"
    ),
    "a class inside a class": (
        {"plug/part.py": "class A:\n    x = 1\n"},
        *("plug.part.A", "plug/part.py"),
    ),
    "a text file beside it": layout("x = 3\n", "plug/data/words.txt"),
    "a file that a single-file module names": layout(
        "from pathlib import Path\nfile = Path(__file__).with_name('w.txt')\n", "w.txt", "plug"
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
    path = place / edited
    path.write_text(path.read_text().replace("1", "2"))
    assert before != code_of(module)


def test_nothing_of_it_is_imported(place: Path, code_of: CodeOf) -> None:
    unseen = "plug_unseen/__init__.py"
    write(place, {unseen: "raise SystemExit\n", "plug_unseen/part.py": "import this\n"})
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


def test_a_library_whose_distribution_has_another_name_counts_by_version(
    place: Path, code_of: CodeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib, info = "lib/site-packages", "lib/site-packages/opencv_nine-9.1.dist-info"
    files = {
        f"{lib}/cv9/__init__.py": "x = 1\n",
        f"{info}/METADATA": "Name: opencv-nine\nVersion: 9.1\n",
        f"{info}/RECORD": "cv9/__init__.py,,\nopencv_nine-9.1.dist-info/METADATA,,\n",
    }
    write(place, {**files, "plug/part.py": "import cv9\n"})
    monkeypatch.syspath_prepend(str(place / lib))
    hashes = code_of("plug.part")
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


def test_code_in_a_zip_file_counts(
    place: Path, code_of: CodeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for number in (1, 2):
        archive = place / f"{number}.zip"
        with zipfile.ZipFile(archive, "w") as stream:
            stream.writestr("zipped_plug.py", f"x = {number}\n")
        monkeypatch.syspath_prepend(str(archive))
        hashes.append(code_of("zipped_plug"))
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
