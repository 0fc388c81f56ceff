"""To which use frameworks and rows speak: what is decided, and where."""

from __future__ import annotations

import pytest

from deepseek_report.compliance.applicability import (
    DataDeclarations,
    Scope,
    applicability,
    fit,
    is_within,
    place_code,
    place_codes,
    without_law,
)
from deepseek_report.compliance.framework import FrameworkChoice, framework_ids
from deepseek_report.sections.compliance import ComplianceSection
from deepseek_report.wording.words import wording

from .conftest import Run
from .test_section import written


def stands(name: str, sector: str, *places: str) -> tuple[bool, bool, str]:
    """Whether a framework applies, whether it is near, and why."""
    judged = FrameworkChoice(name).fit(sector, places)
    return judged.applies, judged.near, wording().say(judged.why)


def test_a_place_lies_in_those_above_it_and_not_in_those_below() -> None:
    assert is_within("US-NYC", "US")
    assert is_within("DE", "EU")
    assert not is_within("US", "US-CO")
    assert not is_within("CA", "US")  # Canada
    assert is_within("US-CA", "US")


def test_every_place_has_a_name_and_every_name_is_of_a_place() -> None:
    words = wording()
    assert set(words.table("places")) == place_codes()
    named = {p for name in framework_ids() for p in FrameworkChoice(name).load().applies.places}
    assert named <= place_codes()


def test_a_place_is_known_by_its_code_however_it_is_written() -> None:
    assert [place_code(code) for code in ("eu", " us-co", "GB", False)] == [
        "EU",
        "US-CO",
        "UK",
        "NO",
    ]
    with pytest.raises(ValueError, match=r"did you mean DE \(Germany\)"):
        place_code("Germany")
    with pytest.raises(ValueError, match=r"did you mean US-CO \(Colorado\)"):
        place_code("Colorado")


@pytest.mark.parametrize(
    ("name", "sector", "place", "chosen"),
    [
        ("gdpr", "credit", "DE", True),
        ("gdpr", "credit", "UK", False),
        ("gdpr", "", "NO", True),
        ("eu_consumer_credit", "credit", "FR", True),
        ("eu_consumer_credit", "employment", "FR", False),
        ("sr_26_2", "credit", "US-NY", True),
        ("nyc_ll144", "employment", "US-NYC", True),
        ("nyc_ll144", "employment", "US-NY", False),
        ("us_state_decisions", "credit", "US-CO", True),
        ("us_state_decisions", "credit", "US-IL", False),
        ("us_credit_employment", "health", "US", False),
        ("fda_transparency", "health", "US", True),
        ("insurance", "insurance", "EU", True),
        ("pra_ss1_23", "credit", "UK", True),
        ("osfi_e23", "credit", "CA", True),
        ("kr_ai", "credit", "KR", True),
        ("tw_finance", "credit", "TW", True),
        ("rbi_model_risk", "credit", "IN", True),
        ("jr_t_0221_2021", "credit", "CN", True),
        ("mas_feat", "credit", "SG", True),
        ("nist_ai_rmf", "credit", "US", False),  # voluntary
        ("iso_42001", "industry", "DE", False),
    ],
)
def test_a_framework_is_chosen_by_sector_and_place(
    name: str, sector: str, place: str, chosen: bool
) -> None:
    assert stands(name, sector, place)[0] is chosen


def test_what_one_thing_stands_against_is_near_and_says_it() -> None:
    assert stands("kr_ai", "credit", "DE") == (
        *(False, True),
        "no place in South Korea is declared",
    )
    health = stands("fda_transparency", "credit", "US")
    assert health == (*(False, True), "it speaks of health, and the data are declared as credit")
    nobody = stands("sr_26_2", "", "US")
    assert nobody[:2] == (False, True)
    assert "nobody declares what decisions are about (dataset.sector)" in nobody[2]
    assert stands("fda_transparency", "credit", "DE")[:2] == (False, False)
    assert stands("nist_ai_rmf", "credit", "US")[1]
    assert stands("nist_ai_rmf", "credit", "DE")[:2] == (False, False)
    assert stands("gdpr", "credit", "DE")[2] == (
        "Germany is declared, which lies in the European Union, and it speaks of decisions of "
        "every sector"
    )


def test_a_row_of_another_place_is_out_of_scope_only_where_places_are_declared() -> None:
    colorado = Scope(("credit",), ("US-CO",))
    silent, here, elsewhere = (
        applicability(colorado, DataDeclarations("credit", places=places))
        for places in ((), ("US-CO",), ("US-CA", "DE"))
    )
    assert not silent.outside
    assert not here.outside
    assert wording().say(elsewhere.outside) == (
        "The row speaks of Colorado; decisions are declared to be made in California and Germany"
    )


def test_a_place_that_no_framework_names_is_told() -> None:
    scopes = [FrameworkChoice(name).load().applies for name in framework_ids()]
    assert without_law(("US-IL", "US", "CH"), scopes) == ["US-IL", "CH"]
    assert fit(Scope(), DataDeclarations("credit", places=("CH",))).applies


def test_rows_of_one_state_leave_those_of_the_other_out(run: Run) -> None:
    run.config["frameworks"] = {"us_state_decisions": {"id": "us_state_decisions"}}
    run.config["report"]["places"] = ["US-CO"]
    (part,) = run.evaluated().frameworks
    outside = {each.row.id for each in part.judgements if each.status == "out_of_scope"}
    assert outside == {"CA-7220", "CA-7221", "CA-7222", "CA-RISK"}


def test_the_report_says_why_a_framework_is_shown_and_why_one_is_not(run: Run) -> None:
    run.config["report"]["places"] = ["DE"]
    run.config["frameworks"] = {name: {"id": name} for name in ("gdpr", "sr_26_2")}
    values = ComplianceSection().content(run.results()).values
    words = wording()
    shown = {
        each["id"]: (each["fit"]["fits"], words.say(each["fit"]["why"]))
        for each in values["frameworks"]
    }
    assert shown["gdpr"][0]
    assert shown["sr_26_2"] == (False, "no place in the United States is declared")
    near = {each["key"]: words.say(each["why"]) for each in values["near"]}
    assert near["kr_ai"] == "no place in South Korea is declared"
    assert near["eu_consumer_credit"].endswith("but the config does not name it")
    assert all(row["why"] for row in values["others"])
    assert values["without_law"] == ["DE"]
    document = written(run)
    assert "Decisions are declared to be made in Germany" in document
    assert "Shown because Germany is declared, which lies in the European Union" in document
    assert "Shown because the config names it, though no place in the United States" in document
    assert "no place in South Korea is declared" in document
    assert "no framework is shipped that is made for it in particular" in document


def test_where_no_place_is_declared_the_report_says_nothing_of_places(run: Run) -> None:
    values = ComplianceSection().content(run.results()).values
    assert not values["places"]
    assert not values["near"]
    assert not values["without_law"]
    assert {each["fit"] for each in values["frameworks"]} == {None}
    assert "why" not in values["others"][0]
