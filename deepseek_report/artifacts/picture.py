"""A drawn picture: static SVG for everywhere, an interactive twin where hovering helps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.estimate import restored
from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.path_names import check_name
from deepseek_report.artifacts.storage.plain_files import read_text, write_text
from deepseek_report.artifacts.svg_rules import check_svg

#: The fields that a person reads.
_TEXTS = ("title", "alt", "how_to_read")


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    svg : text of the static picture.
    title : states what the picture shows in this run ("Late payments decide; …").
    alt : what it shows, for a reader who cannot see it. how_to_read : one sentence. These three
    are messages, worded in the language of the report, or plain texts that stand as they are;
    words inside of the drawing and its twin are in the language that it was drawn in.
    interactive : a Plotly figure as plain JSON ({"data": …, "layout": …}), or None.
    section, shows : the section that shows it, and the ids of what it was drawn from; the runner
        writes here what the plug-in declares.
    narrow : the same picture laid out for a narrow page, or None where the wide one will do.
    """

    name: str
    svg: str
    title: Text
    alt: Text
    how_to_read: Text
    interactive: dict[str, Any] | None = None
    section: str = ""
    narrow: str | None = None
    shows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "picture")

    def declared(self, section: str, shows: Iterable[str]) -> Picture:
        """The picture with what the plug-in that drew it declares."""
        return replace(self, section=section, shows=tuple(sorted(shows)))

    def check(self) -> None:
        """Raise ArtifactError if a drawing does more than draw, as a stranger's may."""
        for svg in (self.svg, self.narrow):
            if svg is not None:
                check_svg(svg, self.name)

    def save(self, folder: Path) -> None:
        self.check()
        write_text(folder / f"{self.name}.svg", self.svg)
        if self.narrow is not None:
            write_text(folder / "narrow" / f"{self.name}.svg", self.narrow)
        fields = {k: plain(v) for k, v in vars(self).items() if k not in {"svg", "narrow"}}
        save_json(folder / f"{self.name}.json", fields)

    @classmethod
    def load(cls, folder: Path, name: str) -> Picture:
        svg = read_text(folder / f"{name}.svg")
        small = folder / "narrow" / f"{name}.svg"
        narrow = read_text(small) if small.exists() else None
        fields = load_json(folder / f"{name}.json")
        stored = {key: fields.pop(key) for key in _TEXTS if key in fields}
        texts: dict[str, Any] = {key: text_of(restored(value)) for key, value in stored.items()}
        shows = tuple(fields.pop("shows", ()))
        return cls(svg=svg, narrow=narrow, shows=shows, **texts, **fields)
