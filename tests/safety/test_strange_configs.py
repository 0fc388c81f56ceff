"""A configuration from a stranger: refused at once where it is too much; no way to our secrets."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from omegaconf import OmegaConf

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.storage.bounded_yaml import MOST_BYTES, YamlTooLarge, check_bounds
from deepseek_report.compliance.framework import FrameworkChoice, load_framework
from deepseek_report.config.compose import Composer, compose
from deepseek_report.config.config_files import malformed
from deepseek_report.config.interpolation import only
from deepseek_report.config.overrides import expand
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.store import Store
from tests.configured import experiment_of
from tests.worded import problems, study, write_conf


def _laughs(levels: int = 12, times: int = 10) -> str:
    lines = ["a0: &a0 [x, x]"]
    for k in range(levels):
        inside = ", ".join([f"*a{k}"] * times)
        lines.append(f"a{k + 1}: &a{k + 1} [{inside}]")
    return "\n".join(lines)


def _merges(levels: int = 30) -> str:
    steps = (f"m{k + 1}: &m{k + 1} {{<<: [*m{k}, *m{k}], k{k + 1}: *m{k}}}" for k in range(levels))
    return "\n".join(["m0: &m0 {k0: 1}", *steps])


def _references(levels: int = 12, times: int = 10) -> str:
    lines = ["name: mine", "report:", "  author: xxxxxxxxxx"]
    previous = "report.author"
    for k in range(levels):
        lines.append(f"  w{k}: '{('${' + previous + '}') * times}'")
        previous = f"report.w{k}"
    return "\n".join(lines)


def _grown(reference: str, levels: int = 12) -> str:
    steps = (f"  w{k + 1}: '{reference.replace('#', str(k)) * 10}'" for k in range(levels))
    return "\n".join(["report:", "  w0: xxxxxxxxxx", *steps])


_CHAIN = "\n".join(["w0: x", *(f"w{k + 1}: ${{w{k}}}" for k in range(3000))])
ATTACKS = {
    "aliases of aliases": (_laughs(), "more than 100 000 values"),
    "merges of merges": (_merges(), "more than 100 000 values"),
    "an alias inside of itself": ("a: &a [*a]", "stands inside of what it names"),
    "lists in lists": (f"a: {'[' * 2000}{']' * 2000}", "levels deep"),
    "mappings in mappings": ("\n".join(" " * k + "a:" for k in range(600)), "levels deep"),
    "a long file": (f"a: {'x' * MOST_BYTES}", "more than 1024 KiB"),
    "many values": (f"a: [{'x, ' * 150_000}x]", "more than 100 000 values"),
    "references of references": (_references(), "stand for more than"),
    "selected references": (_grown("${oc.select:report.w#}"), "stand for more than"),
    "references with made keys": (
        f"k: report\n{_grown('${${k}.w#}')}",
        "take their key from another one",
    ),
    "a reference to itself": ("report: {title: '${report.title}'}", "refers to itself"),
    "references in a circle": ("a: ${b}\nb: ${c}\nc: ${a}", "refers to itself"),
    "a reference to what holds it": ("report: {title: {x: '${report}'}}", "refers to itself"),
    "a long chain of references": (_CHAIN, "interpolat"),
    "a number without end": (f"seed: {'7' * 50_000}", "cannot be read"),
}


@pytest.mark.parametrize(("text", "expected"), ATTACKS.values(), ids=ATTACKS)
def test_a_yaml_that_stands_for_too_much_is_refused_at_once(
    text: str, expected: str, tmp_path: Path
) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study(text)})
    started = time.process_time()
    message = problems("experiment=mine", config_dir=conf)
    assert time.process_time() - started < 10
    assert expected in message
    assert len(message) < 2_000


@pytest.mark.parametrize(
    ("place", "default"),
    [
        ("mine.yaml", "/mine"),
        ("a/b/c/mine.yaml", "/a/b/c/mine"),
        ("metrics/mine.yaml", "override /metrics: [mine]"),
    ],
)
def test_a_file_of_any_level_is_looked_at_before_it_is_composed(
    place: str, default: str, tmp_path: Path
) -> None:
    taken = study(f"defaults:\n  - {default}")
    conf = write_conf(tmp_path, {"experiment/mine": taken, place.removesuffix(".yaml"): _laughs()})
    with pytest.raises(ConfigProblems, match=r"mine\.yaml:\d+:\d+: not read"):
        compose(["experiment=mine"], conf)


@pytest.mark.parametrize(
    "default", ["../../etc/x", "override /model: ../../x", "/model@a: .hidden/x", "a\\..\\b"]
)
def test_a_list_of_defaults_names_no_file_outside_of_its_folder(
    default: str, tmp_path: Path
) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study(f"defaults:\n  - {default}")})
    assert "leads out of the folder" in problems("experiment=mine", config_dir=conf)


def test_a_folder_of_very_many_files_is_not_taken_for_one_of_yamls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepseek_report.config.config_files._MOST_FILES", 3)
    for name in "abcde":
        (tmp_path / name).touch()
    (problem,) = malformed([tmp_path])
    assert "holds more than 3 files" in str(problem)


OVERRIDES = {
    "a long one": (f"report.title={'x' * 30_000}", "characters"),
    "brackets in brackets": (f"report.title={'[' * 500}{']' * 500}", "brackets deep"),
    "braces in braces": (f"report.title={'{a:' * 500}1{'}' * 500}", "brackets deep"),
    "a reference to itself": ("report.title=${report.title}", "refers to itself"),
    "other folders of YAMLs": ("hydra.searchpath=[file:///tmp]", "use --config-dir"),
}


@pytest.mark.parametrize(("override", "expected"), OVERRIDES.values(), ids=OVERRIDES)
def test_an_override_is_bounded_too(override: str, expected: str) -> None:
    assert expected in problems(override)


@pytest.mark.parametrize("sweep", [["seed=range(0,1000000000)"], ["seed=range(0,100)"] * 3])
def test_a_sweep_of_very_many_runs_is_refused_at_once(sweep: list[str]) -> None:
    with pytest.raises(ConfigProblems, match="more than 1000 runs"):
        list(expand(sweep))


def test_a_framework_of_ones_own_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(_laughs())
    with pytest.raises(ConfigError, match="more than 100 000 values"):
        load_framework(tmp_path / "own.yaml")


@pytest.mark.parametrize(
    "text", ["a: &a [1, 2]\nb: [*a, *a]", "a: &a {k: 1}\nb: {<<: *a}", "- *nobody", "a: [", ""]
)
def test_what_is_small_passes(text: str) -> None:
    check_bounds(text)


def test_what_aliases_stand_for_is_counted_as_if_they_were_written_out() -> None:
    few = "a: &a [{}]\nb: [{}]"
    check_bounds(few.format(", ".join("x" * 300), ", ".join(["*a"] * 300)))
    with pytest.raises(YamlTooLarge):
        check_bounds(few.format(", ".join("x" * 400), ", ".join(["*a"] * 400)))
    assert issubclass(YamlTooLarge, yaml.YAMLError)


OF_HYDRA = {
    "a block": study("hydra: {run: {dir: x}}"),
    "a dotted key": study("hydra.job.chdir: true"),
    "a choice": study("defaults:\n  - override /hydra/launcher: basic"),
    "a package of defaults": study("defaults:\n  - /report@hydra.run: quick"),
    "a package": "# @package hydra.run\ndir: x\n",
}


@pytest.mark.parametrize("text", OF_HYDRA.values(), ids=OF_HYDRA)
def test_what_is_set_of_hydra_is_told_by_file_and_line(text: str, tmp_path: Path) -> None:
    files = {"experiment/mine": study("defaults:\n  - /theirs"), "theirs": text}
    assert re.search(
        r"theirs\.yaml:\d: sets how Hydra runs",
        problems("experiment=mine", config_dir=write_conf(tmp_path, files)),
    )


@pytest.mark.parametrize(
    "override", ["hydra.run.dir=x", "+hydra.job.chdir=true", "hydra/launcher=basic"]
)
def test_what_an_override_sets_of_hydra_is_told(override: str) -> None:
    assert f"command line, {override}: sets how Hydra runs" in problems(override)


SECRET = "value-that-nobody-may-see"  # noqa: S105 - no real one


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("PIECE", "env")


READINGS = {
    "in a title": "report: {title: '${oc.env:SECRET}'}",
    "inside of a text": "report: {title: 'by ${oc.env:SECRET}, 2026'}",
    "with a default": "report: {title: '${oc.env:SECRET,nobody}'}",
    "decoded": "report: {title: '${oc.decode:${oc.env:SECRET}}'}",
    "as a key that is looked up": "report: {title: '${oc.select:report.author,${oc.env:SECRET}}'}",
    "by reference": "report: {author: '${oc.env:SECRET}', title: '${report.author}'}",
    "by reference to a path": "paths: {reports: '${oc.env:SECRET}'}\n"
    "report: {title: '${paths.reports}'}",
    "by selecting a path": "paths: {reports: '${oc.env:SECRET}'}\n"
    "report: {title: '${oc.select:paths.reports}'}",
    "by the values of a path": "paths: {reports: '${oc.env:SECRET}', store: b}\n"
    "report: {formats: '${oc.dict.values:paths}'}",
    "in a list": "report: {formats: [html, '${oc.env:SECRET}']}",
    "in a threshold": "report: {thresholds: [{metric: roc_auc, at_least: 0.7, "
    "set_by: '${oc.env:SECRET}'}]}",
    "with a made name": "x: env\nreport: {title: '${oc.${x}:SECRET}'}",
    "as a number": "seed: ${oc.decode:${oc.env:SECRET}}",
    "as the name": "name: ${oc.env:SECRET}",
    "created": "report: {statements: '${oc.create:{a: ${oc.env:SECRET}}}'}",
    "by the clock": "report: {title: '${now:%Y}'}",
    "by what hydra knows": "report: {title: '${hydra:runtime.cwd}'}",
    "by what others registered": "report: {title: '${theirs:SECRET}'}",
}


@pytest.mark.parametrize("text", READINGS.values(), ids=READINGS)
def test_a_yaml_cannot_read_the_environment(text: str, tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study(text)})
    OmegaConf.register_new_resolver("theirs", lambda name: os.environ[name], replace=True)
    try:
        message = problems("experiment=mine", config_dir=conf)
    finally:
        OmegaConf.clear_resolver("theirs")
    assert "asks for ${" in message
    assert "mine.yaml:" in message
    assert SECRET not in message
    assert str(Path.cwd()) not in message


@pytest.mark.parametrize(
    "override",
    [
        "report.title=${oc.env:SECRET}",
        "report.formats=[html,'${oc.env:SECRET}']",
        "report.title='a ${oc.decode:${oc.env:SECRET}}'",
        "dataset.target=${oc.env:SECRET}",
    ],
)
def test_an_override_cannot_read_the_environment_and_says_what_to_write(override: str) -> None:
    text = problems(override)
    assert f"command line, {override}: " in text
    assert "never reads the environment" in text
    assert "give it on the command line" in text
    assert SECRET not in text


def test_a_list_of_defaults_cannot_read_the_environment(tmp_path: Path) -> None:
    chosen = study("defaults:\n  - override /model: ${oc.env:SECRET}")
    conf = write_conf(tmp_path, {"experiment/mine": chosen})
    assert SECRET not in problems("experiment=mine", config_dir=conf)


def test_every_value_that_reads_the_environment_is_told_at_once() -> None:
    with pytest.raises(ConfigProblems) as caught:
        compose(["report.title=${oc.env:SECRET}", "report.author=${oc.env:PIECE}", "model=mpl"])
    assert len(caught.value.problems) == 3


def test_where_reports_go_may_come_from_the_environment_and_is_stored_nowhere() -> None:
    overrides = ["paths.reports=${oc.env:SECRET}", "jobs='${oc.decode:${oc.env:JOBS,3}}'"]
    experiment = experiment_of(*overrides)
    assert experiment.settings.paths.reports == SECRET
    assert experiment.settings.jobs == 3


def test_what_reads_the_configuration_alone_is_resolved() -> None:
    overrides = ["report.author=A", "report.title=by ${report.author}", "~experiment"]
    overrides += ["report.subtitle='${oc.select:report.nothing,${report.author}}'"]
    report = experiment_of(*overrides).report
    assert (report.title, report.subtitle) == ("by A", "A")


def test_the_resolvers_of_others_are_as_they_were_afterwards() -> None:
    with pytest.raises(ConfigProblems):
        compose(["report.title=${oc.env:SECRET}"])
    assert OmegaConf.create({"a": "${oc.env:SECRET}"}).a == SECRET
    with only(lambda name: False):
        pass
    assert OmegaConf.create({"a": "${oc.env:SECRET}"}).a == SECRET


#: None of these can be a file's name on every system.
UNFIT = ["../../../x", "..", ".", "a/../b", "a/b", "a\\b", ".hidden", "a.", "con", "NUL.txt", "x\n"]
UNFIT += ["", "com1", "a" * 65, "-rf", "a b", "ä", "a\x00", "~", "C:x"]
_LEADING_OUT = [f"measures/{name}" for name in UNFIT if name != "a/b"] + ["/etc/x", "a//b"]


#: A part of each group that is named by a key.
PARTS = {
    "metrics": "deepseek_report.metrics.performance.classification_scores.Accuracy",
    "explainers": "deepseek_report.explainers.accounts.Random",
    "visualizations": "deepseek_report.visualizations.performance.ranking_pictures.RocCurvePicture",
    "sections": "deepseek_report.sections.summary.SummarySection",
    "frameworks": "deepseek_report.compliance.framework.FrameworkChoice",
}


def said_of(folder: Path, group: str, entries: Any) -> str:
    text = yaml.safe_dump(entries, allow_unicode=True)
    conf = write_conf(folder, {f"{group}/theirs": text})
    return problems(f"{group}=[theirs]", config_dir=conf)


@pytest.mark.parametrize("group", PARTS)
def test_a_key_that_is_no_plain_name_is_a_problem(group: str, tmp_path: Path) -> None:
    keys = ["../../../x", "..", "con", "a."]
    text = said_of(tmp_path, group, {key: {"_target_": PARTS[group]} for key in keys})
    assert [key for key in keys if f"the key '{key}' is " not in text] == []


def test_every_spelling_of_such_a_key_is_a_problem(tmp_path: Path) -> None:
    text = said_of(tmp_path, "metrics", {key: {"_target_": PARTS["metrics"]} for key in UNFIT})
    assert [key for key in UNFIT if f"the key {key!r} is " not in text] == []
    assert text.count("letters, digits") == len(UNFIT)


def test_a_key_that_is_a_number_is_a_problem(tmp_path: Path) -> None:
    entries = {7: {"_target_": PARTS["metrics"]}}
    assert "the key 7 is not a plain name" in said_of(tmp_path, "metrics", entries)


def test_keys_that_differ_in_capitals_alone_are_a_problem(tmp_path: Path) -> None:
    part = {"_target_": PARTS["metrics"]}
    text = said_of(tmp_path, "metrics", {"mine": part, "Mine": part})
    assert '"Mine" and "mine" differ in capitals alone' in text


def test_a_list_where_parts_are_named_says_how_to_choose_them(tmp_path: Path) -> None:
    conf = write_conf(tmp_path, {"experiment/mine": study("metrics: [accuracy]")})
    assert "- override /metrics" in problems("experiment=mine", config_dir=conf)


def test_an_experiment_has_a_plain_name(tmp_path: Path) -> None:
    texts = [study(yaml.safe_dump({"name": name}, allow_unicode=True)) for name in UNFIT]
    files = {f"experiment/mine{number}": text for number, text in enumerate(texts)}
    composer = Composer.of(write_conf(tmp_path, files))
    for number in range(len(UNFIT)):
        with pytest.raises(ConfigProblems, match="begins with a letter or digit"):
            validate(composer.compose([f"experiment=mine{number}"]))


@pytest.mark.parametrize("stage", _LEADING_OUT)
def test_a_store_has_no_folder_outside_of_itself(stage: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for ask in (store.folder, store.find, store.work_folder):
        with pytest.raises(ArtifactError, match="the stage"):
            ask(stage, "0" * 64)
    with pytest.raises(ArtifactError, match="the stage"), store.lock(stage, "0" * 64):
        pass
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "con"])
def test_what_a_plugin_makes_has_a_plain_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="the picture"):
        Picture(name, "<svg/>", "", "", "")
    with pytest.raises(ArtifactError, match="the section"):
        SectionContent(name, "", "", "")
    with pytest.raises(ArtifactError, match="the table"):
        Measurement(tables={name: pd.DataFrame()}).save(tmp_path / "measure")
    with pytest.raises(ConfigError, match="the id"):
        FrameworkChoice(name, file=tmp_path / "framework.yaml")
