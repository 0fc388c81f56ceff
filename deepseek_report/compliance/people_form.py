"""What people are asked: the open decisions and statements of a run, each as a question in words.

`decisions.yaml` beside the report asks them in a file; `decide.html` (`rendering/embedded.py`) asks
the same on a page.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import write_text
from deepseek_report.compliance import decision
from deepseek_report.compliance.decision_words import decided, told_decision
from deepseek_report.compliance.evaluate import ComplianceReport, FrameworkReport
from deepseek_report.compliance.statements import DECIDE, FORM
from deepseek_report.compliance.status import DECIDED, Judgement
from deepseek_report.findings.records import promise_name
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Where the form is explained.
DOCS = "docs/decisions-of-people.md"
ADD = f"deepseek-report render RUN --people {FORM}"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_BOOLEAN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WIDTH = 110


@dataclass(frozen=True)
class OpenDecision:
    """A decision that is open.

    text : the question in words. evidence, findings : what to look at, in words. status : of the
    row, in words; empty for what has none. earlier : the decisions so far, each with its digest.
    digest : of the evidence, which the decision repeats. required : by the policy.
    """

    target: decision.DecisionTarget
    text: str
    evidence: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    status: str = ""
    who: str = ""
    earlier: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    required: bool = False


@dataclass(frozen=True)
class OpenAnswer:
    """A statement that only a person can make. by_whom : which rows ask, and whom."""

    field: str
    label: str
    by_whom: str


@dataclass(frozen=True)
class Questions:
    """All that a run asks of people. groups : {framework, or what is none: its questions}."""

    title: str
    subject: decision.DecisionSubject
    groups: dict[str, tuple[OpenDecision, ...]]
    answers: tuple[OpenAnswer, ...]
    words: Wording
    language: str


def ask(report: ComplianceReport, results: Results) -> Questions:
    """The open decisions and statements of a run."""
    words = words_of(results)
    required = {each.target for each in report.required if each.state != "given"}
    asking = _Asking(report, results, words, frozenset(required))
    groups = {words.text("decisions.form.others"): tuple(asking.about_the_model())}
    for part in report.frameworks:
        if questions := tuple(asking.about_rows(part)):
            groups[part.shown.short_name] = questions
    answers = []
    for field in report.form:
        if field.deciding and not field.filled:
            rows = words.text("decisions.form.asked", keys=list(field.rows))
            people = words.text("decisions.form.from", who=list(field.who))
            label = words.label("human_fields", field.name)
            answers.append(OpenAnswer(field.name, label, f"{rows}; {people}"))
    title = results.report.get("title") or results.run_id
    language = results.report.get("language") or "en"
    subject = report.subjects.subject
    return Questions(str(title), subject, groups, tuple(answers), words, str(language))


@dataclass(frozen=True)
class _Asking:
    """Puts what is open into questions."""

    report: ComplianceReport
    results: Results
    words: Wording
    required: frozenset[decision.DecisionTarget]

    def about_the_model(self) -> Iterator[OpenDecision]:
        """The whole model, the promises, and the critical findings."""
        yield self._question(
            decision.DecisionTarget("model", decision.WHOLE_MODEL), self._text("model")
        )
        promises, findings = decision.concluded(self.results)
        for promise in promises:
            metric = promise_name(self.results, promise)
            outcome = self.words.label("outcomes", promise.outcome)
            text = self._text("promise", metric=metric, outcome=outcome)
            yield self._question(
                decision.DecisionTarget("promise", decision.promise_key(promise)), text
            )
        for finding in findings:
            if finding.severity == "high":
                text = self._text("finding", claim=self.words.finding(finding).claim)
                yield self._question(decision.DecisionTarget("finding", finding.id), text)

    def about_rows(self, part: FrameworkReport) -> Iterator[OpenDecision]:
        """The rows of a framework that a decision would settle, that the policy names, or that
        somebody rejected.
        """
        for judgement in part.judgements:
            target = decision.DecisionTarget("row", judgement.row.id)
            if (
                judgement.awaits_decision
                or judgement.status == "rejected"
                or target in self.required
            ) and judgement.status != "out_of_scope":
                yield self._row(part, judgement, target)

    def _row(
        self, part: FrameworkReport, judgement: Judgement, target: decision.DecisionTarget
    ) -> OpenDecision:
        row, words = part.shown.row(judgement.row.id), self.words
        kinds = [*judgement.present, *judgement.supplied]
        about = {"title": row.title, "cite": row.cite, "asks": row.asks}
        status = (
            words.say(decided(judgement))
            if judgement.status in DECIDED
            else words.text(f"statuses.{judgement.status}.label")
        )
        findings = part.bearing.get(row.id, ())
        return replace(
            self._question(target, self._text("row" if kinds else "row_alone", **about)),
            evidence=tuple(words.say(self.report.evidence[kind].label) for kind in kinds),
            findings=tuple(words.finding(finding).claim for finding in findings),
            status=status,
            who=row.who,
        )

    def _text(self, kind: str, **values: str) -> str:
        return self.words.text(f"decisions.form.question.{kind}", **values)

    def _question(self, target: decision.DecisionTarget, text: str) -> OpenDecision:
        stood = decision.of_target(self.report.decisions, target)
        return OpenDecision(
            target,
            text,
            earlier=tuple((self.words.say(told_decision(s)), s.decision.id) for s in stood),
            digest=self.report.subjects.evidence.get(target, ""),
            required=target in self.required,
        )


def write_form(questions: Questions, folder: Path) -> Path:
    """Write `decisions.yaml` into a run folder; return its path."""
    path = folder / FORM
    write_text(path, "".join(f"{line}\n" for line in _lines(questions)))
    return path


def _lines(questions: Questions) -> Iterator[str]:
    words, subject = questions.words, questions.subject
    yield from _comment(words.text("decisions.form.head", command=ADD, page=DECIDE, docs=DOCS), "")
    yield from _comment(words.text("decisions.form.verdicts", verdicts=list(decision.VERDICTS)), "")
    yield f"subject: # {words.text('decisions.form.subject')}"
    for key in ("run", "data", "weights", "results"):
        yield f"  {key}: {json.dumps(getattr(subject, key))}"
    yield f"by: # {words.text('decisions.form.by', roles=list(decision.ROLES))}"
    yield from ("  name:", "  role:", "  date:", "", "decisions:")
    for group, open_questions in questions.groups.items():
        yield f"  # ---- {_one_line(group)}"
        for question in open_questions:
            yield from _question_lines(question, words)
    if questions.answers:
        yield from ("", f"statements: # {words.text('decisions.form.statements')}")
    for answer in questions.answers:
        text = _one_line(f"{answer.label}; {answer.by_whom}")
        yield f"  {_key(answer.field)}: {{text: }} # {text}"


def _question_lines(question: OpenDecision, words: Wording) -> Iterator[str]:
    needed = f" ({words.text('decisions.form.needed')})" if question.required else ""
    yield from _comment(question.text + needed)
    for name, parts in (("evidence", question.evidence), ("findings", question.findings)):
        if parts:
            yield from _comment(words.text(f"decisions.form.{name}", parts=list(parts)))
    if question.status:
        yield from _comment(words.text("decisions.form.status", status=question.status))
    for sentence, digest in question.earlier:
        yield from _comment(f"{sentence} [{digest}]")
    yield f"  - {question.target.kind}: {_key(question.target.key)}"
    if question.digest:
        yield f"    evidence: {json.dumps(question.digest)}"
    yield from ("    verdict:", "    reason:")


def _comment(text: str, indent: str = "  ") -> Iterator[str]:
    return (f"{indent}# {line}" for line in textwrap.wrap(_one_line(text), _WIDTH))


def _one_line(text: str) -> str:
    """A text that cannot end a comment: no line breaks of any kind, nothing that is not printed."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def _key(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _BOOLEAN
    return name if plain else json.dumps(name, ensure_ascii=True)
