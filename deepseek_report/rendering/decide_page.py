"""`decide.html`: a page beside the report that asks for decisions in words, offline.

It is one file: a form that a script turns into the YAML that `render --people` takes. Nothing is
loaded and nothing is sent.
"""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import write_text
from deepseek_report.compliance.decision import ROLES, VERDICTS
from deepseek_report.compliance.people_form import Questions
from deepseek_report.compliance.statements import DECIDE, FORM
from deepseek_report.rendering import page_parts
from deepseek_report.rendering.embedded import script_hash
from deepseek_report.wording.words import Wording


def write_decide_page(questions: Questions, folder: Path) -> Path:
    """Write the page into a run folder; return its path."""
    path = folder / DECIDE
    write_text(path, decide_page(questions))
    return path


def decide_page(questions: Questions) -> str:
    """The page; every text of a person in it is escaped."""
    words, script = questions.words, page_parts.joined("yaml_file.js", "decide.js")
    return page_parts.template("decide.html").render(
        q=questions,
        words=_words(words),
        title=words.text("decisions.form.title", title=questions.title),
        subject=_subject(questions, words),
        language=questions.language,
        roles={role: words.label("decision_roles", role) for role in ROLES},
        verdicts={verdict: words.label("verdicts", verdict) for verdict in VERDICTS},
        needed=words.text("decisions.form.needed"),
        statements=words.text("decisions.form.statements"),
        style=page_parts.part("form.css"),
        script=script,
        script_hash=script_hash(script.encode()),
        command=f"deepseek-report render RUN --people {FORM}",
    )


def _words(words: Wording) -> dict[str, str]:
    """What stands on the page and what its script says; braces are filled by the script."""
    names = [name for name in words.table("decisions.page") if name != "subject"]
    return {name: words.text(f"decisions.page.{name}") for name in names}


def _subject(questions: Questions, words: Wording) -> str:
    """What is decided about, by the beginning of each digest."""
    subject = questions.subject
    shown = {name: value[:12] or "–" for name, value in vars(subject).items()}
    return words.text("decisions.page.subject", **shown)
