"""What the inside of a language model shows: its sentences and tables in the section."""

from __future__ import annotations

from deepseek_report.artifacts.table_rows import WholeRow
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.metrics.language.language_rows import (
    ExpertKind,
    HeadRole,
    HeadsTogether,
    LatentLayer,
    LensLayer,
)
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, Values

#: "Most" of the prompts, and of a lead: surely more than this.
_MOST = 0.5


def inside(draft: Draft) -> Values:
    """Sentences and tables by metric; a metric that the run lacks has no sentence."""
    _answers(draft)
    return {
        "lens": {
            "sentence": _lens(draft),
            "layers": _table(draft, "lens", "layers"),
            "patching": _table(draft, "lens", "patching"),
        },
        "heads": {
            "sentence": _heads(draft),
            "heads": _table(draft, "head_roles", "heads"),
            "together": _table(draft, "head_roles", "together"),
        },
        "latent": {"sentence": _latent(draft), "layers": _table(draft, "latent", "layers")},
        "experts": {"sentence": _experts(draft), "kinds": _table(draft, "token_experts", "kinds")},
    }


#: Columns of codes, each of which has words below `sections.language`.
_CODES = ("corruption", "span", "pattern", "needed", "kind", "verdict")


def _table(draft: Draft, metric: str, name: str) -> ShownTable:
    """A table of a metric with its codes in words."""
    worded = [
        {**row, **{code: draft.text(f"{code}.{row[code]}") for code in _CODES if row.get(code)}}
        for row in (whole.cells for whole in draft.results.rows(metric, name, WholeRow))
    ]
    return draft.metric_table(metric, name, worded)


def _answers(draft: Draft) -> None:
    """What the heads that copy are needed for, at the head of the section."""
    if group := _copying(draft):
        draft.answer("copying", **group)


def _lens(draft: Draft) -> str:
    table = draft.results.rows("lens", "layers", LensLayer)
    if not table:
        return ""
    first = {name: _first_most(table, name) for name in ("lens", "tuned", "token")}
    apart = next((row for row in table if _is_read_not_used(row)), None)
    return draft.text(
        "lens",
        **{
            name: None if row is None else {"layer": row.layer, "share": row.shares[name]}
            for name, row in first.items()
        },
        apart=None
        if apart is None
        else {
            "layer": apart.layer,
            "read": max((apart.lens, apart.tuned), key=lambda share: share.value),
            "used": apart.token,
        },
    )


def _first_most(table: list[LensLayer], name: str) -> LensLayer | None:
    """The first layer from which on it is surely most, in all layers that follow."""
    late = None
    for row in reversed(table):
        if not (row.shares[name].low or 0.0) > _MOST:
            break
        late = row
    return late


def _is_read_not_used(row: LensLayer) -> bool:
    """Whether surely most answers can be read there, and surely the smaller part is restored."""
    read, used = max(row.lens.low or 0.0, row.tuned.low or 0.0), row.token.high
    return used is not None and read > _MOST > used


def _copying(draft: Draft) -> Values | None:
    """The heads that look at what followed the same token, where the answer needs them."""
    together = [
        row
        for row in draft.results.rows("head_roles", "together", HeadsTogether)
        if row.pattern == "after_same" and row.p_adjusted < SIGNIFICANT
    ]
    if not together:
        return None
    table = draft.results.rows("head_roles", "heads", HeadRole)
    heads = [row for row in table if row.pattern == "after_same"]
    measured = [(row.swap, row) for row in heads if row.swap is not None]
    alone, most = max(measured, key=lambda pair: pair[0].value, default=(None, None))
    rise = together[0].swap
    group: Values = {"heads": [_named(row) for row in heads], "rise": rise, "alone": None}
    if most is not None and alone is not None and len(heads) > 1:
        is_less = alone.high is not None and rise.low is not None and alone.high < rise.low
        group |= {"alone": alone, "most": _named(most), "is_less": is_less}
    return group


def _named(row: HeadRole) -> Values:
    return {"layer": row.layer + 1, "number": row.number}


def _heads(draft: Draft) -> str:
    table = draft.results.rows("head_roles", "heads", HeadRole)
    if not table:
        return ""
    counts = {
        pattern: sum(row.pattern == pattern for row in table)
        for pattern in ("previous", "same", "after_same")
    }
    return draft.text("heads", heads=len(table), **counts, copying=_copying(draft))


def _latent(draft: Draft) -> str:
    table = draft.results.rows("latent", "layers", LatentLayer)
    if not table:
        return ""
    most = max(table, key=lambda row: row.swap.value)
    return draft.text(
        "latent",
        layer=most.layer + 1,
        rank=most.rank,
        width=most.width,
        latent_rank=most.latent_rank,
        state_rank=most.state_rank,
        rise=most.swap,
        is_needed=most.p_adjusted < SIGNIFICANT,
        state_token=most.state_token,
        latent_token=most.latent_token,
        state_place=most.state_place,
        latent_place=most.latent_place,
    )


def _experts(draft: Draft) -> str:
    verdicts = [row.verdict for row in draft.results.rows("token_experts", "kinds", ExpertKind)]
    if not verdicts:
        return ""
    counts = {name: verdicts.count(name) for name in ("needed", "spare")}
    return draft.text("experts", pairs=len(verdicts), **counts)
