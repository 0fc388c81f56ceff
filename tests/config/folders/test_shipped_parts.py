"""The package's own parts, handed to Hydra as one entry, give the configuration of their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import MULTIPLE, shipped_files, shipped_folders
from deepseek_report.config.hydra_files import ConfigFiles

_FILES = [file for group in MULTIPLE for file in shipped_files(group)]


@pytest.mark.parametrize("file", _FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_part_sets_its_own_key_alone_and_is_read_as_hydra_reads_it(file: Path) -> None:
    result = ConfigFiles(shipped_folders()).load_config(f"{file.parent.name}/{file.stem}")
    content = OmegaConf.to_container(result.config)
    assert list(content) == [file.stem]
    assert repr(content) == repr(OmegaConf.to_container(OmegaConf.load(file)))
    text = file.read_text(encoding="utf-8")
    assert "@package" not in text
    assert "\ndefaults:" not in f"\n{text}"


_OWN = """\
house_metric:
  _target_: deepseek_report.metrics.performance.classification_scores.BrierScore
  n_resamples: 1e3
"""


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=wide", "debug=fast"],
        ["metrics=[+brier_score,-latency,log_loss]", "metrics.brier_score.n_resamples=200"],
        ["metrics=[log_loss,house_metric,brier_score]", "explainers=[shap,random]"],
    ],
)
def test_the_configuration_is_that_of_reading_file_after_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    (tmp_path / "conf" / "metrics").mkdir(parents=True)
    (tmp_path / "conf" / "metrics" / "house_metric.yaml").write_text(_OWN, encoding="utf-8")
    folder = str(tmp_path / "conf")
    as_one = compose(overrides, folder)
    monkeypatch.setattr(ConfigFiles, "joint", lambda self, group, names: [*names])
    by_file = compose(overrides, folder)
    assert repr(as_one.raw) == repr(by_file.raw)
    assert as_one.selected == by_file.selected
    assert [list(as_one.raw[group]) for group in MULTIPLE] == [
        list(by_file.raw[group]) for group in MULTIPLE
    ]
