"""Files beside the config where no extension reads them: none are needed, and none are ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepseek_report.compliance import beside_config as beside
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.errors import ConfigError

from .conftest import Run


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "beside_config_module", lambda: "")
    evaluate_results.cache_clear()


def test_without_a_reader_nothing_is_required_and_nothing_is_taken_along(run: Run) -> None:
    report = run.evaluated()
    assert (report.required, report.unsealed) == ((), ())
    reader = beside.beside_config()
    assert (reader.files({}), reader.digests({}), reader.recorded_digests({})) == ({}, {}, {})


@pytest.mark.parametrize("option", beside.OPTIONS)
def test_a_file_that_a_config_names_is_refused_with_what_reads_it(option: str) -> None:
    named, sentence = {option: Path("file")}, f"report.{option} comes with the extension"
    for ask in (beside.beside_config().files, beside.beside_config().digests):
        with pytest.raises(ConfigError, match=sentence) as refusal:
            ask(named)
        assert "deepseek-report[sign]" in str(refusal.value)


@pytest.mark.parametrize("option", beside.OPTIONS)
def test_a_run_that_holds_one_is_not_read_as_if_it_had_none(option: str, run: Run) -> None:
    run.path(option).mkdir()
    (run.path(option) / "file").write_text("{}")
    with pytest.raises(ConfigError, match=f"report.{option} comes with the extension"):
        run.evaluated()
