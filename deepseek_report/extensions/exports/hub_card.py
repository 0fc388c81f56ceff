"""The model card: Markdown with the metadata and evaluation results that Hugging Face reads.

The metadata follow https://huggingface.co/docs/hub/model-cards, and `model-index` the layout that
`huggingface_hub` writes. Every sentence is one of the run's report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import yaml

from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.artifacts.score import Score
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.rendering.markdown import escape, inline_code, slug
from deepseek_report.sections.summary import first_page_of

#: {(kind of data, task): the task as the hub calls it}.
_TASKS: Mapping[tuple[str, str], str] = {
    ("table", "classification"): "tabular-classification",
    ("table", "regression"): "tabular-regression",
    ("text", "classification"): "text-classification",
    ("text", "multi_label"): "text-classification",
    ("image", "classification"): "image-classification",
    ("image", "multi_label"): "image-classification",
}
#: {our name of a score: that of the hub}, where they differ.
_METRICS = {"r2": "r_squared"}
#: Sections of the report whose answer and caveats the card repeats, by its own headings.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "data": ("data",),
    "evaluation": ("performance", "robustness", "behaviour"),
    "people": ("bias",),
    "explanations": ("trust",),
}


def write_card(run: ExportedRun) -> str:
    """The model card as Markdown; the same run gives the same bytes."""
    metadata = yaml.safe_dump(_metadata(run), sort_keys=False, allow_unicode=True, width=100)
    body = "\n".join(_Card(run).lines())
    return f"---\n{metadata}---\n\n{body}\n"


# --- what the hub reads ---------------------------------------------------------------------------


def _metadata(run: ExportedRun) -> dict[str, object]:
    task = _task(run)
    main = [score for score in run.scores if _is_of_all(score)]
    metadata: dict[str, object] = {"tags": [DISTRIBUTION]}
    if task in _TASKS.values():
        metadata |= {"pipeline_tag": task}
    if main:
        metadata |= {"metrics": list(dict.fromkeys(map(_metric_name, main)))}
    if main and run.results.has("data"):
        evaluated = [_evaluated(run, task, main)]
        metadata |= {"model-index": [{"name": run.name, "results": evaluated}]}
    return metadata


def _task(run: ExportedRun) -> str:
    """The task in the hub's words; where it has none, in ours."""
    if not run.results.has("data"):
        return ""
    schema = run.results.schema
    ours = (str(schema.modality), schema.target.task)
    return _TASKS.get(ours, "-".join(ours).replace("_", "-"))


def _evaluated(run: ExportedRun, task: str, scores: Iterable[Score]) -> dict[str, object]:
    """The scores of the whole test part, as one entry of `model-index`."""
    name = run.of_card("title") or run.of_card("name")
    data = {"name": name, "type": slug(run.of_card("name") or name), "split": "test"}
    revision = {"revision": sha256} if (sha256 := run.of_card("sha256")) else {}
    metrics = [
        {"type": _metric_name(s), "value": float(s.value), "name": _with_interval(run, s)}
        for s in scores
    ]
    return {
        "task": {"type": task, "name": one_line(run.words.name(run.results.schema.target.label))},
        "dataset": {**data, **revision},
        "metrics": metrics,
    }


def _is_of_all(score: Score) -> bool:
    """Whether a score is about the whole test part and how good the model is there."""
    about_parts = score.attribute or score.level or score.slice
    return score.category in ("performance", "calibration") and not about_parts


def _metric_name(score: Score) -> str:
    return _METRICS.get(score.metric, score.metric)


def _with_interval(run: ExportedRun, score: Score) -> str:
    """The name of a score, with its interval and on how many cases it rests."""
    low, high = score.low, score.high
    ends = run.words.numbers.interval(low, high, as_percent=score.unit == "share")
    label = run.words.label("metrics", score.metric)
    return one_line(run.text("card.metric", metric=label, ends=ends, n=score.n))


# --- what people read -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Card:
    run: ExportedRun

    def lines(self) -> Iterator[str]:
        run = self.run
        yield f"# {escape(run.name)}"
        verdict = " ".join(map(run.words.say, first_page_of(run.results).verdict))
        yield from self._paragraphs([verdict])
        yield from self._headed("model", self._told_in("model"))
        yield from self._headed("uses", [run.of_card("decision"), run.audience, *run.limits])
        yield from self._headed("data", [*run.of_data, *self._told_in("data")])
        yield from self._headed("evaluation", self._told_in("evaluation"))
        promised = [run.promised(promise) for promise in run.promises]
        yield from self._table("promises", "metric promised measured outcome", promised)
        yield from self._table("scores", "metric part value n", run.score_rows)
        yield from self._headed("people", self._told_in("people"))
        yield from self._headed("explanations", self._told_in("explanations"))
        yield from self._findings()
        yield from self._provenance()

    def _told_in(self, part: str) -> list[str]:
        """The answers and caveats of sections of the report, as far as it has them."""
        contents = (self.run.sections.get(name) for name in SECTIONS[part])
        return [
            text
            for content in contents
            if content is not None and not content.failure
            for text in (content.answer, *map(self.run.words.say, content.caveats))
        ]

    def _headed(self, part: str, paragraphs: Iterable[str]) -> Iterator[str]:
        """A heading with its paragraphs; nothing where there are none."""
        filled = list(self._paragraphs(paragraphs))
        if filled:
            yield from ("", f"## {self.run.text(f'card.heads.{part}')}", *filled)

    def _paragraphs(self, texts: Iterable[str]) -> Iterator[str]:
        for text in filter(None, map(one_line, texts)):
            yield from ("", escape(text))

    def _table(self, name: str, columns: str, rows: list[dict[str, str]]) -> Iterator[str]:
        """A table under a heading; nothing without rows. columns : their keys, with blanks."""
        if not rows:
            return
        keys = columns.split()
        yield from ("", f"### {self.run.text(f'card.heads.{name}')}", "")
        heads = [self.run.text(f"card.columns.{key}") for key in keys]
        yield f"| {' | '.join(heads)} |"
        yield f"|{'---|' * len(keys)}"
        for row in rows:
            yield f"| {' | '.join(escape(one_line(row[key])) for key in keys)} |"

    def _findings(self) -> Iterator[str]:
        """What the report found, gravest first, with its numbers, its limits, and what to do."""
        if not self.run.findings:
            return
        yield from ("", f"## {self.run.text('card.heads.findings')}", "")
        for _, worded in self.run.findings:
            head = f"{worded.severity_label}: {worded.claim}"
            rest = " ".join([worded.detail, *worded.limits, worded.do])
            yield f"- **{escape(one_line(head))}** {escape(one_line(rest))}"

    def _provenance(self) -> Iterator[str]:
        run = self.run
        yield from ("", f"## {run.text('card.heads.provenance')}", "")
        facts = {
            "run": run.results.run_id,
            "results": f"sha256:{run.run_digest}",
            **{name: run.digest(name) for name in ("weights", "data", "config")},
            "version": run.libraries.get(DISTRIBUTION, ""),
        }
        for name, value in facts.items():
            if value:
                yield f"- {run.text(f'card.facts.{name}')}: {inline_code(value)}"
