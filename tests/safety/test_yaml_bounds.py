"""A YAML of a few lines that stands for more than a machine can hold is refused at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from deepseek_report.artifacts.storage.bounded_yaml import MOST_BYTES, YamlTooLarge, check_bounds
from deepseek_report.compliance.framework import load_framework
from deepseek_report.config.compose import compose
from deepseek_report.config.overrides import expand
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.errors import ConfigError
from tests.worded import problems, study, write_conf, write_files


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


@pytest.mark.parametrize("place", ["mine.yaml", "a/b/c/mine.yaml", "metrics/mine.yaml"])
def test_a_file_of_any_level_is_looked_at_before_it_is_composed(place: str, tmp_path: Path) -> None:
    write_files(tmp_path, {place: _laughs()})
    with pytest.raises(ConfigProblems, match=r"mine\.yaml:\d+:\d+: not read"):
        compose([], str(tmp_path))


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
    with pytest.raises(ConfigProblems, match="holds more than 3 files"):
        compose([], str(tmp_path))


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
