"""What `doctor` says of launchers."""

from __future__ import annotations

import pytest

from deepseek_report.cli import doctor
from deepseek_report.extensions.clusters import machine


def test_each_launcher_is_told_with_its_version_or_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"joblib": "1.4", "submitit": "1.5.4"}
    monkeypatch.setattr(doctor, "version_of", lambda name: known.get(name, "not installed"))
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    examined = {each.name: each for each in doctor.examine()}
    assert examined["launcher=joblib"].detail == "1.4"
    assert "pip install 'ray>=" in examined["launcher=ray"].cost
    assert "launcher.cluster=local" in examined["srun"].cost
