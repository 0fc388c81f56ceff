"""What the model looks at, by every method that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepseek_report.artifacts.conclusions import TRUSTED
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.message import Verbatim, text_of
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.artifacts.table import estimate as estimate_column
from deepseek_report.artifacts.table_rows import WholeRow
from deepseek_report.data_kinds import kind_of
from deepseek_report.findings import explainer_verdicts
from deepseek_report.findings.records import explainer_label, feature_inline
from deepseek_report.metrics.explanations.explanation_rows import (
    ClassImportance,
    FeatureImportance,
    OfImportance,
)
from deepseek_report.metrics.explanations.interactions import FeaturePair
from deepseek_report.metrics.failures.failure_rows import RiskPattern
from deepseek_report.metrics.failures.risk_windows import RiskWindow
from deepseek_report.metrics.internals.internal_rows import NearPrototype
from deepseek_report.metrics.internals.intrinsic_explanations import PrototypeCase
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import ShownTable, Values
from deepseek_report.sections.shared.task_columns import attribution
from deepseek_report.wording.estimates import of_score

#: How many features the table of ranks shows.
SHOWN = 12
#: What methods must be good for to be asked what counts most over all cases.
_MAY_TELL = TRUSTED | {"overall"}


@dataclass(frozen=True)
class ExplanationsSection(DraftedSection):
    """Says which features the model's output depends on, by each method."""

    name = "explanations"
    needs = frozenset({"explanations"})
    metrics = (
        "importance sage permutation_importance attention route_entropy expert_load "
        "feature_effects interactions risk_patterns risk_windows surrogate_tree surrogate_rules "
        "shape_functions prototypes"
    )
    pictures = (
        "global_importance reliance beeswarm feature_effects attribution_by_value surrogate_tree "
        "interactions risk_windows shape_functions prototypes attention_maps routing"
    )

    def write(self, draft: Draft) -> None:
        results = draft.results
        importance = results.rows("importance", "importance", FeatureImportance)
        table = [row for row in importance if row.explainer != CONTROL]
        if table:
            _answer(draft, table)
        _question(draft)
        _interactions(draft)
        _riskiest(draft)
        _as_rules(draft)
        _windows(draft)
        games = _compared_games(draft, table)
        _caveats(draft)
        draft.values |= {
            "chosen": _chosen(draft),
            "ranks": _ranks(draft, table),
            "classes": _classes(draft),
            "games": draft.table("games", _GAMES, games),
            "named": kind_of(results.schema).named_columns,
            "methods": draft.table(
                "methods", _METHODS, [_method(draft, name) for name in results.explanations]
            ),
            "method_notes": [
                {
                    "explainer": explainer_label(results, name),
                    "notes": list(map(draft.words.say, explanation.notes)),
                }
                for name, explanation in results.explanations.items()
                if explanation.notes and name != CONTROL
            ],
            "measured": _measured(draft),
            "prototypes": _prototypes(draft),
            "part_attribution": attribution(draft, "explanations-parts", "other"),
        }


def _measured(draft: Draft) -> Values:
    """Where it stands how well the tests work for such data and question; empty if nobody tried."""
    game, kind = explainer_verdicts.question_of(draft.results), kind_of(draft.results.schema)
    if game not in explainer_verdicts.PREDICTIVE:
        return {}
    page = f"docs/explanations.md#{kind.name}-{game}"
    return {
        "page": page,
        "compared": draft.words.say(explainer_verdicts.compared(draft.results, game)),
    }


def _classes(draft: Draft) -> list[Values]:
    """The classes that the reader can switch to, the declared one first; empty where it is one."""
    target = draft.results.schema.target
    further = draft.results.rows("importance", "by_class", ClassImportance)
    names = list(dict.fromkeys(row.of_class for row in further))
    if not names:
        return []
    own = {"name": draft.words.name(target.explained_class), "suffix": ""}
    others = [
        {
            "name": draft.words.name(name),
            "suffix": f"_class_{target.classes.index(name)}",
            "ranks": _ranks(
                draft,
                [r for r in further if r.of_class == name and r.explainer != CONTROL],
                f"ranks-{target.classes.index(name)}",
            ),
        }
        for name in names
    ]
    return [own, *others]


def _chosen(draft: Draft) -> Values:
    """What a recommender chose, and why; empty where nobody left the choice to it."""
    explain = draft.results.config.get("explain") or {}
    reasons = explain.get("reasons") or {}
    if not reasons:
        return {}
    return {
        "evaluations": explain["evaluations"],
        "reasons": [
            draft.text(
                "chosen",
                explainer=explainer_label(draft.results, name),
                reason=draft.words.say(text_of(reason)),
            )
            for name, reason in reasons.items()
        ],
    }


def _answer(draft: Draft, table: Sequence[FeatureImportance]) -> None:
    kind = kind_of(draft.results.schema)
    leader = explainer_verdicts.leading_explainer(draft.results) or table[0].explainer
    use = explainer_verdicts.verdict_of(draft.results, leader).use
    if use == "no_skill" or (kind.named_columns and use not in _MAY_TELL):
        label = explainer_label(draft.results, leader)
        draft.answer("not_to_be_told", explainer=label, use=use)
        return
    if not kind.named_columns:
        draft.answer("no_features", noun=kind.noun, words=kind.quotes)
        return
    ranked = sorted((r for r in table if r.explainer == leader), key=lambda row: row.rank)
    draft.answer(
        "main",
        features=[feature_inline(draft.results, row.label) for row in ranked[:3]],
        share=sum(row.share for row in ranked[:3]),
        explainer=explainer_label(draft.results, leader),
        target=draft.results.schema.target.explained_class,
    )
    answering_it = explainer_verdicts.answering(draft.results)
    first = {
        row.explainer: feature_inline(draft.results, row.label)
        for row in table
        if row.rank == 1
        and row.explainer in answering_it
        and explainer_verdicts.verdict_of(draft.results, row.explainer).use in _MAY_TELL
    }
    others = dict.fromkeys(label for label in first.values() if label != first.get(leader))
    draft.answer(
        "agreement",
        methods=len(first),
        leading=first.get(leader),
        others=[
            {
                "explainers": [
                    explainer_label(draft.results, name)
                    for name, label in first.items()
                    if label == other
                ],
                "feature": other,
            }
            for other in others
        ],
    )


_GAMES = TableType(
    (
        Column("label"),
        estimate_column("apart", "share", prefix="apart"),
        estimate_column("together", "share", prefix="together"),
        Column("differs", "yes_no"),
    ),
    folded=True,
    most=SHOWN,
)
#: Shapley values whose features are left out each for itself, and given those that stay.
_APART, _TOGETHER = "shap", "conditional_shap"


def _compared_games(draft: Draft, table: Sequence[FeatureImportance]) -> list[Values]:
    """The share of each feature in both games, and whether the intervals lie apart."""
    apart, together = (
        {row.feature: row for row in table if row.explainer == name} for name in (_APART, _TOGETHER)
    )
    shares = [_Share(apart[name], together[name]) for name in apart if name in together]
    differing = [pair for pair in shares if pair.differs]
    if shares:
        largest = sorted(differing, key=lambda pair: -abs(pair.apart.value - pair.together.value))
        draft.answer(
            "games",
            of=len(shares),
            n=len(differing),
            features=[
                {
                    "name": feature_inline(draft.results, pair.label),
                    "apart": pair.apart,
                    "together": pair.together,
                }
                for pair in largest[:2]
            ],
        )
    ranked = sorted(
        shares, key=lambda pair: (-pair.differs, -max(pair.apart.value, pair.together.value))
    )
    return [pair.cells for pair in ranked]


class _Share:
    """The share of a feature in all attributions in two games, with intervals."""

    def __init__(self, apart: FeatureImportance, together: FeatureImportance) -> None:
        self.label = apart.label
        self.apart, self.together = apart.share_estimate, together.share_estimate

    @property
    def differs(self) -> bool:
        """Whether the intervals lie apart."""
        (low, high), (other_low, other_high) = (
            share.ends or (math.nan, math.nan) for share in (self.apart, self.together)
        )
        return high < other_low or other_high < low

    @property
    def cells(self) -> Values:
        """As a row of a table."""
        shares = self.apart.cells("apart", "apart") | self.together.cells("together", "together")
        return {"label": self.label, **shares, "differs": self.differs}


def _question(draft: Draft) -> None:
    """What is asked of the methods, and which of them answer something else."""
    results, others = draft.results, dict[Game, list[str]]()
    game = explainer_verdicts.question_of(results)
    judged = [name for name in results.explanations if name != CONTROL]
    for name in judged:
        other = results.explanations[name].game
        if other is not None and other != game:
            others.setdefault(other, []).append(explainer_label(results, name))
    if all(results.explanations[name].game is None for name in judged):
        return  # orders alone
    if all(results.explanations[name].game != game for name in judged):
        draft.caveat("no_answer", compared=explainer_verdicts.compared(results, game), game=game)
        return
    draft.answer(
        "question",
        compared=explainer_verdicts.compared(results, game),
        others=[
            {"explainers": names, "compared": explainer_verdicts.compared(results, other)}
            for other, names in others.items()
        ],
    )


def _interactions(draft: Draft) -> None:
    pairs = draft.results.rows("interactions", "pairs", FeaturePair)
    if not pairs:
        return
    beyond = [row for row in pairs if row.interacts]
    strongest = (beyond or pairs)[0]
    draft.answer(
        "interaction" if beyond else "no_interaction",
        first=feature_inline(draft.results, strongest.label_a),
        second=feature_inline(draft.results, strongest.label_b),
        share=strongest.share,
        control=finite(strongest.control),
        beyond=len(beyond),
        looked_at=strongest.looked_at,
    )


def _more_frequent(draft: Draft, row: RiskPattern | RiskWindow) -> dict[str, object]:
    """The explained class among the cases of a pattern, and among the others."""
    return {
        "pattern": draft.words.name(row.slice),
        "target": draft.results.schema.target.explained_class,
        "rate": row.rate,
        "n": row.n,
        "rest": row.rest_rate,
    }


def _riskiest(draft: Draft) -> None:
    """The confirmed combination of values whose rate of the explained class is surely highest."""
    patterns = draft.results.rows("risk_patterns", "patterns", RiskPattern)
    if not patterns:
        return
    riskiest = max(patterns, key=lambda row: row.rate.low or 0.0)
    draft.answer("riskiest", **_more_frequent(draft, riskiest), stated=riskiest.stated)


def _as_rules(draft: Draft) -> None:
    """How faithfully a list of rules stands for the model, on cases that it was not made from."""
    fidelity = draft.results.score("rule_list_fidelity")
    agreement = draft.results.score("rule_list_agreement")
    if fidelity is not None and finite(fidelity.value) is not None:
        draft.answer(
            "as_rules",
            rules=len(draft.results.rows("surrogate_rules", "rules", WholeRow)) - 1,
            fidelity=of_score(fidelity),
            agreement=None if agreement is None else of_score(agreement),
        )


def _windows(draft: Draft) -> None:
    """The surest ranges of parameters in which the explained class is frequent."""
    windows = draft.results.rows("risk_windows", "windows", RiskWindow)
    if not windows:
        return
    surest = windows[0]
    draft.answer(
        "windows", **_more_frequent(draft, surest), rows=surest.rows, overall=surest.overall
    )


def _caveats(draft: Draft) -> None:
    dataset, target = draft.results.config.get("dataset") or {}, draft.results.schema.target
    is_assumed = dataset.get("positive", "") is None and target.explained != target.favourable
    if is_assumed and len(target.classes) > 2:
        draft.caveat("assumed_class", explained=target.explained_class)
    draft.caveat("not_causes")
    if draft.results.has("measures/prototypes"):
        draft.caveat("real_cases")
    pairs = draft.results.card.get("correlations") or []
    if pairs:
        draft.caveat(
            "correlated",
            n=len(pairs),
            a=pairs[0]["label_a"],
            b=pairs[0]["label_b"],
            rho=finite(pairs[0]["spearman"]),
        )


def _ranks(draft: Draft, table: Sequence[OfImportance], name: str = "") -> ShownTable:
    """One row for each feature, one column with its share and rank for each method.

    name : of the table in the document, where it is not the first.
    """
    leader = explainer_verdicts.leading_explainer(draft.results)
    quotes = kind_of(draft.results.schema).quotes if table else False
    order = {row.feature: row.rank for row in table if row.explainer == leader}
    features = {row.feature: row.label for row in table}
    shown = sorted(features, key=lambda name: order.get(name, len(features)))[:SHOWN]
    percent = draft.words.numbers.percent
    cells: dict[str, Values] = {
        name: {"label": Verbatim(features[name]) if quotes else features[name]} for name in shown
    }
    for row in table:
        if row.feature in cells:
            cells[row.feature][row.explainer] = f"{row.rank} ({percent(finite(row.share))})"
            cells[row.feature][f"{row.explainer}__sort"] = row.rank
    methods = (
        Column(name, label=explainer_label(draft.results, name))
        for name in dict.fromkeys(row.explainer for row in table)
    )
    kind = TableType((Column("label"), *methods))
    shown_ranks = draft.table("ranks", kind, cells.values(), feature=draft.text("feature"))
    return replace(shown_ranks, id=f"explanations-{name}") if name else shown_ranks


_METHODS = TableType(columns_of("explainer:explainer idea variant space n:count calls:count"))


def _method(draft: Draft, name: str) -> Values:
    explanation: Explanation = draft.results.explanations[name]
    return {
        "explainer": name,
        "idea": draft.words.label("explainer_ideas", name),
        "variant": draft.words.say(explanation.variant),
        "space": draft.words.label("output_spaces", explanation.output_space),
        "n": len(explanation),
        "calls": explanation.n_model_calls,
    }


_PROTOTYPES = TableType(
    columns_of("case:count class decides:count share:share nearest"), folded=True
)


def _prototypes(draft: Draft) -> ShownTable:
    """Every case that the model compares with, and the test cases that are nearest to it."""
    numbers = draft.words.numbers
    nearest: dict[int, list[str]] = {}
    for near in draft.results.rows("prototypes", "nearest", NearPrototype):
        nearest.setdefault(near.prototype, []).append(
            f"{numbers.count(near.instance_id)} ({draft.words.name(near.label)})"
        )
    cells = [
        {
            "case": row.instance_id,
            "class": row.class_label,
            "decides": row.decides,
            "share": row.share,
            "nearest": numbers.listing(nearest.get(row.prototype, [])),
        }
        for row in draft.results.rows("prototypes", "prototypes", PrototypeCase)
    ]
    return draft.table("prototypes", _PROTOTYPES, cells)
