"""What a config can say about the report itself: the fields of `conf/report/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

Format = Literal["html", "pdf", "docx"]
Engine = Literal["auto", "embedded", "quarto"]


@dataclass(frozen=True)
class Threshold:
    """A promise about one number, made before the run.

    metric : key of the score. at_least, at_most : the bound; exactly one of them.
    set_by : who promised it. why : the reason, shown in the report.
    attribute, level, explainer : the subject, where the score is about one.
    """

    metric: str
    set_by: str
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""
    attribute: str = ""
    level: str = ""
    explainer: str = ""


@dataclass(frozen=True)
class ReportOptions:
    """A report in HTML, and in PDF or DOCX where asked for.

    thresholds : what was promised; the summary says which promises were met.
    fail_on : whether a threshold that is not met gives exit code 3.
    statements : {field: {text, name, role, date}}, what a person states for the compliance part.
    not_applicable : {row of a framework: {reason, name, role, date}}.
    as_of : the day (YYYY-MM-DD) for which the age of legal texts is judged; never the clock.
    interactive : whether pictures carry an interactive twin in HTML.
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
    statements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    not_applicable: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    as_of: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    interactive: bool = True
