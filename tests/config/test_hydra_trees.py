"""Values that are set in a copy of a composed tree: the same as if Hydra had composed anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from omegaconf import OmegaConf

from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.compose import Composer, HydraTrees, compose
from deepseek_report.config.config_files import MULTIPLE
from deepseek_report.config.problems import ConfigProblems

ROOTS = tuple(folders())
CHOOSING = ("experiment=credit_risk", "debug=fast")
#: Lists are written out before Hydra composes: it knows no sets.
WRITTEN_OUT = (*CHOOSING, *(f"{group}=[]" for group in MULTIPLE if group != "metrics"))
WRITTEN_OUT += ("metrics=[roc_auc]",)
JOBS = [
    ("++seed=1",),
    ("++seed=2", "++seeds.data=1"),
    ("++report.title='A, b: c'", "++report.formats=[html,brief]"),
    ("++trainer.new_field=1e-3", "++trainer={epochs: 2}"),
    ("++name=${seed}", "++decision.threshold=null"),
    ("++seed=1", "++seed=3"),
    ("++metrics.roc_auc.x=true",),
]


def own_composer() -> Composer:
    """A composer that shares nothing with those of other tests."""
    return replace(Composer.of(None), trees=HydraTrees(ROOTS, groups(ROOTS)))


@pytest.fixture
def by_hydra(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The overrides of every tree that Hydra composes."""
    composed: list[tuple[str, ...]] = []
    compose_tree = HydraTrees._by_hydra

    def counted(self: HydraTrees, overrides: Any) -> Any:
        composed.append(tuple(overrides))
        return compose_tree(self, overrides)

    monkeypatch.setattr(HydraTrees, "_by_hydra", counted)
    return composed


@pytest.mark.parametrize("values", JOBS)
def test_a_value_in_a_copy_is_what_hydra_makes_of_it(values: tuple[str, ...]) -> None:
    trees = HydraTrees(ROOTS, groups(ROOTS))
    trees.tree([*WRITTEN_OUT, "++seed=77", "++report.title=before"])  # leaves no trace
    tree, names = trees.tree([*WRITTEN_OUT, *values])
    expected, expected_names = trees._by_hydra([*WRITTEN_OUT, *values])
    assert OmegaConf.to_container(tree) == OmegaConf.to_container(expected)
    assert names == expected_names


def test_hydra_composes_the_same_files_once(by_hydra: list[tuple[str, ...]]) -> None:
    composer = own_composer()
    first = [composer.compose([*CHOOSING, f"seed={seed}"]) for seed in (1, 2)]
    other = composer.compose([*CHOOSING, "model=mlp", "seed=1"])
    assert len(by_hydra) == 2
    assert [composed.raw["seed"] for composed in first] == [1, 2]
    assert other == compose([*CHOOSING, "model=mlp", "seed=1"])


@pytest.mark.parametrize(
    "override", ["~trainer.epochs", "seed@place=3", "seed.inside=3", "trainer=[1]"]
)
def test_what_hydra_refuses_is_refused_in_its_words(override: str) -> None:
    composer = own_composer()
    composer.compose(CHOOSING)
    reasons = []
    for again in (composer, own_composer()):
        try:
            composed = again.compose([*CHOOSING, override])
            reasons.append([str(problem) for problem in composed.problems] or composed.raw)
        except ConfigProblems as error:
            reasons.append(str(error))
    assert reasons[0] == reasons[1]
