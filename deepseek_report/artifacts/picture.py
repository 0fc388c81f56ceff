"""A drawn picture: static SVG for everywhere, an interactive twin where hovering helps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json, save_json


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    svg : text of the static picture.
    title : states what the picture shows in this run ("Late payments decide; …").
    alt : what it shows, for a reader who cannot see it. how_to_read : one sentence.
    interactive : a Plotly figure as plain JSON ({"data": …, "layout": …}), or None.
    section : the section that shows it; the runner writes here what the plug-in declares.
    """

    name: str
    svg: str
    title: str
    alt: str
    how_to_read: str
    interactive: dict[str, Any] | None = None
    section: str = ""

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.svg").write_text(self.svg, encoding="utf-8", newline="\n")
        save_json(folder / f"{self.name}.json", {k: v for k, v in vars(self).items() if k != "svg"})

    @classmethod
    def load(cls, folder: Path, name: str) -> Picture:
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        return cls(svg=svg, **load_json(folder / f"{name}.json"))
