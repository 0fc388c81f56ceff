"""The core does without each extension: taken away from a copy, it leaves what works."""

from __future__ import annotations

import ast
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from deepseek_report.children import ONE_THREAD
from deepseek_report.extension import BROUGHT, GROUP, installed
from tests.forked import ForkServer
from tests.house import PACKAGE
from tests.shared_runs import SHORT, SMALL

ROOT = PACKAGE.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
#: {name of an extension: its object}, as declared.
DECLARED = PYPROJECT["project"]["entry-points"][GROUP]


#: Keys at the top of a configuration.
SETTINGS = frozenset(yaml.safe_load((ROOT / "conf/config.yaml").read_text("utf-8")))
#: Folders of a checkout that no copy needs.
LEFT = shutil.ignore_patterns(".*", "reports", "build", "dist")
#: Whether the core's tests and its default run are tried in each copy, as `make apart` does.
WHOLE = os.environ.get("DEEPSEEK_REPORT_APART") == "whole"
#: The extensions whose choices the core's tests run on.
NEEDED_BY_TESTS = {"examples"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("copy") / "of", ignore=LEFT))


@contextmanager
def lacking(copy: Path, names: Iterable[str]) -> Iterator[None]:
    """The copy while the folders of some extensions do not lie in it."""
    folders = [copy / "deepseek_report/extensions" / name for name in names]
    for folder in folders:
        folder.rename(copy / folder.name)
    try:
        yield
    finally:
        for folder in folders:
            (copy / folder.name).rename(folder)


#: Libraries that are imported once for all commands of all copies.
LIBRARIES = ("torch", "pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.figure", "hydra")


Run = Callable[..., CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def run(copied: Path) -> Iterator[Run]:
    """Runs a module of the copy, as `python -m` does in its folder."""
    server = ForkServer(LIBRARIES, ONE_THREAD)
    yield lambda *words: server.run(words, folder=copied, path=copied)
    server.close()


def answers(run: Run, *commands: Sequence[str]) -> list[tuple[int, str, str]]:
    """(exit code, standard output, standard error) of each command."""
    done = run("tests.commands_in_turn", json.dumps(commands))
    assert done.returncode == 0, done.stderr.decode()
    return [tuple(answer) for answer in json.loads(done.stdout)]


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_the_core_does_without_each(copied: Path, run: Run, name: str) -> None:
    brought = [word for word, (extension, _) in BROUGHT.items() if extension == name]
    if not WHOLE:  # of the choices of one group and one extra, which are told alike, one
        brought = [*{(word.partition("=")[0], BROUGHT[word][1]): word for word in brought}.values()]
    asked = {word: asking(word) for word in brought if not word.startswith("-")}
    works = [["list"], ["check", *SMALL, *SHORT], *([[*SMALL]] if WHOLE else [])]
    with lacking(copied, [name]):
        told = answers(run, *works, *asked.values())
        for code, out, err in told[: len(works)]:
            assert code == 0, out + err
        for word, (code, out, err) in zip(asked, told[len(works) :], strict=True):
            assert (code, out) == (2, "") or word in SETTINGS
            assert code == 2
            assert f"{word} comes with the extension {name}" in err
            assert f"deepseek-report[{BROUGHT[word][1]}]" in err or not BROUGHT[word][1]
        if WHOLE and name not in NEEDED_BY_TESTS:
            how = ("-n2", "-p", "no:cacheprovider", "--deselect=tests/test_extensions.py")
            done = run("pytest", *how, "tests")
            assert done.returncode == 0, done.stdout[-3000:]


def asking(word: str) -> list[str]:
    """A command that asks for what `BROUGHT` names."""
    if word in SETTINGS:
        return ["check", f"{word}=[{{}}]"]
    return ["check", word] if "=" in word else [word, "reports"]


def test_the_core_does_without_all(copied: Path, run: Run) -> None:
    with lacking(copied, DECLARED):
        done = run("deepseek_report", *SMALL, *([] if WHOLE else SHORT))
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_test_of_the_core_imports_an_extension() -> None:
    imported = {
        (path.name, name)
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imports(node)
        if name.startswith("deepseek_report.extensions.")
    }
    assert imported == set(), "ask by pytest.importorskip, or put it among the extension's tests"


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{each.name}" for each in node.names]
    return [each.name for each in node.names] if isinstance(node, ast.Import) else []


def test_each_is_found_and_its_extras_are_there() -> None:
    declared = distribution("deepseek-report").entry_points.select(group=GROUP)
    assert DECLARED.items() <= {each.name: each.value for each in declared}.items()
    assert sorted(each.folder.name for each in installed()) == sorted(DECLARED)
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert {extension for extension, _ in BROUGHT.values()} <= DECLARED.keys()
    assert {extra for _, extra in BROUGHT.values()} <= {"", *extras}
