"""What a config can say about the report itself: the fields of `conf/report/*.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from deepseek_report.artifacts.disclosure import Level
from deepseek_report.compliance.applicability import Place
from deepseek_report.wording.case_words import CaseWords

Format = Literal["html", "brief", "pdf", "docx"]
Paper = Literal["a4", "letter"]
Engine = Literal["auto", "embedded", "quarto"]
#: The source of the brief, beside that of the report.
BRIEF = "brief.qmd"
#: Every format, in the order in which they are offered.
FORMATS: tuple[Format, ...] = get_args(Format)


def page_of(name: Format) -> str:
    """The file of a format: `report.html`, `brief.pdf`."""
    return "brief.pdf" if name == "brief" else f"report.{name}"


@dataclass(frozen=True)
class Threshold:
    """A promise about one number, made before the run.

    metric : key of the score. at_least, at_most : the bound; exactly one of them.
    set_by : who promised it. why : the reason, shown in the report.
    attribute, level, explainer : the subject, where the score is about one.
    predictor : of a gain, the simpler model that the model is set against: `majority` (`mean` of
        numbers), `logistic_regression` (`ridge`) or `gradient_boosting`.
    """

    metric: str
    set_by: str
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""
    attribute: str = ""
    level: str = ""
    explainer: str = ""
    predictor: str = ""


@dataclass(frozen=True)
class ReportOptions:
    """A report in HTML; in PDF or DOCX, and a brief of one or two pages to sign, where asked for.

    thresholds : what was promised; the summary says which promises were met.
    fail_on : whether a threshold that is not met, or a rejection, gives exit code 3.
    as_of : the day (YYYY-MM-DD) for which the age of legal texts, and whether decisions are still
        valid, is judged; None: the run's day for texts, the day of writing for decisions.
    policy : a YAML of the decisions that are required of people; None: the one that ships.
    seal : what `check --seal` wrote before any result existed; None: nothing was sealed.
    places : codes of the places where the model decides, by which `frameworks=auto` chooses and
        rows of other places are out of scope; empty: not declared.
    interactive : whether pictures carry an interactive twin in HTML.
    privacy : what the run folder may hold of single persons: "full", everything; "cases",
        aggregates and the cases that are named; "aggregate", nothing about one person.
    privacy_floor : fewest instances that a published count may rest on, below "full"; of rows of
        entities, the fewest entities.
    cases : rows that get a page of their own, each by its number in the source, counted from 0.
    paper : the pages of PDF, DOCX and brief.
    words : what cases, decisions and groups are called, in the words of those who act on them.
    """

    title: str = "Model report"
    subtitle: str = ""
    author: str = ""
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    audience: str = ""
    formats: tuple[Format, ...] = ("html",)
    engine: Engine = "auto"
    thresholds: tuple[Threshold, ...] = ()
    fail_on: bool = False
    as_of: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    policy: Path | None = None
    seal: Path | None = None
    places: tuple[Place, ...] = ()
    interactive: bool = True
    paper: Paper = "a4"
    privacy: Level = "full"
    privacy_floor: Annotated[int, Field(ge=2, le=1000)] = 5
    cases: tuple[Annotated[int, Field(ge=0)], ...] = ()
    words: CaseWords = field(default_factory=CaseWords)
