"""Single cases: why this decision, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings.explainer_ranking import leading_for_cases
from deepseek_report.findings.explainer_verdicts import verdict_of
from deepseek_report.findings.records import Row, explainer_label, rows, setting
from deepseek_report.sections.shared.display_cells import number_cell, percent_cell
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases import case_sentences
from deepseek_report.sections.single_cases.case_codes import answer_codes, codes
from deepseek_report.sections.single_cases.case_sentences import Pages, can_change
from deepseek_report.wording.words import Wording

_FIRST = (
    *("wrong_against", "most_certain_wrong", "nearest_threshold"),
    *("right_against", "most_certain_right"),
    *("typical_error", "furthest_above", "furthest_below"),
)
#: Pictures of one case, each named after its YAML and the case; the first shows the input itself.
_PICTURES = ("text_highlights", "image_heatmaps", "series_attributions", "case_contributions")
_USES = frozenset(
    {"explanations", "measures/cases", "measures/prototypes"}
    | {ArtifactId.picture(name) for name in _PICTURES}
)
#: Values of one case that are listed; of wide tables the reasons go first.
_INPUTS = 60


@dataclass(frozen=True)
class CasesSection:
    """Goes through single cases: input, decision, reasons, neighbours, smallest change."""

    needs: ClassVar[frozenset[str]] = frozenset({"measures/cases"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("cases", results)
        table = sorted(rows(results, "cases", "cases"), key=_order)
        explainer = leading_for_cases(results)
        if table:
            _answer(draft, table, explainer)
        draft.caveat("not_advice" if kind_of(results.schema).named_columns else "masked")
        if _assumed_changeable(draft):
            draft.caveat("assumed_changeable")
        if _assumed_directions(draft):
            draft.caveat("assumed_directions")
        draft.notes(["cases"])
        pages = Pages(draft, explainer)
        draft.values["cases"] = [_case(pages, row) for row in table if not _of_group(row)]
        numbers = bool(table) and finite(table[0].get("prediction")) is not None
        draft.values["said"] = "prediction" if numbers else "probability"
        draft.values["neighbour_columns"] = _neighbour_columns(draft, draft.values["said"])
        draft.values["threshold"] = bool(table) and finite(table[0].get("threshold")) is not None
        draft.values["groups"] = _groups(pages, [row for row in table if _of_group(row)])
        return draft.content(self.needs, _USES)


def _assumed_changeable(draft: Draft) -> bool:
    """Whether changes were looked for of features of which nobody said that they can change."""
    columns = (draft.results.config.get("dataset") or {}).get("columns")
    if columns is None or not kind_of(draft.results.schema).named_columns:
        return False
    declared = any((column or {}).get("mutable") is not None for column in columns.values())
    return not declared and bool(rows(draft.results, "cases", "counterfactuals"))


def _assumed_directions(draft: Draft) -> bool:
    """Whether changes were looked for in directions of which nobody said that a person can go."""
    features = [feature for feature in draft.results.schema.features if feature.can_move]
    ordered = [feature for feature in features if feature.kind != "categorical"]
    undeclared = all(feature.direction == "either" for feature in ordered)
    return bool(ordered) and undeclared and bool(rows(draft.results, "cases", "counterfactuals"))


def _order(row: Row) -> tuple[int, int]:
    """Errors and decisions against people first, then groups in the order of the schema."""
    role = row["role"]
    return (_FIRST.index(role) if role in _FIRST else len(_FIRST)), int(row["case"])


def _of_group(row: Row) -> bool:
    return str(row["role"]).startswith(("group:", "pair:"))


def _groups(pages: Pages, table: list[Row]) -> list[dict[str, Any]]:
    """The cases of groups, by attribute, in the order of the schema."""
    groups = []
    for attribute in pages.draft.results.schema.attributes:
        roles = [
            f"{role}:{attribute.name}:{level}"
            for role in ("pair", "group")
            for level in attribute.levels
        ]
        mine = sorted(
            (r for r in table if r["role"] in roles), key=lambda r: roles.index(r["role"])
        )
        cases = [_case(pages, row) | {"level": row["role"].split(":", 2)[2]} for row in mine]
        if cases:
            noun = "group" if attribute.kind == "person" else "part"
            label = pages.draft.words.inline(attribute.label)
            pair = [row["role"].split(":", 2)[2] for row in mine if row["role"][:5] == "pair:"]
            about = {"pair": pair, "typical": len(pair) < len(cases)}
            groups.append({"label": label, "noun": noun, "cases": cases, **about})
    return groups


def _answer(draft: Draft, table: list[Row], explainer: str | None) -> None:
    changes = rows(draft.results, "cases", "counterfactuals")
    changed = {row["case"] for row in changes if row["status"] == "found"}
    draft.answer("count", n=len(table), wrong=sum(not row["correct"] for row in table))
    if explainer:
        space = draft.results.explanations[explainer].output_space
        verdict = verdict_of(draft.results, explainer)
        draft.answer(
            "method",
            explainer=explainer_label(draft.results, explainer),
            points=space == "probability",
            log_odds=space == "logit",
            sums=bool(verdict.adds_up),
        )
        if not verdict.is_trusted:
            label = explainer_label(draft.results, explainer)
            draft.caveat("not_trusted", explainer=label, use=verdict.use)
    answer_codes(draft, explainer)
    if changes and not kind_of(draft.results.schema).named_columns:
        draft.answer("masked", n=len(changed), total=len(table))
    elif kind_of(draft.results.schema).named_columns:
        _answer_changes(draft, changes, len(table))


def _answer_changes(draft: Draft, changes: list[Row], total: int) -> None:
    """For how many decisions a change is known; against the person alone where that is known."""
    most = int(setting(draft.results, "metrics", "cases", "change_at_most", 3))
    share = draft.results.score("counterfactual_share")
    if not can_change(draft):
        draft.answer("unchangeable")
    elif share is not None:
        draft.answer("reachable", share=Estimate.of_score(share), most=most)
    elif draft.results.schema.target.favourable is None and changes:
        n = len({row["case"] for row in changes if row["status"] == "found"})
        draft.answer("changes", n=n, total=total, most=most)


def _case(pages: Pages, row: Row) -> dict[str, Any]:
    number = row["case"]
    inputs = _inputs(pages, number)
    total = len(pages.rows("inputs", number))
    return {
        "pictures": [
            name
            for name, picture in pages.draft.results.pictures.items()
            if picture.section == "cases" and name.endswith(f"_{number}")
        ],
        "anchor": f"case-{number}",
        "row": pages.draft.words.numbers.count(int(row["instance_id"])),
        "called": case_sentences.row_of(pages.draft, row),
        "title": row["role_label"],
        "summary": case_sentences.summary(pages.draft, row),
        "codes": codes(pages, row),
        "contrasts": case_sentences.contrasts(pages, row),
        "reasons": case_sentences.reasons(pages, row),
        "reasons_by": pages.label(pages.explainer),
        "start": case_sentences.start(pages.draft, row, pages.explainer),
        "compared": case_sentences.compared(pages.draft, row),
        "agreement": case_sentences.agreement(pages, number),
        "inputs": inputs,
        "inputs_title": pages.draft.text(
            "near" if not inputs else "whole_input" if len(inputs) == total else "some_input",
            row=case_sentences.row_of(pages.draft, row),
            banded=not pages.draft.results.privacy.is_full,
            floor=pages.draft.results.privacy.floor,
            shown=len(inputs),
            total=total,
        ),
        "neighbours_caption": pages.draft.text(
            "near_caption", row=case_sentences.row_of(pages.draft, row)
        ),
        "neighbours": [
            _neighbour(pages.draft.words, near) for near in pages.rows("neighbours", number)
        ],
        "neighbour_sentence": case_sentences.neighbours(pages, row),
        "change": case_sentences.change(pages, row),
        "errors": [
            case_sentences.error(pages.draft, error)
            for error in pages.rows("errors_like_this", number)
        ],
    }


def _inputs(pages: Pages, number: Any) -> list[dict[str, Any]]:
    """The values of a case, where a list of them says something: of a table, reasons first.

    A text, an image or a series is seen in its picture.
    """
    if not kind_of(pages.draft.results.schema).named_columns:
        return []
    inputs = pages.rows("inputs", number)
    if len(inputs) > _INPUTS:
        reasons = {row["feature"] for row in pages.rows("reasons", number)}
        inputs = sorted(inputs, key=lambda row: row["feature"] not in reasons)[:_INPUTS]
    return [{key: row[key] for key in ("label", "display", "typical")} for row in inputs]


def _neighbour(words: Wording, row: Row) -> dict[str, Any]:
    return {
        "row": words.text("templates.cases.row", n=int(row["instance_id"])),
        "label": row["label"],
        "text": row.get("text") or "",
        **number_cell(words.numbers, "distance", row["distance"]),
        **percent_cell(words.numbers, "probability", row["probability"]),
        **number_cell(words.numbers, "prediction", row.get("prediction")),
    }


def _neighbour_columns(draft: Draft, output: str) -> dict[str, str]:
    """The columns of the table of nearest cases; inputs that can be read out are told as well."""
    names, kind = ("row", "distance", "label", output), kind_of(draft.results.schema)
    columns = {name: draft.text(f"near_columns.{name}") for name in names}
    own = {"text": draft.text(f"near_columns.read_out.{kind.name}")} if kind.reads_out else {}
    return columns | own
