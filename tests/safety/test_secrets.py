"""Nothing of the environment gets from a configuration into what is printed or stored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from deepseek_report.config.compose import compose
from deepseek_report.config.interpolation import only
from deepseek_report.config.problems import ConfigProblems
from tests.configured import experiment_of
from tests.worded import problems, study, write_conf

SECRET = "value-that-nobody-may-see"  # noqa: S105 - no real one


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("PIECE", "env")


ATTACKS = {
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


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
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
