"""Letters to persons: which reasons they state, and when there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table_rows import read_rows
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.exports import letters
from deepseek_report.extensions.exports.letters import (
    IN_ENGLISH,
    LETTERS,
    LetterKind,
    letter_language,
    letter_words,
    letters_of,
    refuse_without_reasons,
    stated_reasons,
)
from deepseek_report.metrics.cases.single_case_rows import CaseRow, ReasonCode
from deepseek_report.visualizations.drawing.labels import columns
from deepseek_report.wording.words import wording
from tests.real_runs import small_results, with_table

METHOD = "shap"


def _code(rank: int, label: str, size: float, *, certain: bool = False) -> dict[str, Any]:
    return {
        "case": 0,
        "explainer": METHOD,
        "role": "reason" if rank else "protected",
        "rank": rank,
        "feature": label,
        "label": label,
        "display": "7 <b>",
        "shortfall": size,
        "error": 0.001,
        "order_certain": certain,
        "output_space": "probability",
    }


CERTAIN = [_code(1, "First", 0.4), _code(2, "Second", 0.3, certain=True), _code(3, "Third", 0.1)]


def _told(
    small_run: Any, kind: LetterKind, codes: list[dict[str, Any]], language: str = "en"
) -> letters.Letter:
    """The letter on the first case of the small run that was decided against, with these codes."""
    results = small_results(small_run)
    cases = results.rows(*CaseRow.source, CaseRow)
    against = next(row for row in cases if not _favoured(results, row))
    mine = [{**code, "case": against.case} for code in codes]
    undecided = with_table(results, "cases", "deciding", lambda old: old[:0])
    changed = with_table(undecided, "cases", "reason_codes", lambda old: _like(old, mine))
    by_row = {letter.row: letter for letter in letters_of(changed, METHOD, kind, language)}
    return by_row[against.instance_id]


def _favoured(results: Results, row: CaseRow) -> bool:
    return row.decision == results.schema.target.favourable_class


def _like(old: pd.DataFrame, codes: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(codes, columns=list(old.columns)).astype(old.dtypes.to_dict())


def test_stated_are_the_reasons_that_are_certainly_the_largest() -> None:
    codes = read_rows(pd.DataFrame(CERTAIN).assign(case=0), ReasonCode)
    assert [row.label for row in stated_reasons(codes)] == ["First", "Second"]
    assert stated_reasons(codes[2:]) == []


@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_states_the_certain_reasons_and_no_other(small_run: Any, kind: LetterKind) -> None:
    protected = _code(0, "Sex", 0.2)
    letter = _told(small_run, kind, [*CERTAIN, protected])
    assert letter.refusal == ""
    assert "First: 7 <b>" in letter.text
    assert "Second: 7 <b>" in letter.text
    assert "Third" not in letter.text
    assert "Sex" not in letter.text
    assert max(map(len, letter.text.splitlines())) <= 78


def test_form_c_1_has_its_parts_in_their_order(small_run: Any) -> None:
    text = " ".join(_told(small_run, "regb", CERTAIN).text.split())
    parts = ("STATEMENT OF CREDIT DENIAL", "PART I -", "Other, specify:", "PART II -", "NOTICE:")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_no_letter_without_a_set_of_reasons_that_is_certain(small_run: Any) -> None:
    letter = _told(small_run, "regb", CERTAIN[2:])
    assert letter.text == ""
    assert "no set of them is certainly the largest" in letter.refusal


def test_no_letter_where_a_protected_attribute_counted_as_much(small_run: Any) -> None:
    letter = _told(small_run, "regb", [*CERTAIN, _code(0, "Sex", 0.35)])
    assert letter.text == ""
    assert "Sex speaks against the person" in letter.refusal


def test_no_letter_to_who_was_decided_for(small_run: Any) -> None:
    results = small_results(small_run)
    cases = results.rows(*CaseRow.source, CaseRow)
    favoured = {row.instance_id for row in cases if _favoured(results, row)}
    refused = [one for one in letters_of(results, METHOD, "gdpr") if one.row in favoured]
    assert refused
    for letter in refused:
        assert letter.text == ""
        assert "good for the person" in letter.refusal


def test_nobody_gets_reasons_of_a_method_that_has_not_passed(
    small_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = small_results(small_run)
    verdict = letters.verdict_of(results, METHOD)
    for use in ("few", "untested", "wrong"):
        judged = replace(verdict, use=use)  # type: ignore[arg-type]
        monkeypatch.setattr(letters, "verdict_of", lambda *_, judged=judged: judged)
        with pytest.raises(ArtifactError, match="no method of this run is shown"):
            refuse_without_reasons(results)
    monkeypatch.setattr(letters, "verdict_of", lambda *_: replace(verdict, use="amounts"))
    refuse_without_reasons(results)


def test_nobody_gets_a_letter_where_no_class_is_declared_good(small_run: Any) -> None:
    results = small_results(small_run)
    _undeclare(results)
    with pytest.raises(ArtifactError, match="nobody declares which class is good"):
        refuse_without_reasons(results)


def _undeclare(results: Results) -> None:
    schema = results.schema
    results.__dict__["schema"] = replace(schema, target=replace(schema.target, favourable=None))


def test_each_letter_has_words_for_every_part() -> None:
    for kind in LETTERS:
        assert "reasons" in wording().table(f"exports.letters.{kind}")


@pytest.mark.parametrize("language", ["de", "zh"])
def test_a_letter_says_in_another_language_all_that_it_says_in_english(
    small_run: Any, language: str
) -> None:
    english, words = wording(), letter_words(small_results(small_run), language)
    for kind in set(LETTERS) - {IN_ENGLISH}:
        parts = english.table(f"exports.letters.{kind}")
        assert list(words.table(f"exports.letters.{kind}")) == list(parts)
        for part, text in parts.items():
            other = words.table(f"exports.letters.{kind}")[part]
            assert other != text or part == "reasons"
            assert _slots(other) == _slots(text)


def _slots(text: str) -> set[str]:
    names = {"n", "target", "explained", "probability", "threshold", "is_good", "method"}
    return (names | {"label", "display"}) & set(re.findall(r"\w+", text.replace("’", " ")))


@pytest.mark.parametrize(
    ("kind", "language", "head", "share"),
    [
        ("gdpr", "de", "Im Vergleich mit anderen", "\u00a0%"),
        ("ccd", "de", "Ihr Kreditantrag wurde abgelehnt", "\u00a0%"),
        ("gdpr", "zh", "本次决定对您不利", "%"),
        ("ccd", "zh", "您的信贷申请未获批准", "%"),
    ],
)
def test_a_letter_is_written_in_german_and_in_chinese(
    small_run: Any, kind: LetterKind, language: str, head: str, share: str
) -> None:
    letter = _told(small_run, kind, CERTAIN, language)
    assert head in " ".join(letter.text.split())
    assert "First: 7 <b>" in letter.text.replace("：", ": ")
    assert share in letter.text
    assert "{" not in letter.text
    assert max(map(columns, letter.text.splitlines())) <= 80  # a closing mark stays on its line
    assert not re.search(r"(?m)^[，。；：”]", letter.text)


def test_form_c_1_stays_in_the_english_of_its_regulator(small_run: Any) -> None:
    results = small_results(small_run)
    assert letter_language(results, "regb", "de") == "en"
    assert letter_language(results, "ccd", "de") == "de"
    assert letter_language(results, "ccd") == "en"
    with pytest.raises(ArtifactError, match="no letter has words in it; allowed: de, en, zh"):
        letter_language(results, "gdpr", "fr")


def test_the_command_writes_a_letter_or_says_why_there_is_none(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepseek_report.cli.dispatch import run

    results = small_results(small_run)
    at = [int(k) for k in (0, 1)]
    table = {
        feature.label: [feature.display(value) for value in results.test.inputs[at, k]]
        if feature.categories
        else results.test.inputs[at, k].tolist()
        for k, feature in enumerate(results.schema.features)
    }
    pd.DataFrame(table).to_csv(tmp_path / "rows.csv", index=False)
    command = ["explain-case", str(small_run.folder), "--row", str(tmp_path / "rows.csv")]
    more = ["--store", str(small_run.store), "--letter", "gdpr", "--out", str(tmp_path / "l.txt")]
    code = run([*command, *more])
    told = capsys.readouterr()
    written = sorted(path.name for path in tmp_path.glob("l*.txt"))
    assert [Path(line).name for line in told.out.splitlines()] == written
    assert code in (0, 2)
    assert "no letter" in told.err or len(written) == 2
