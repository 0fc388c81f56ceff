"""Framework files: loaded whole, checked, and warned about."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from marked_catalog import write_catalog
from pydantic import TypeAdapter, ValidationError

from deepseek_report.compliance.evaluate import AsOf, banners, leading_date, milestones
from deepseek_report.compliance.framework import (
    HEAD_TEXTS,
    FrameworkChoice,
    FrameworkError,
    framework_ids,
    frameworks_folder,
    load_framework,
)
from deepseek_report.compliance.sources import stand_ins
from deepseek_report.errors import ConfigError
from deepseek_report.wording.words import Wording, wording
from tests.wording.marked_page import words_outside

from .conftest import english

AS_OF = date(2026, 11, 24)


def kinds(name: str, as_of: date | None = AS_OF, days: int = 180, version: str = "") -> set[str]:
    choice = FrameworkChoice(name, reviewed_version=version)
    day = AsOf(as_of, "the day of the run")
    return {banner.kind for banner in banners(choice.load(), choice, day, days)}


def test_all_shipped_rows_load_with_the_ceilings_and_gaps_that_were_counted() -> None:
    rows = [row for name in framework_ids() for row in FrameworkChoice(name).load().rows]
    assert Counter(row.ceiling for row in rows) == {"met": 14, "partly": 225, "human_input": 160}
    assert sum(not row.verified for row in rows) == 122


@pytest.mark.parametrize("name", framework_ids())
def test_every_framework_can_be_chosen_by_its_yaml(name: str) -> None:
    root = Path(__file__).parents[2]
    config = yaml.safe_load((root / "conf" / "frameworks" / f"{name}.yaml").read_text("utf-8"))
    fields = {key: value for key, value in config[name].items() if key != "_target_"}
    assert config[name]["_target_"] == (
        f"{FrameworkChoice.__module__}.{FrameworkChoice.__qualname__}"
    )
    assert FrameworkChoice(**fields).load().id == name


def test_an_unknown_framework_is_refused_with_the_choices() -> None:
    with pytest.raises(FrameworkError, match=r"`gdrp` is not shipped; allowed: .*gdpr"):
        FrameworkChoice("gdrp")


def broken(tmp_path: Path, **changes: Any) -> Path:
    data = yaml.safe_load((frameworks_folder() / "gdpr.yaml").read_text("utf-8"))
    data["rows"][0].update(changes.pop("row", {}))
    data["framework"].update(changes)
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


def test_a_framework_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    choice = FrameworkChoice("house_rules", file=broken(tmp_path, id="house_rules"))
    assert len(choice.load().rows) == 15


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"row": {"ceiling": "certain"}}, "rows.0.ceiling: 'certain' is not one of"),
        ({"row": {"colour": "red"}}, "'colour' was unexpected"),
        ({"row": {"need": ["explain.magic"]}}, "evidence `explain.magic` is no kind of"),
        ({"row": {"need": []}}, "`need` is empty"),
        ({"row": {"ceiling": "human_input", "need": ["data.card"]}}, "ceiling human_input needs"),
        ({"row": {"id": "GDPR-22.1"}}, "row id GDPR-22.1 is there twice"),
        ({"checked": "last week"}, "`last week` is no date"),
        ({"id": "gdpr_2"}, "holds framework `gdpr_2`, not `gdpr`"),
    ],
)
def test_a_broken_file_says_where_and_what(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem.replace("(", r"\(")):
        FrameworkChoice("gdpr", file=broken(tmp_path, **changes))


def test_a_wrong_choice_is_collected_with_the_other_problems_of_a_config(tmp_path: Path) -> None:
    values = [{"id": "gdrp"}, {"id": "gdpr", "file": str(tmp_path / "none.yaml")}]
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[FrameworkChoice]).validate_python(values)
    messages = [detail["msg"] for detail in caught.value.errors()]
    assert "is not shipped" in messages[0]
    assert "cannot be read" in messages[1]


def test_a_missing_file_and_a_file_that_is_no_yaml_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_framework(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_framework(tmp_path / "bad.yaml")


def test_a_superseded_text_carries_a_banner() -> None:
    assert "superseded" in kinds("sr_26_2")
    assert "superseded" not in kinds("gdpr")


def test_a_text_that_applies_later_says_so_until_it_applies() -> None:
    assert "applies_later" in kinds("eu_ai_act_annex_iv")
    assert "applies_later" not in kinds("eu_ai_act_annex_iv", date(2028, 8, 2))


@given(st.integers(0, 4000), st.integers(0, 4000))
def test_a_text_is_stale_exactly_when_it_is_older_than_allowed(age: int, allowed: int) -> None:
    checked = FrameworkChoice("gdpr").load().checked
    as_of = date.fromordinal(checked.toordinal() + age)
    assert ("stale" in kinds("gdpr", as_of, allowed)) == (age > allowed)


def test_without_a_declared_date_nothing_is_said_about_age_or_application() -> None:
    assert "undated" in kinds("eu_ai_act_annex_iv", None)
    assert not {"stale", "applies_later"} & kinds("eu_ai_act_annex_iv", None, 0)


def test_a_version_other_than_the_reviewed_one_carries_a_banner() -> None:
    shipped = FrameworkChoice("gdpr").load().text_version
    assert "version_changed" in kinds("gdpr", version="an older one")
    assert "version_changed" not in kinds("gdpr", version=shipped)


def test_rows_that_nobody_read_are_counted() -> None:
    choice = FrameworkChoice("jr_t_0221_2021")
    framework = choice.load()
    shown = banners(framework, choice, AsOf(AS_OF, ""), 180)
    texts = english(banner.as_message(framework) for banner in shown)
    assert any(text.startswith("7 of 16 rows") for text in texts)
    assert "unverified" not in kinds("sr_26_2")


def test_a_date_is_read_from_the_beginning_of_a_text() -> None:
    assert leading_date("2026-07-27 or later: check") == date(2026, 7, 27)
    assert leading_date("2026-06") == date(2026, 6, 1)
    assert leading_date("Art. 113") is None
    assert leading_date("2026-13-01") is None


def test_dates_to_watch_are_those_ahead_in_order_and_of_the_frameworks_shown() -> None:
    eu = {"eu_ai_act_articles"}
    when = [milestone.when for milestone in milestones(AS_OF, eu)]
    assert when == ["2026-12-02", "2027-12-02", "2028-08-02"]
    assert len(milestones(None, eu)) > len(when)
    assert not milestones(None, {"gdpr"})


@pytest.mark.parametrize("name", framework_ids())
def test_no_note_to_those_who_wrote_the_files_is_shown(name: str) -> None:
    framework = FrameworkChoice(name).load()
    shown = [framework.name, framework.disclaimer, *framework.notes]
    shown += [source.ref for source in framework.sources]
    shown += [text for row in framework.rows for text in (row.asks, row.title, row.verify_note)]
    leaked = re.compile(
        r"the brief|file name|re-check|from memory|general knowledge|research note|stored note"
        r"|do not print|pin to|\"asks\"|verified false|the tool (only|supplies)|applicability f",
        re.IGNORECASE,
    )
    assert not [text for text in shown if leaked.search(text)]


def test_a_date_to_watch_names_a_shipped_framework_and_no_weak_source() -> None:
    data = yaml.safe_load((frameworks_folder() / "_dates.yaml").read_text("utf-8"))
    weak = re.compile(r"digest|blog|\.com\b|Cooley|Orrick|Venable|risktemplate|reg-intel")
    for milestone in data["dates"]:
        assert set(milestone["frameworks"]) <= set(framework_ids())
        assert leading_date(str(milestone["date"]))
        assert not weak.search(milestone["source"])


def test_a_framework_is_shown_in_the_texts_that_a_language_has_for_it_and_else_as_it_is() -> None:
    choice = FrameworkChoice("gdpr")
    english_one = choice.load()
    texts = {
        "name": "DSGVO",
        "sources": {english_one.sources[0].id: "amtlich"},
        "rows": {"GDPR-22.1": {"title": "Automatisierte Entscheidungen"}},
    }
    shown = choice.shown_in(Wording({"frameworks": {"gdpr": texts}}))
    assert (shown.name, shown.short_name) == ("DSGVO", "DSGVO")
    assert shown.sources[0].kind == "amtlich"
    row = shown.row("GDPR-22.1")
    assert row.title == "Automatisierte Entscheidungen"
    assert row.asks == english_one.row("GDPR-22.1").asks
    assert shown.legal_force == english_one.legal_force
    assert shown.sha256 == english_one.sha256


def test_a_framework_of_ones_own_is_shown_as_its_file_says(tmp_path: Path) -> None:
    choice = FrameworkChoice("gdpr", file=broken(tmp_path, name="Ours"))
    words = Wording({"frameworks": {"gdpr": {"name": "DSGVO"}}})
    assert choice.shown_in(words).name == "Ours"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Wording:
    path = write_catalog(tmp_path_factory.mktemp("catalogs"))
    return Wording(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", framework_ids())
def test_a_language_can_say_all_that_is_shown_of_a_framework(marked: Wording, name: str) -> None:
    shown = FrameworkChoice(name).shown_in(marked)
    texts = [getattr(shown, head) for head in HEAD_TEXTS]
    texts += [
        *shown.notes,
        *shown.applies_from.values(),
        *(source.kind for source in shown.sources),
    ]
    texts += [text for row in shown.rows for text in (row.title, row.asks, row.verify_note)]
    assert words_outside(texts) == []


def test_every_label_that_shipped_frameworks_need_is_in_the_catalog() -> None:
    words = wording()
    frameworks = [FrameworkChoice(name).load() for name in framework_ids()]
    rows = [row for framework in frameworks for row in framework.rows]
    needed = {
        "responsible": {row.who for row in rows},
        "human_fields": {name for row in rows for name in (*row.people, *row.helpful_fields)}
        | set(stand_ins().values()),
        "sectors": {sector for row in rows for sector in row.applies.sectors},
        "groups_of_people": {group for row in rows for group in row.applies.groups},
        "applies_from": {key for framework in frameworks for key in framework.applies_from},
        "dates": {milestone.id for milestone in milestones(None, set(framework_ids()))},
    }
    for group, names in needed.items():
        assert names - set(words.table(group)) == set(), group
