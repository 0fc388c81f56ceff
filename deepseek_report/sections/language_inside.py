"""What the inside of a language model shows: its sentences and tables in the section."""

from __future__ import annotations

from collections.abc import Iterable

from deepseek_report.artifacts.estimate import finite
from deepseek_report.findings.records import Row, rows
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, Values
from deepseek_report.wording import estimates

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
        row | {code: draft.text(f"{code}.{row[code]}") for code in _CODES if row.get(code)}
        for row in rows(draft.results, metric, name)
    ]
    return draft.metric_table(metric, name, worded)


def _answers(draft: Draft) -> None:
    """What the heads that copy are needed for, at the head of the section."""
    if group := _copying(draft):
        draft.answer("copying", **group)


def _lens(draft: Draft) -> str:
    table = rows(draft.results, "lens", "layers")
    if not table:
        return ""
    first = {name: _first_most(table, name) for name in ("lens", "tuned", "token")}
    apart = next((row for row in table if _is_read_not_used(row)), None)
    return draft.text(
        "lens",
        **{name: None if row is None else _place(row, name) for name, row in first.items()},
        apart=None
        if apart is None
        else {
            "layer": int(apart["layer"]),
            "read": max(
                (estimates.of_row(apart, name, name) for name in ("lens", "tuned")),
                key=lambda share: share.value,
            ),
            "used": estimates.of_row(apart, "token", "token"),
        },
    )


def _first_most(table: list[Row], name: str) -> Row | None:
    """The first layer from which on it is surely most, in all layers that follow."""
    late = None
    for row in reversed(table):
        if not (finite(row[f"{name}_low"]) or 0.0) > _MOST:
            break
        late = row
    return late


def _place(row: Row, name: str) -> Values:
    return {"layer": int(row["layer"]), "share": estimates.of_row(row, name, name)}


def _is_read_not_used(row: Row) -> bool:
    """Whether surely most answers can be read there, and surely the smaller part is restored."""
    read = max(finite(row[f"{name}_low"]) or 0.0 for name in ("lens", "tuned"))
    used = finite(row["token_high"])
    return used is not None and read > _MOST > used


def _copying(draft: Draft) -> Values | None:
    """The heads that look at what followed the same token, where the answer needs them."""
    together = [
        row
        for row in rows(draft.results, "head_roles", "together")
        if row["pattern"] == "after_same" and row["p_adjusted"] < SIGNIFICANT
    ]
    if not together:
        return None
    heads = [
        row for row in rows(draft.results, "head_roles", "heads") if row["pattern"] == "after_same"
    ]
    measured = [row for row in heads if finite(row["swap"]) is not None]
    most = max(measured, key=lambda row: float(row["swap"]), default=None)
    rise = estimates.of_row(together[0], "swap", "swap")
    group: Values = {"heads": [_named(row) for row in heads], "rise": rise, "alone": None}
    if most is not None and len(heads) > 1:
        alone = estimates.of_row(most, "swap", "swap")
        is_less = alone.high is not None and rise.low is not None and alone.high < rise.low
        group |= {"alone": alone, "most": _named(most), "is_less": is_less}
    return group


def _named(row: Row) -> Values:
    return {"layer": int(row["layer"]) + 1, "number": int(row["number"])}


def _heads(draft: Draft) -> str:
    table = rows(draft.results, "head_roles", "heads")
    if not table:
        return ""
    counts = {
        pattern: sum(row["pattern"] == pattern for row in table)
        for pattern in ("previous", "same", "after_same")
    }
    return draft.text("heads", heads=len(table), **counts, copying=_copying(draft))


def _latent(draft: Draft) -> str:
    table = rows(draft.results, "latent", "layers")
    if not table:
        return ""
    most = max(table, key=lambda row: float(row["swap"]))
    shares = ("state_token", "latent_token", "state_place", "latent_place")
    return draft.text(
        "latent",
        layer=int(most["layer"]) + 1,
        rank=int(most["rank"]),
        width=int(most["width"]),
        latent_rank=finite(most["latent_rank"]),
        state_rank=finite(most["state_rank"]),
        rise=estimates.of_row(most, "swap", "swap"),
        is_needed=most["p_adjusted"] < SIGNIFICANT,
        **{name: estimates.of_row(most, name, name) for name in shares},
    )


def _experts(draft: Draft) -> str:
    table = rows(draft.results, "token_experts", "kinds")
    if not table:
        return ""
    return draft.text(
        "experts", pairs=len(table), needed=_count(table, "needed"), spare=_count(table, "spare")
    )


def _count(table: Iterable[Row], verdict: str) -> int:
    return sum(row["verdict"] == verdict for row in table)
