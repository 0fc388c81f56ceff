"""What the documents tell a user to write works as it stands there."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import shipped_folders
from deepseek_report.config.validate import validate
from tests.configured import experiment_of
from tests.shared_runs import Terminal
from tests.worded import write_conf, write_files

DOCS = shipped("conf").parent / "docs"
README = DOCS.parent / "README.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def python_block(holds: str) -> str:
    (matching,) = (block for block in blocks(DOCS / "plugins.md", "python") if holds in block)
    return matching


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Writes the block of the plug-in guide that holds a text as a module of a package, and the
    YAML that chooses it; gives the arguments that find this.
    """

    def written(module: str, holds: str, group: str = "", choice: str = "") -> list[str]:
        package, _, name = module.partition(".")
        code = {f"{package}/__init__.py": "", f"{package}/{name}.py": python_block(holds)}
        write_files(tmp_path, code)
        for loaded in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, loaded)  # the package of another test
        monkeypatch.syspath_prepend(str(tmp_path))
        if not group:
            return []
        conf = write_conf(tmp_path / "my_conf", {f"{group}/{name}": choice})
        return ["--config-dir", conf]

    return written


#: Little beside what a test is about.
FEW = ("report.thresholds=[]", "frameworks=[]")


def test_the_explainer_of_the_plugin_guide_is_run_and_judged(
    small_run: Any, tmp_path: Path, package: Callable[..., list[str]], terminal: Terminal
) -> None:
    (choice,) = blocks(DOCS / "plugins.md", "yaml")
    here = package("my_package.typical_value", "class TypicalValue:", "explainers", choice)
    few = ["metrics=[deletion]", "visualizations=[]", "sections=[summary]", *FEW]
    few = ["explainers=[typical_value,random]", *small_run.overrides(tmp_path / "reports"), *few]
    terminal(*here, *few, code=2)  # nobody has said that the package is to be trusted
    terminal(*here, *few, "--trust", "my_package")
    paths = list((tmp_path / "reports").rglob("measures/deletion/typical_value/scores.json"))
    assert len(paths) == 1


def test_the_module_of_the_plugin_guide_is_trained_and_reported_on(
    small_run: Any, tmp_path: Path, package: Callable[..., list[str]], terminal: Terminal
) -> None:
    package("my_nets.net", "class Net(")
    shown = ["model=torch_module", "model.module=my_nets.net.Net", "+model.params.width=16"]
    few = ["metrics=[accuracy]", "visualizations=[]", "sections=[model]", *FEW]
    few += ["explainers=[random]", *small_run.overrides(tmp_path / "reports")]
    few = [override for override in few if not override.startswith(("model.", "model="))]
    terminal(*shown, *few, code=2)  # nobody has said that the package is to be trusted
    terminal(*shown, *few, "--trust", "my_nets")
    (report,) = (tmp_path / "reports").rglob("report.qmd")
    assert "a module of the user’s own" in report.read_text(encoding="utf-8")


def test_the_picture_of_the_plugin_guide_appears_in_its_section(
    small_run: Any, tmp_path: Path, package: Callable[..., list[str]], terminal: Terminal
) -> None:
    choice = "densities: {_target_: my_pictures.densities.Densities}\n"
    here = package("my_pictures.densities", "class Densities:", "visualizations", choice)
    few = ["metrics=[roc_auc]", "visualizations=[roc_curve,densities]", *FEW]
    few += ["sections=[performance,reproducibility]", "explainers=[random]"]
    overrides = small_run.overrides(tmp_path / "reports")
    terminal(*here, "--trust", "my_pictures", *overrides, *few)
    (report,) = (tmp_path / "reports").rglob("report.qmd")
    text = report.read_text(encoding="utf-8")
    places = ["{#sec-performance}", "{#fig-roc-curve", "{#fig-densities", "{#sec-reproducibility}"]
    assert sorted(places, key=text.index) == places
    assert "Half of the probabilities" in report.with_suffix(".html").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", [README, DOCS / "configuration.md"], ids=["readme", "docs"])
def test_an_experiment_file_as_shown_is_valid(document: Path, tmp_path: Path) -> None:
    shown = next(block for block in blocks(document, "yaml") if "@package _global_" in block)
    data = "sex,income,default\nf,1,0\nm,2,1\n"
    write_files(tmp_path, {"experiment/loans.yaml": shown, "loans.csv": data})
    here = f"dataset.path={tmp_path / 'loans.csv'}"
    experiment = experiment_of("experiment=loans", here, config_dir=str(tmp_path))
    assert experiment.name == "loans"
    assert experiment.report.thresholds[0].metric == "roc_auc"


#: The files that the documents name as a user's own.
HEADERS = {
    "loans.csv": "income,sex,default\n1,f,0\n",
    "homes.csv": "area,rooms,price\n1,2,3\n",
    "calls.csv": "seconds,bill,phone\n1,0,1\n",
    "letters.jsonl": '{"body": "Dear all", "topic": "bill"}\n',
    "readings.csv": "id,time,pressure,machine,fault\n1,1,2,3,no\n",
}


def shown_commands() -> list[str]:
    """The commands of the documents that stand on one line and leave nothing to fill in."""
    document = (DOCS / "configuration.md").read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    text = "".join(block for language, block in fenced if not language)
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    runs = [line for line in lines if line.startswith("deepseek-report ")]
    left_open = ("…", "\\", "-m", "--config-dir", "model.file=", "model.weights=", "--cfg")
    return [
        command
        for command in runs
        if not any(part in command.split() or part in command for part in left_open)
    ]


@pytest.mark.parametrize("command", shown_commands())
def test_a_command_as_shown_is_valid(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "masks").mkdir()
    photos = dict.fromkeys(("photos/intact/1.png", "photos/cracked/1.png"), "")
    code = {"my_package/__init__.py": "", "my_package/net.py": python_block("class Net(")}
    write_files(tmp_path, HEADERS | photos | code)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("my_package", "my_package.net"):  # another test has a package of that name
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("deepseek_report.config.rules.has_device", lambda _: True)
    words, _, trusted = command.partition(" --trust ")
    overrides = shlex.split(words)[1:]
    composed = compose(overrides)
    validate(composed, trusted.split())
    assert composed.overrides == tuple(overrides)


def test_the_readme_begins_with_the_two_commands() -> None:
    first = README.read_text(encoding="utf-8").split("```")[1].strip().splitlines()
    assert [line.split()[:2] for line in first] == [["make", "report"], ["make", "test"]]


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    for document in [README, *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_yaml_of_the_configuration_can_be_read() -> None:
    for path in (path for root in shipped_folders() for path in root.rglob("*.yaml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8")), path
