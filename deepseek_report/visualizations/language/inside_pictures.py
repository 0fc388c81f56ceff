"""The inside of a language model: lenses beside patching by layer, and heads by role and effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import NotApplicableError
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, measured
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES, colours, markers
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: What is read, and what is restored, in the order of the key.
_LINES = ("lens", "tuned", "token", "noise")


@dataclass(frozen=True)
class LensPicture(PicturePart):
    """Draws what can be read of the answer after each layer beside what its state restores."""

    reveals = "aggregate"
    section = "language"
    needs = frozenset({"measures/lens"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "lens", "layers")
        words = words_of(results)
        shown = [name for name in _LINES if table[name].notna().any()]
        row = table.iloc[int((table["tuned"] >= table["tuned"].max() / 2).to_numpy().argmax())]
        values = {
            "layer": int(row["layer"]),
            "layers": len(table) - 1,
            "tuned": _share(row, "tuned"),
            "token": _share(row, "token"),
        }
        by_layer = [
            caption("lens.alt_layer", layer=int(row["layer"]), **_shares(row))
            for _, row in table.iterrows()
        ]
        return [
            on_sheets(
                "lens",
                3.3,
                lambda sheet: _lines(sheet, table, shown, words),
                title=caption("lens.title" if "token" in shown else "lens.title_read", **values),
                alt=caption("lens.alt", layers=by_layer),
            )
        ]


def _share(row: pd.Series, name: str) -> Estimate:
    return measured(row, name, f"{name}_low", f"{name}_high")


def _shares(row: pd.Series) -> dict[str, Estimate | None]:
    shares = {name: _share(row, name) for name in ("lens", "tuned", "token")}
    return {name: share if share.is_defined else None for name, share in shares.items()}


def _lines(sheet: Sheet, table: pd.DataFrame, shown: list[str], words: Wording) -> None:
    axes = sheet.axes(0.75, 0.6, 0.2, 0.45)
    tone, shape = colours(list(_LINES)), markers(list(_LINES))
    step = 0.06 * max(len(table) / 8, 1)
    for place, name in enumerate(shown):
        at = table["layer"] + step * (place - (len(shown) - 1) / 2)
        axes.plot(at, table[name], color=tone[name])
        ends = (table[f"{name}_low"], table[f"{name}_high"])
        look = marks.MarkStyle(tone[name], shape[name], hollow=name in {"token", "noise"})
        marks.upright_intervals(axes, at, table[name], ends, look)
    for place, name in enumerate(shown):
        column, line = place % 2, place // 2
        offset = (column * 72 * sheet.width * 0.42, 18 - 11 * line)
        text = words.text(f"pictures.lens.{name}")
        marks.note(axes, text, (0, 1), offset, xycoords="axes fraction", color=tone[name])
    axes.set_ylim(-0.05, 1.08)
    marks.grid(axes, "y")
    marks.percent_ticks(axes, "y", words)
    marks.count_ticks(axes, "x", words, 8)
    axes.set_xlabel(words.text("pictures.lens.axis"))
    axes.set_ylabel(words.text("pictures.lens.share"))


@dataclass(frozen=True)
class HeadRolesPicture(PicturePart):
    """Draws what each head is needed for against its weight on what followed the same token."""

    reveals = "aggregate"
    section = "language"
    needs = frozenset({"measures/head_roles"})

    def draw(self, results: Results) -> Sequence[Picture]:
        table = required(results, "head_roles", "heads")
        table = table[table["swap"].notna() & table["after_same"].notna()]
        if table.empty:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        words = words_of(results)
        joint = _copying(results.table("head_roles", "together"))
        most = table.loc[table["swap"].idxmax()]
        return [
            on_sheets(
                "head_roles",
                3.4,
                lambda sheet: _heads(sheet, table, joint, words),
                title=caption(
                    "head_roles.title",
                    heads=int((table["pattern"] == "after_same").sum()),
                    rise=None if joint is None else _share(joint, "swap"),
                ),
                alt=caption(
                    "head_roles.alt",
                    of=len(table),
                    most=_share(most, "swap"),
                    layer=int(most["layer"]) + 1,
                    number=int(most["number"]),
                ),
            )
        ]


def _copying(together: pd.DataFrame | None) -> pd.Series | None:
    """The row of the heads that look at what followed the same token, where some do."""
    if together is None:
        return None
    rows = together[together["pattern"] == "after_same"]
    return None if rows.empty else rows.iloc[0]


def _heads(sheet: Sheet, table: pd.DataFrame, together: pd.Series | None, words: Wording) -> None:
    axes = sheet.axes(0.95, 0.6, 0.35, 0.2)
    axes.axhline(0, color=LIGHT.context, linewidth=1.2, linestyle=(0, (3, 2)))
    for has in (False, True):
        own = table[(table["pattern"] == "after_same") == has]
        look = marks.MarkStyle(SERIES[0], hollow=not has)
        ends = (own["swap_low"], own["swap_high"])
        marks.upright_intervals(axes, own["after_same"], own["swap"], ends, look)
    for row in table.nlargest(4, "swap").itertuples():
        text = f"{words.numbers.count(int(row.layer) + 1)}.{words.numbers.count(int(row.number))}"
        marks.note(axes, text, (finite(row.after_same), finite(row.swap)), (6, 2))
    having = table[table["pattern"] == "after_same"]
    if together is not None and len(having) > 1:
        at = float(having["after_same"].mean())
        joint = (together[f"swap{end}"] for end in ("", "_low", "_high"))
        rise, low, high = (np.array([float(value)]) for value in joint)
        look = marks.MarkStyle(SERIES[1], "D")
        marks.upright_intervals(axes, np.array([at]), rise, (low, high), look)
        text = words.text("pictures.head_roles.together", heads=len(having))
        marks.note(axes, text, (at, rise[0]), (-8, -3), ha="right", color=SERIES[1])
    axes.set_xlim(-0.03, 1.03)
    marks.grid(axes, "y")
    marks.percent_ticks(axes, "x", words)
    marks.value_ticks(axes, "y", words)
    axes.set_xlabel(words.text("pictures.head_roles.axis"))
    axes.set_ylabel(words.text("pictures.head_roles.rise"))
