"""A document as a real run writes it: every block that the templates can make, and hostile text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.rendering.document import Document, write_qmd
from deepseek_report.rendering.page_words import ReportOptions
from tests.shared_runs import SmallRun, made_once
from tests.tiny_runs import TINY

INK, MUTED, GRID, BLUE, ORANGE = "#1f2430", "#596070", "#dfe2e8", "#0071b8", "#c24e00"
HOSTILE = (
    '<script>alert("x")</script> | {{< include /etc/passwd >}} $x$ @fig-1 `c` *b* [l](http://x)'
)


def bar_svg(labels: list[str], values: list[float]) -> str:
    """Horizontal bars with direct labels, in the palette's colours."""
    rows = []
    for at, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = 22 + 30 * at
        safe = label.replace("&", "&amp;").replace("<", "&lt;")
        rows.append(
            f'<text x="178" y="{y + 13}" text-anchor="end" fill="{INK}">{safe}</text>'
            f'<rect x="190" y="{y}" width="{value * 260:.1f}" height="18" fill="{BLUE}"/>'
            f'<text x="{198 + value * 260:.1f}" y="{y + 13}" fill="{MUTED}">{value:.2f}</text>'
        )
    height = 30 * len(labels) + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="518pt" height="{height}pt" '
        f'viewBox="0 0 518 {height}" font-family="DejaVu Sans, sans-serif" font-size="10">'
        f'<defs><clipPath id="c"><rect width="518" height="{height}"/></clipPath></defs>'
        f'<g clip-path="url(#c)"><path d="M190 14V{height - 14}" stroke="{GRID}" fill="none"/>'
        + "".join(rows)
        + "</g></svg>\n"
    )


def line_svg() -> str:
    points = " ".join(f"{60 + 4 * x},{300 - 270 * (x / 100) ** 0.4:.1f}" for x in range(101))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="518pt" height="340pt" '
        'viewBox="0 0 518 340" font-family="DejaVu Sans, sans-serif" font-size="10">'
        f'<path d="M60 300L460 30" stroke="{GRID}" stroke-dasharray="4 3" fill="none"/>'
        f'<polyline points="{points}" style="fill: none; stroke: {BLUE}; stroke-width: 1.8"/>'
        f'<text x="260" y="330" text-anchor="middle" fill="{MUTED}">False positive rate</text>'
        f'<text x="200" y="80" fill="{BLUE}">Model, 0.78</text>'
        f'<text x="330" y="180" fill="{ORANGE}">Logistic regression, 0.72</text></svg>\n'
    )


def twin() -> dict[str, object]:
    x = [round(0.01 * at, 4) for at in range(101)]
    y = [round((0.01 * at) ** 0.4, 4) for at in range(101)]
    line = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": BLUE}}
    return {"data": [line], "layout": {"xaxis": {"title": {"text": "False positive rate"}}}}


def scatter3d_twin() -> dict[str, object]:
    values = [round((at * 37 % 101) / 101, 4) for at in range(120)]
    data = {"type": "scatter3d", "mode": "markers", "x": values, "y": values[::-1]}
    marker = {"size": 3, "color": BLUE}
    return {"data": [{**data, "z": values[5:] + values[:5], "marker": marker}], "layout": {}}


FEATURES = [
    "Status in September",
    "Credit limit",
    "Bill of August",
    "Age",
    "<b>Marital & status</b>",
]


def pictures() -> list[Picture]:
    def made(name: str, svg: str, title: str, interactive: dict[str, object] | None) -> Picture:
        alt = f"{title}. Five bars; the longest is 0.83 and the shortest 0.11."
        return Picture(name, svg, title, alt, "A longer bar moves the output more.", interactive)

    values = [0.83, 0.41, 0.22, 0.15, 0.11]
    return [
        made(
            "roc_curve", line_svg(), "The model ranks defaults better than both baselines", twin()
        ),
        made(
            "global_importance",
            bar_svg(FEATURES, values),
            "Late payments decide; the credit limit matters half as much",
            {
                "data": [{"type": "bar", "orientation": "h", "x": values, "y": FEATURES}],
                "layout": {},
            },
        ),
        made("parameter_projection", line_svg(), "Three components hold 41 %", scatter3d_twin()),
        made("case_0", bar_svg(FEATURES, values[::-1]), "Why case 1 was refused", None),
    ]


THRESHOLDS = [
    {"number": "ROC AUC", "promised": "at least 0.75", "by": "Credit risk", "value": "0.778",
     "interval": "0.765–0.791", "verdict": "met"},
    {"number": "Impact ratio, sex", "promised": "at least 0.80", "by": "Compliance",
     "value": "0.98", "interval": "0.97–1.00", "verdict": "met"},
    {"number": "Expected calibration error", "promised": "at most 0.02", "by": "Credit risk",
     "value": "0.031", "interval": "0.024–0.039", "verdict": "not met"},
    {"number": "Deletion gain, SHAP", "promised": "at least 0", "by": "Validation",
     "value": "0.01", "interval": "−0.01 to 0.03", "verdict": "too uncertain to say"},
]  # fmt: skip

FINDINGS = [
    {"severity": "high", "claim": "Do not read the attention maps as reasons.",
     "detail": "Removing the features that attention ranks first changes the prediction no more "
     "than removing random ones (deletion 0.31 against 0.30 ± 0.02, n = 300).",
     "why": "Someone who quotes the map to a client gives a reason that the model did not use.",
     "do": "Quote SHAP values instead; they pass the same test.", "section": "explanations",
     "evidence": ["measures/deletion/attention_rollout", "measures/parameter_randomisation"]},
    {"severity": "medium", "claim": "The model is blind to one kind of client.",
     "detail": "Among clients with no bill for two months (7 % of the test part) it misses 61 % of "
     "the defaults (54–68), against 38 % elsewhere; 412 cases.", "do": "Decide these by hand.",
     "section": "bias", "evidence": ["measures/slices"]},
    {"severity": "info", "claim": "Women are approved about as often as men.",
     "detail": "88.5 % of 3 564 women (95 % interval 87.4–89.5) and 87.1 % of 2 436 men."},
]  # fmt: skip

GROUPS = [
    {"group": f"Group {at} <i>", "n": 5000 - 431 * at, "n__sort": 5000 - 431 * at,
     "rate": f"{88.5 - 1.7 * at:.1f} %", "interval": f"{87 - 1.7 * at:.1f}–{90 - 1.7 * at:.1f} %",
     "equal": f"{0.61 - 0.02 * at:.2f}", "error": 0.123 + 0.011 * at, "verdict": "clear above"}
    for at in range(9)
]  # fmt: skip

BODY = """
{{ section_header(section) }}
{% if section.name == "summary" %}
{{ facts([{"value": "30 000", "label": "clients", "note": "6 000 in the test part"},
  {"value": "0.78", "label": "ROC AUC", "note": "0.765–0.791"},
  {"value": "41 320", "label": "parameters"}, {"value": "38 s", "label": "time to run"}]) }}
## What was promised
{% set rows = [] %}
{{ table(values.thresholds, "thresholds", "Promises made in the config before the run",
  {"number": "Number", "promised": "Promised", "by": "Set by", "value": "Value",
   "interval": "95 % interval", "verdict": "Verdict"}, formats={"verdict": verdict}) }}
## What was found
{% for one in values.findings %}{{ finding(one) }}{% endfor %}
{% elif section.name == "explanations" %}
## What decides
As {{ ref("fig", "global_importance") }} and {{ ref("tbl", "groups") }} show;
{{ section_ref("bias") }} and {{ section_ref("absent") }} say more. The formula is $a_i = x_i g_i$.
{{ picture("global_importance") }}
{% call tabs("explainer") %}
{% call tab("SHAP") %}{{ picture("roc_curve") }}{% endcall %}
{% call tab("LIME") %}A second view, with {{ values.hostile }}.{% endcall %}
{% call tab("Random") %}The control.{% endcall %}
{% endcall %}
{% call details("Method, step by step") %}Features are replaced by the median.
{{ code_block(values.config, "yaml") }}{% endcall %}
{{ picture("parameter_projection") }}
{% for name in picture_names("case_") %}{{ picture(name) }}{% endfor %}
{% else %}
## By group {{ values.hostile }}
{{ table(values.groups, "groups", "How often each group is favoured, and " ~ values.hostile) }}
{{ table(values.many, "many", "A long table") }}
{% call callout("note", "A note: " ~ values.hostile) %}{{ values.hostile }}{% endcall %}
{% endif %}
{{ section_footer(section) }}
"""


def contents() -> list[SectionContent]:
    many = [{"row": at, "share": f"{at / 3:.1f} %", "hash": f"`{at:064x}"} for at in range(40)]
    config = "seed: 7\nmodel:\n  _target_: x  # {{< include /etc/passwd >}}\n```\nno fence\n"
    return [
        SectionContent(
            "summary", "Summary", "What was tested, and may it be relied on?",
            "Two of four promises were met; the probabilities are too high, and attention maps "
            "must not be read as reasons.", {"thresholds": THRESHOLDS, "findings": FINDINGS},
            actions=["Recalibrate before use.", "Have clients without a bill decided by hand."],
        ),
        SectionContent(
            "explanations", "Explanations", "Why does the model decide so?",
            "The status of the payment in September decides; the limit matters half as much.",
            {"hostile": HOSTILE, "config": config},
            caveats=["Bills of neighbouring months are correlated (0.95): they share credit."],
            incomplete=["LIME stopped: its local fit is 0.02 (n = 300)."],
        ),
        SectionContent(
            "bias", "Bias", f"Whom does it treat differently? {HOSTILE}", "Rates lie close.",
            {"groups": GROUPS, "many": many, "hostile": HOSTILE}, caveats=[HOSTILE],
        ),
    ]  # fmt: skip


def results_with(*shown: Picture) -> Results:
    """The results of a run that has nothing but these pictures."""
    results = Results({}, {}, run_id="r")
    vars(results)["pictures"] = {picture.name: picture for picture in shown}  # as if read
    return results


def document_of(
    folder: Path,
    sections: Sequence[SectionContent],
    bodies: Mapping[str, str],
    results: Results | None = None,
    options: ReportOptions = ReportOptions(),  # noqa: B008 - frozen
) -> Document:
    """The document of these sections in `folder`, by templates beside it: their bodies by name."""
    templates = folder.parent / "templates"
    (templates / "sections").mkdir(parents=True, exist_ok=True)
    for name, body in bodies.items():
        (templates / "sections" / f"{name}.qmd.j2").write_text(body, encoding="utf-8")
    return write_qmd(results or results_with(), list(sections), options, folder, (templates,))


class Elements(HTMLParser):
    """The names of all elements of a page, the pieces of its text, and the texts of its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.pieces: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if self._in_cell:
            self.cells[-1] += data


def write_sample(folder: Path, interactive: bool = True) -> Path:
    """The sample document in this folder."""
    options = ReportOptions(
        title="Default of credit-card clients",
        subtitle="A transformer over 23 features decides whom to warn of a default",
        author="Model validation",
        interactive=interactive,
    )
    bodies = dict.fromkeys(("summary", "explanations", "bias"), BODY)
    return document_of(folder, contents(), bodies, results_with(*pictures()), options).path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the sample's `report.qmd`."""
    return write_sample(tmp_path_factory.mktemp("sample") / "run")


@pytest.fixture(scope="session")
def page(sample: Path) -> SimpleNamespace:
    """The sample as HTML: its path and its text."""
    from deepseek_report.rendering.embedded import render_html

    path = render_html(sample)
    return SimpleNamespace(path=path, text=path.read_text(encoding="utf-8"))


#: What a report of a tiny run shows: a picture of each kind, and sections of all shapes.
_SHOWN = {"images": ("image", "image_heatmaps"), "texts": ("text", "text_highlights")}
_SECTIONS = "sections=[summary,cases,data,performance,explanations,trust,reproducibility]"


@pytest.fixture(scope="session")
def report_of(
    small_run: SmallRun, short_run: SmallRun, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Gives the run folder of a report of a kind, which no test changes."""
    from deepseek_report.runner.run_folders.writing import WriteOptions, write_report

    def folder(kind: str) -> Path:
        if kind == "default":
            return small_run.folder
        if kind == "chinese":
            copy = short_run.copied(tmp_path_factory.mktemp(kind) / "run")
            write_report(copy, WriteOptions(language="zh"))
            return copy
        name, picture = _SHOWN[kind]
        tiny = TINY[name]
        shown = (f"visualizations=[data_samples,case_contributions,{picture}]", _SECTIONS)
        metrics = f"metrics=[{','.join(tiny.metrics)}]"
        parts = ("frameworks=[]", "report.thresholds=[]", metrics, *tiny.overrides, *shown)
        return made_once(f"report-of-{kind}", small_run.store.parent, *parts).folder

    return functools.cache(folder)
