"""What parts declare of themselves, with and without the bases of this package."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import ClassVar

import pytest

from deepseek_report.artifacts.protocols.traits import (
    ExplainerPart,
    MetricPart,
    Part,
    PicturePart,
    traits_of,
)
from deepseek_report.artifacts.schema import ALL_TASKS
from deepseek_report.config.config_files import shipped_files

BASES = {"explainers": ExplainerPart, "metrics": MetricPart, "visualizations": PicturePart}


@dataclass(frozen=True)
class PlainMetric:
    """A metric as a user writes it: no base, few traits."""

    needs_truth: ClassVar[bool] = True
    scope: ClassVar[str] = "explainers"

    rounds: int = 3


@dataclass(frozen=True)
class OwnMetric(MetricPart):
    """A metric that extends the base."""

    needs_truth: ClassVar[bool] = True


@pytest.mark.parametrize("metric", [PlainMetric(), PlainMetric], ids=["built", "class"])
def test_a_part_without_a_base_keeps_what_it_declares_and_gets_the_defaults(metric):
    traits = traits_of(metric, MetricPart)
    assert (traits.needs_truth, traits.scope) == (True, "explainers")
    assert (traits.needs_two_classes, traits.modalities, traits.bounds) == (False, None, None)
    assert traits.tasks == ALL_TASKS
    assert MetricPart.scope == "model"  # of others nothing changed


def test_a_property_counts_like_a_class_attribute():
    class Model:
        @property
        def modalities(self):
            return frozenset({"text"})

    assert traits_of(Model(), Part).modalities == {"text"}


def test_a_part_that_extends_the_base_is_its_own_traits():
    metric = OwnMetric()
    assert traits_of(metric, MetricPart) is metric


def test_an_explainer_that_says_nothing_counts_as_one_that_draws():
    assert traits_of(object(), ExplainerPart).samples


@pytest.mark.parametrize("group", BASES)
def test_every_part_of_this_package_extends_its_base(group):
    files = shipped_files(group)
    targets = {name for file in files for name in re.findall(r"_target_: *(\S+)", file.read_text())}
    assert targets
    for target in targets:
        module, _, name = target.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), name), BASES[group]), target
