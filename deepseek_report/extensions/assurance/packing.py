"""A run as one file: a zip of the same bytes for the same folder, and what changed since another.

`run/` in it is the run folder as it is. `changes.md` beside it says how the run differs from the
previous one: data, code, weights, scores, findings, rows, and decisions that became void.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.rounding import interval, number
from deepseek_report.artifacts.storage.plain_files import is_file, read_bytes, unpack, write_pack
from deepseek_report.compliance.decision import Decision, standings
from deepseek_report.compliance.decision_words import target_name
from deepseek_report.compliance.evaluate import ComplianceReport, evaluate_results
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.assurance.movement import moved_scores
from deepseek_report.findings.conclude import all_findings
from deepseek_report.rendering.markdown import escape
from deepseek_report.runner.run_folders.open_run import OpenRun, open_run, reading
from deepseek_report.runner.run_folders.sealing import written_day
from deepseek_report.store.run_folder import class_of, look_into
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

RUN_IN_PACK = "run"
CHANGES = "changes.md"
_MOST_SCORES, _SHOWN, _MOST_CHANGES = 60, 5, 2**26


def pack_run(folder: Path, target: Path, previous: Path | None = None) -> Path:
    """Write a run folder, whose results are those that the run wrote, into one zip.

    previous : the pack or the folder of the run that this one follows.

    Raises ArtifactError: a folder is no run, its results were changed, or what lies in it is none
    of a run's files.
    """
    with reading(folder):
        opened = open_run(folder)
    names = opened.contents.files
    members: dict[str, Path | bytes] = {
        f"{RUN_IN_PACK}/{name}": (opened.listed if name in opened.listed.hashes else folder) / name
        for name in names
        if class_of(name) is not None
    }
    if previous is not None:
        with opened_pack(previous) as before, reading(folder, before):
            members[CHANGES] = changes(open_run(before), opened).encode()
    write_pack(target, members)
    return target


@contextmanager
def opened_pack(path: Path) -> Iterator[Path]:
    """The run folder of a pack, unpacked into a temporary place; a run folder as it is.

    Raises ArtifactError: the file is no pack, or holds what no pack does.
    """
    if path.is_dir() or not path.exists():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="deepseek-report-") as place:
        unpack(path, Path(place))
        beside = [
            name
            for name in look_into(Path(place)).files
            if name != CHANGES and not name.startswith(f"{RUN_IN_PACK}/")
        ]
        if beside:
            raise ArtifactError(
                f"{path}: holds {', '.join(beside[:_SHOWN])}; a pack holds the folder "
                f"{RUN_IN_PACK}/ and {CHANGES} alone. Take it from its source again"
            )
        yield Path(place) / RUN_IN_PACK


def changes_problem(file: Path, opened: OpenRun, previous: Path) -> str:
    """Why `changes.md` beside a run is not what that and the previous one give; "" where it is."""
    with opened_pack(previous) as before, reading(before, opened.folder):
        made = changes(open_run(before), opened).encode()
    same = is_file(file) and read_bytes(file, _MOST_CHANGES) == made
    return "" if same else f"{CHANGES} is not what this run and {previous} give here"


# --- what changed ---------------------------------------------------------------------------------


def changes(before: OpenRun, after: OpenRun) -> str:
    """How a run differs from the previous one, as Markdown, in the language of the later.

    What was decided is judged by the days on which the documents of the runs were written.
    """
    before, after = (replace(run, day=written_day(run.folder)) for run in (before, after))
    differences = _Changes(before, after, words_of(after.results))
    return "\n".join(differences.lines()) + "\n"


@dataclass(frozen=True)
class _Changes:
    before: OpenRun
    after: OpenRun
    words: Wording

    def lines(self) -> Iterator[str]:
        runs = {"before": self.before.run.run_id, "after": self.after.run.run_id}
        yield f"# {escape(self._text('title', **runs))}"
        yield ""
        yield self._text("runs", before=self.before.run_digest, after=self.after.run_digest)
        parts = {
            "made_of": self._made_of(),
            "scores": self._scores(),
            "findings": self._findings(),
            "rows": self._rows(),
            "decisions": self._decisions(),
        }
        for name, lines in parts.items():
            yield from ("", f"## {self._text(f'heads.{name}')}", "")
            yield from list(lines) or [self._text("nothing")]

    def _text(self, key: str, /, **values: object) -> str:
        return self.words.text(f"changes.{key}", **values)

    def _made_of(self) -> Iterator[str]:
        """Data, weights, code, and versions of libraries."""
        old, new = (run.run.digests for run in (self.before, self.after))
        digests = {"before": old, "after": new}
        for name in ("data", "weights", "config", "code"):
            label = self.words.label("digest_subjects", name)
            shown = {key: str(d.get(name) or "–")[:12] for key, d in digests.items()}
            same = old.get(name) == new.get(name)
            yield f"- {self._text('same' if same else 'digest', name=label, **shown)}"
        for name, version in sorted(self.after.run.versions.items()):
            known = self.before.run.versions.get(name)
            if known != version:
                about = {"name": name, "before": known or "–", "after": version}
                yield f"- {escape(self._text('version', **about))}"

    def _scores(self) -> Iterator[str]:
        volatile = self.after.run.timed
        old, new = self.before.results, self.after.results
        ends = {moved.name: moved for moved in moved_scores(new, old, volatile)}
        moved = [each for each in moved_scores(old, new, volatile) if each.verdict != "same"]
        moved.sort(key=lambda each: -each.distance if each.distance == each.distance else 0.0)
        if not moved:
            return
        yield f"| {self._text('score')} | {self._text('before')} | {self._text('after')} |"
        yield "|---|---|---|"
        for each in moved[:_MOST_SCORES]:
            later = ends[each.name]
            cells = (
                escape(each.name),
                _estimate(each.before, each.low, each.high),
                _estimate(each.after, later.low, later.high),
            )
            yield f"| {' | '.join(cells)} |"
        if (more := len(moved) - _MOST_SCORES) > 0:
            yield from ("", self._text("more", n=more))

    def _findings(self) -> Iterator[str]:
        old, new = (
            {self._claim(finding) for finding in all_findings(run.results)}
            for run in (self.before, self.after)
        )
        yield from (f"- {self._text('gone', claim=claim)}" for claim in sorted(old - new))
        yield from (f"- {self._text('new', claim=claim)}" for claim in sorted(new - old))

    def _claim(self, finding: Finding) -> str:
        worded = self.words.finding(finding)
        return str(escape(f"{worded.severity_label}: {worded.claim}"))

    def _rows(self) -> Iterator[str]:
        old, new = _statuses(self.before), _statuses(self.after)
        for row in [*new, *(row for row in old if row not in new)]:
            if old.get(row) != new.get(row):
                about = {
                    "row": row,
                    "before": self._status(old, row),
                    "after": self._status(new, row),
                }
                yield f"- {escape(self._text('row', **about))}"

    def _status(self, statuses: Mapping[str, str], row: str) -> str:
        status = statuses.get(row)
        return self.words.text(f"statuses.{status}.label") if status else self._text("not_asked")

    def _decisions(self) -> Iterator[str]:
        """Decisions on the previous run that do not stand for this one, each with what changed."""
        old, new = (_evaluated(run) for run in (self.before, self.after))
        kept = {each.decision.id: each for each in new.decisions}
        taken = [each.decision for each in old.decisions]
        here = standings(taken, new.subjects, self.after.results.today, {})
        for then, now in zip(old.decisions, here, strict=True):
            decision = then.decision
            about = _about(decision, old, self.words)
            if then.standing == "stands" and now.standing == "void":
                yield f"- {escape(self._text('void', **about, why=list(now.why)))}"
            elif decision.id not in kept:
                yield f"- {escape(self._text('left_behind', **about))}"
        known = {decision.id for decision in taken}
        for each in new.decisions:
            if each.decision.id not in known:
                yield f"- {escape(self._text('decided', **_about(each.decision, new, self.words)))}"


def _about(decision: Decision, report: ComplianceReport, words: Wording) -> dict[str, object]:
    return {
        "name": decision.shown_name,
        "date": decision.date,
        "target": target_name(decision.target, report, words),
        "verdict": "revoked" if decision.revokes else decision.verdict,
    }


def _evaluated(run: OpenRun) -> ComplianceReport:
    return evaluate_results(run.results)


def _statuses(run: OpenRun) -> dict[str, str]:
    """{row: its status} of all frameworks of a run."""
    report = _evaluated(run)
    return {
        judgement.row.id: judgement.status
        for part in report.frameworks
        for judgement in part.judgements
    }


def _estimate(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    shown = number(value, low, high)
    return shown if low is None or high is None else f"{shown} ({interval(low, high)})"
