"""What was fixed before the results existed, and what of it was changed afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.compliance.decision_words import state_of
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance import seal
from tests.compliance.conftest import Run, english

SEALED = {"metric": "roc_auc", "at_least": 0.75, "set_by": "Credit risk"}


@pytest.fixture
def sealed(run: Run) -> Run:
    """A run that started from a seal with a limit of 0.75 on ROC AUC."""
    run.config["report"]["thresholds"] = [SEALED]
    save_json(run.path("seal") / seal.SEAL_FILE, seal.content_of_run(run.results()).to_json())
    return run


def state(run: Run) -> str:
    return run.evaluated().evidence["config.sealed"].state


def changed(run: Run) -> tuple[str, ...]:
    return english(seal.changed_since_seal(run.results()))


def test_a_run_that_starts_from_a_seal_and_keeps_it_has_sealed_limits(sealed: Run) -> None:
    assert changed(sealed) == ()
    assert state(sealed) == "present"


def test_without_a_seal_nothing_shows_that_limits_came_first(run: Run) -> None:
    assert state(run) == "absent"
    assert seal.seal_of(run.results()) is None


def test_a_limit_that_was_changed_after_the_seal_is_named_with_the_old_and_the_new(
    sealed: Run,
) -> None:
    sealed.config["report"]["thresholds"] = [{**SEALED, "at_least": 0.5}]
    expected = "the limit on ROC AUC was ≥ 0.75 when it was sealed, and is ≥ 0.5 now"
    assert changed(sealed) == (expected,)
    assert state(sealed) == "failed"
    _, rest = state_of(sealed.evaluated())
    assert english(rest)[0] == f"Changed after the seal: {expected}."


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ([], "the limit on ROC AUC was ≥ 0.75 when it was sealed, and is not declared now"),
        (
            [SEALED, {"metric": "f1", "at_most": 0.1, "set_by": "a"}],
            "the limit on F1 was not declared when it was sealed, and is ≤ 0.1 now",
        ),
    ],
)
def test_a_limit_that_was_dropped_or_added_is_named(
    sealed: Run, thresholds: list[dict[str, Any]], expected: str
) -> None:
    sealed.config["report"]["thresholds"] = thresholds
    assert changed(sealed) == (expected,)


def test_frameworks_may_be_added_and_not_dropped(sealed: Run) -> None:
    sealed.config["frameworks"]["nist_ai_rmf"] = {"id": "nist_ai_rmf"}
    assert changed(sealed) == ()
    sealed.config["frameworks"] = {"gdpr": {"id": "gdpr"}}
    assert "were dropped or have another text" in changed(sealed)[0]


def test_another_split_and_another_question_are_named(sealed: Run) -> None:
    sealed.config["split"] = {"folds": 5}
    path = sealed.path("data") / "schema.json"
    schema = json.loads(path.read_text())
    schema["target"]["favourable"] = 1
    save_json(path, schema)
    assert set(changed(sealed)) == {
        "the parts of the data are split in another way",
        "what is asked is something else",
    }


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "deepseek-report/seal"}', "{", "7"])
def test_what_is_no_seal_is_refused(text: str, run: Run) -> None:
    path = run.folder / "x.json"
    path.write_text(text)
    with pytest.raises(ArtifactError):
        seal.read_seal(path)
