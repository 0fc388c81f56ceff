"""What a package holds is hashed as it is read, so that nothing is stored under the wrong key."""

from __future__ import annotations

import pytest

from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.extensions.examples import packages
from deepseek_report.extensions.examples.generated import MultiLabelDemo
from deepseek_report.extensions.examples.known_tables import BostonMortgages, BreastCancer, Diabetes


@pytest.mark.parametrize(
    "plugin",
    [BostonMortgages(), BreastCancer(), Diabetes(), MultiLabelDemo(n=200)],
    ids=lambda plugin: type(plugin).__name__,
)
def test_data_of_packages_say_what_was_read_as_the_plan_does(plugin: DatasetPart) -> None:
    assert plugin.load(1, Silent()).read == plugin.source_digest()


@pytest.mark.parametrize(
    "plugin", [packages.Tweets(), packages.ChineseReviews()], ids=["tweets", "reviews_zh"]
)
def test_texts_of_packages_say_what_was_read_as_the_plan_does(
    plugin: DatasetPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "assemble_texts", lambda *_: BostonMortgages().load(1, Silent()))
    assert plugin.load(1, Silent()).read == plugin.source_digest()
