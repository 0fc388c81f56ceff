"""What parts declare of themselves, with and without the bases of this package."""

from __future__ import annotations

import importlib
import pickle
import re
from dataclasses import dataclass
from typing import ClassVar

import pytest

from deepseek_report.artifacts.disclosure import reveals_of
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.protocols.traits import MetricPart, completed
from deepseek_report.artifacts.schema import ALL_TASKS
from deepseek_report.config.config_files import shipped_files
from deepseek_report.config.validate import BASES
from deepseek_report.metrics.explanations.faithfulness import Deletion


@dataclass(frozen=True)
class PlainMetric:
    """A metric as a user writes it: no base, few traits."""

    called: str
    needs_truth: ClassVar[bool] = True
    scope: ClassVar[str] = "explainers"
    reveals: ClassVar[str] = "rows"

    rounds: int = 3

    @property
    def modalities(self):
        return frozenset({"text"})


def test_a_part_without_a_base_keeps_what_it_declares_and_gets_the_defaults():
    metric = completed(PlainMetric, MetricPart)("mine")
    assert (metric.needs_truth, metric.scope, metric.modalities) == (True, "explainers", {"text"})
    assert (metric.needs_two_classes, metric.bounds, metric.tasks) == (False, None, ALL_TASKS)
    assert (type(metric).__name__, reveals_of(metric)) == ("PlainMetric", "rows")
    assert MetricPart.scope == "model"  # of others nothing changed


def test_a_field_of_a_part_without_a_base_hides_a_default_of_its_name():
    assert completed(PlainMetric, ModelPart)("mine").called == "mine"


def test_a_part_without_a_base_reaches_another_process():
    metric = completed(PlainMetric, MetricPart)("mine", rounds=5)
    assert pickle.loads(pickle.dumps(metric)) == metric  # noqa: S301 - what was dumped here


def test_a_part_that_extends_the_base_stays_as_it_is():
    assert completed(Deletion, MetricPart) is Deletion


@pytest.mark.parametrize("group", BASES)
def test_every_part_of_this_package_extends_its_base(group):
    files = shipped_files(group)
    targets = {name for file in files for name in re.findall(r"_target_: *(\S+)", file.read_text())}
    assert targets
    for target in targets:
        module, _, name = target.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), name), BASES[group]), target
