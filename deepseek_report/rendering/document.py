"""Writes the one source of the report: `report.qmd`, with its pictures and tables beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from jinja2 import (
    BytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    Undefined,
    nodes,
)
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.artifacts.storage.local_paths import shipped, without_local_paths
from deepseek_report.extension import installed
from deepseek_report.rendering import markdown, page_parts
from deepseek_report.rendering.markdown import (
    LINK,
    REFERENCE,
    FiledTable,
    Heads,
    Markdown,
    RowsOfTable,
)
from deepseek_report.rendering.notes import Note, read_notes
from deepseek_report.rendering.page_words import (
    BRIEF,
    ReportOptions,
    TemplateTexts,
    head_of_document,
    labels,
)
from deepseek_report.rendering.typeset import FONTS, STYLESHEET, chinese_font
from deepseek_report.rendering.word_parts import reference_document
from deepseek_report.sections.shared.tables import ShownTable, measured_table
from deepseek_report.wording.compiled_texts import Compiled
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import WordedFinding, Wording, wording

_REFERENCE = re.compile(f"{REFERENCE[0]}([a-z0-9-]+){REFERENCE[1]}")
_DEFINED = re.compile(r"\{#((?:fig|tbl|sec|nte|tip|wrn|imp|cau|finding)-[A-Za-z0-9-]+)")
_LINK = re.compile(f"{LINK[0]}([a-z0-9-]+) ([a-z0-9-]+){LINK[1]}(.*?){LINK[2]}", re.DOTALL)
#: What Quarto writes paper by, as the embedded engine does; the head of the document names it.
_OF_PAPER = {"quarto/filter.lua": "html/filter.lua", "quarto/report.typ": "typst/report.typ"}
_STYLES = "quarto/reference.docx"
#: Rows of a table of a section that the report itself shows, in the open and inside of a fold;
#: the others stand in a file beside it, unless they are too few to be worth one.
_MOST_SHOWN, _MOST_FOLDED, _NOT_WORTH_A_FILE = 12, 6, 2
_BLANKS = re.compile(r"\n(?:[ \t]*\n){2,}")
#: Where pictures lie in their layout for a narrow page.
_NARROW = "figures/narrow"


@dataclass(frozen=True)
class Document:
    """Where a document was written. failures : {`sections/<name>`: why its template failed}."""

    path: Path
    failures: Mapping[str, str]


def write_qmd(
    results: Results,
    contents: Sequence[SectionContent],
    options: ReportOptions,
    folder: Path,
    templates: Sequence[Path] = (),
    run_digest: str = "",
) -> Document:
    """Write `report.qmd`, `figures/` and `tables/` to the run folder.

    Templates are looked for in `templates` first, then in those that come with the package. A
    section whose template fails stays in the report with the reason. What a person wrote in
    `notes/<section>.qmd` stands at the end of that section.

    run_digest : SHA-256 of the results, which the head of the document names beside the run.

    Raises
    ------
    RenderError : a note cannot be read or belongs to no section; nothing was written then.
    """
    notes = read_notes(folder, [content.name for content in contents])
    writer = _DocumentWriter(results, contents, options, folder, templates, run_digest, notes)
    for name in ("figures", "tables"):  # of an earlier document
        plain_files.empty_folder(folder / name)
    plain_files.write_text(folder / STYLESHEET, quarto_stylesheet())
    for name, source in _OF_PAPER.items():
        plain_files.copy_file(shipped("templates") / source, folder / name)
    if options.language.startswith(("zh", "ja")):
        plain_files.copy_file(chinese_font(), folder / FONTS / chinese_font().name)
    path, text = folder / "report.qmd", writer.document()
    plain_files.write_text(path, text)
    plain_files.write_bytes(folder / _STYLES, reference_document(head_of_document(text)))
    return Document(path, writer.failures)


def write_brief(
    results: Results, first: SectionContent, options: ReportOptions, folder: Path, run_digest: str
) -> Path:
    """Write `brief.qmd` beside the report: its first page on paper, with a place to sign.

    first : the content of the section `summary`, from which the report's first screen is made.
    run_digest : SHA-256 of the results, by which a reader tells that the brief belongs to them.
    """
    writer = _DocumentWriter(results, [], options, folder, (), run_digest)
    path = folder / BRIEF
    plain_files.write_text(path, writer.brief(first))
    return path


@dataclass
class _DocumentWriter:
    """Holds what the templates' functions share while one document is written."""

    results: Results
    contents: Sequence[SectionContent]
    options: ReportOptions
    folder: Path
    templates: Sequence[Path]
    run_digest: str
    notes: Mapping[str, Note] = field(default_factory=dict)
    words: Wording = field(init=False)
    environment: Environment = field(init=False)
    used: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    section: str = ""
    explained: set[tuple[str, str]] = field(default_factory=set)
    measured: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.words = words_of(self.results, self.options.language)
        # the title of an experiment that ships is named in every language
        self.options = replace(self.options, title=self.words.name(self.options.title))
        brought = [each.folder / "templates" for each in installed()]
        folders = [*self.templates, shipped("templates"), *brought]
        self.environment = build_environment(folders, self.words)
        self.environment.globals.update(
            picture=self.picture,
            picture_file=self.picture_file,
            picture_names=self.picture_names,
            further_pictures=self.further_pictures,
            table=self.table,
            placed=self.placed,
            filed=self.filed,
            file_link=markdown.file_link,
            case_browser=partial(self._scripted, "case-browser"),
            threshold_slider=partial(self._scripted, "threshold-slider"),
            continuation=partial(self._scripted, "continuation"),
            measured=self.measured_table,
            further_tables=self.further_tables,
            ref=markdown.reference,
            anchor=markdown.anchor,
            opening=markdown.opening,
            section_ref=_section_ref,
            finding_link=self.finding_link,
            small_picture=self.small_picture,
            code=markdown.inline_code,
            code_block=markdown.code_block,
            options=self.options,
            run_id=self.results.run_id,
        )
        self.environment.filters["section_ref"] = _section_ref
        module = self.environment.get_template("_macros.qmd.j2").module
        macros = {name: macro for name, macro in vars(module).items() if not name.startswith("_")}
        self.environment.globals.update(macros)

    def _macro(self, name: str, *values: object, **named: object) -> Markdown:
        """What a macro of `_macros.qmd.j2` makes of these values."""
        macro: Any = self.environment.globals[name]
        return Markdown(macro(*values, **named))

    def document(self) -> str:
        bodies = [self._section(content) + self._note(content.name) for content in self.contents]
        front = Markdown(front_matter(self.options, self._origin()))
        return self._finished(self._render("report.qmd.j2", bodies=bodies, front_matter=front))

    def _origin(self) -> dict[str, object]:
        """What tells a printed report apart: the day of its run, its id, and its digest."""
        day, run = self.results.printed_day, self.results.run_id
        head: dict[str, object] = {"date": day} if day else {}
        if run and self.run_digest:
            names = {"id": run, "digest": f"sha256:{self.run_digest}"}
            subject = markdown.escape(self._text("subject", **names))
            head |= {"description": subject, "keywords": ["deepseek-report", *names.values()]}
        return head

    def brief(self, first: SectionContent) -> str:
        front = Markdown(front_matter(self.options, self._origin()))
        digest = f"sha256:{self.run_digest}"
        about = {"section": first, "values": first.values}
        return self._finished(
            self._render("brief.qmd.j2", **about, front_matter=front, digest=digest)
        )

    def _finished(self, text: str) -> str:
        resolved = self.words.closed_up(_resolve(text, self._text))
        return _BLANKS.sub("\n\n", resolved).rstrip() + "\n"

    def _section(self, content: SectionContent) -> Markdown:
        """A section as its template has it, with the cards of its findings that are not there."""
        body = self._body(content)
        return body + self._further_findings(content, body)

    def _body(self, content: SectionContent) -> Markdown:
        self.section = content.name
        if content.incomplete and not content.values:  # its content could not be computed
            return self._by_template("_generic", content)
        before = (set(self.used), set(self.measured), set(self.explained))
        try:
            body = self._by_template(content.name, content)
            # Where its template has no footer:
            return body + self.further_pictures(content.name) + self.further_tables(content.name)
        except TemplateNotFound as error:
            if error.name != f"sections/{content.name}.qmd.j2":  # a part of that template
                return self._failed(content, error, before)
            return self._by_template("_generic", content)
        except OSError:
            raise  # the folder cannot be written, which is no fault of this section
        except Exception as error:  # a broken section must not take the others with it
            return self._failed(content, error, before)

    def _by_template(self, name: str, content: SectionContent) -> Markdown:
        text = self._render(f"sections/{name}.qmd.j2", section=content, values=content.values)
        return Markdown(text)

    def _further_findings(self, content: SectionContent, body: str) -> Markup:
        """The findings of a section that its template does not show."""
        left = [
            self._macro("finding", finding)
            for finding in content.values.get("findings", ())
            if isinstance(finding, WordedFinding) and f"{{#{_card_of(finding)}" not in body
        ]
        return self._under("further_findings", left)

    def _note(self, section: str) -> Markdown:
        """What a person wrote beside this section."""
        note = self.notes.get(section)
        return self._macro("persons_note", note) if note else Markdown("")

    def _failed(
        self,
        content: SectionContent,
        error: Exception,
        before: tuple[set[str], set[tuple[str, str]], set[tuple[str, str]]],
    ) -> Markdown:
        """A section whose template failed, with the reason; what it had placed is lost."""
        self.used, self.measured, self.explained = before
        cause = without_local_paths(f"{type(error).__name__}: {error}")
        reason = self._text("template_failed", reason=cause)
        self.failures[ArtifactId.of("sections", content.name)] = reason
        about = (content.name, content.title, content.question, content.answer)
        return self._by_template("_generic", SectionContent(*about, incomplete=[reason]))

    def _render(self, name: str, **values: object) -> str:
        return self.environment.get_template(name).render(values)

    def _text(self, name: str, /, **values: object) -> str:
        """What the document itself says, from the catalog's `templates.document`."""
        return TemplateTexts(self.words).text(f"templates.document.{name}", **values)

    # --- functions of the templates ---

    def picture_names(self, prefix: str = "") -> list[str]:
        """Names of the pictures that begin so, in order."""
        return [name for name in self.results.pictures if name.startswith(prefix)]

    def further_pictures(self, section: str) -> Markup:
        """The pictures of a section that stand nowhere yet, under a heading of their own."""
        mine = [
            name for name, picture in self.results.pictures.items() if picture.section == section
        ]
        left = [self.picture(name) for name in mine if f"fig-{name}" not in self.used]
        return self._under("further_pictures", left)

    def _under(self, heading: str, blocks: Sequence[Markup]) -> Markup:
        """The blocks under a heading; nothing where there are none."""
        if not blocks:
            return Markdown("")
        title = markdown.escape(self._text(heading))
        return Markdown(f"\n\n## {title}\n\n") + Markdown("").join(blocks)

    def picture(self, name: str, *, numbered: bool = True) -> Markup:
        """A figure: caption, static picture, alternative text, how to read it, interactive twin.

        A picture that failed gives a box with the reason; one that was not asked for, nothing.

        numbered : not where only some formats show it, so that all call a figure by one number.
        """
        picture = self.results.pictures.get(name)
        if picture is None:
            return self._absent(name)
        if f"fig-{name}" in self.used:
            shown = self._text("see", reference=markdown.reference("fig", name))
            return Markdown(shown + Markdown("\n\n"))
        self.used.add(f"fig-{name}")
        self._write_picture(picture)
        how = self._how_to_read(picture)
        twin = self._has_twin(picture)
        return Markdown(_figure(picture, self.words, how, twin=twin, numbered=numbered))

    def _how_to_read(self, picture: Picture) -> str:
        """How a picture is read, where none of its section that is read so came before."""
        how = markdown.escape(self.words.say(picture.how_to_read))
        if not how or (self.section, how) in self.explained:
            return ""
        self.explained.add((self.section, how))
        lead = markdown.escape(self._text("how_to_read"))
        return f"::: {{.how-to-read}}\n[{lead}]{{.lead-in}} {how}\n:::"

    def picture_file(self, name: str) -> Markup:
        """What a picture says, with a link to it; the picture is a file of the run folder."""
        picture = self.results.pictures.get(name)
        if picture is None:
            return self._absent(name)
        self.used.add(f"fig-{name}")
        self._write_picture(picture)
        link = markdown.file_link(f"figures/{markdown.slug(name)}.svg")
        named = self._text("picture_filed", title=self.words.say(picture.title), page=link)
        return Markdown(f"\n\n{named}\n\n")

    def small_picture(self, name: str) -> Markup:
        """A picture without number and note, beside its full form elsewhere; nothing without it.

        In its layout for a narrow page, if it has one: it has a part of the page.
        """
        picture = self.results.pictures.get(name)
        if picture is None:
            return Markdown("")
        self._write_picture(picture)
        folder = "figures" if picture.narrow is None else _NARROW
        return Markdown(_unnumbered(picture, self.words, folder, ".small-picture "))

    def finding_link(self, finding: WordedFinding, text: str) -> Markup:
        """The text as a link to the card of a finding, or to its section where it has no card."""
        section = f"sec-{markdown.slug(finding.section)}"
        written = markdown.one_line(text)
        return Markdown(f"{LINK[0]}{_card_of(finding)} {section}{LINK[1]}{written}{LINK[2]}")

    def _absent(self, name: str) -> Markup:
        reasons = [
            self._text("not_drawn", name=name, reason=reason)
            for failed, reason in self.results.failures.items()
            if failed == ArtifactId.picture(name)
        ]
        return self._macro("incomplete", reasons)

    def _has_twin(self, picture: Picture) -> bool:
        return self.options.interactive and picture.interactive is not None

    def _write_picture(self, picture: Picture) -> None:
        picture.check()
        name = markdown.slug(picture.name)
        plain_files.write_text(self.folder / "figures" / f"{name}.svg", picture.svg)
        if picture.narrow is not None:
            plain_files.write_text(self.folder / _NARROW / f"{name}.svg", picture.narrow)
        if self._has_twin(picture):
            twin = dump_json(picture.interactive)
            plain_files.write_text(self.folder / "figures" / f"{name}.json", twin)

    def table(
        self,
        rows: RowsOfTable,
        id: str,  # noqa: A002 - the word that templates use
        caption: str = "",
        columns: Heads = None,
        formats: Mapping[str, Callable[[object], object]] = MappingProxyType({}),
        csv: bool = True,
        most: int | None = None,
    ) -> Markup:
        """A sortable table with a CSV beside it.

        rows : a data frame or mappings. columns : {key: heading}, keys, or None for all. A row may
        hold `<key>__sort`, by which the column is ordered instead of its text. formats : {key:
        macro that writes the cells of this column}, such as `{"verdict": verdict}`. most : rows
        that the report itself shows; where there are more, all of them stand in a page and a CSV
        beside it, and a line below the table names the page.
        """
        whole = self._whole(id, caption, markdown.as_rows(rows), columns)
        return self._table(whole, caption, formats, csv, most)

    def _table(
        self,
        whole: FiledTable,
        caption: str,
        formats: Mapping[str, Callable[[object], object]],
        csv: bool,
        most: int | None,
        aside: Collection[str] = (),
    ) -> Markdown:
        if not whole:
            return Markdown(f"\n\n*{markdown.escape(self._text('no_rows'))}*\n\n")
        text, rows, more = markdown.caption(caption), whole.rows, ""
        if most is not None and len(rows) > most + _NOT_WORTH_A_FILE:
            rows, more = rows[:most], self._rest(whole, most)
        elif csv:
            whole.write_csv(self.folder)
            link = markdown.escape(self._text("csv"))
            text = Markdown(f"{text} [{link}]({whole.csv}){{.csv}}".strip())
        rows = [{**row, **{k: f(row[k]) for k, f in formats.items() if k in row}} for row in rows]
        visible = [column for column in whole.columns if column.key not in aside]
        body = markdown.pipe_table(rows, visible, self.words)
        identity = f"{{#tbl-{whole.name}}}"
        return Markdown(f"\n\n{body}\n\n: {markdown.one_line(text)} {identity}\n\n{more}")

    def filed(
        self,
        rows: RowsOfTable,
        id: str,  # noqa: A002 - the word that templates use
        caption: str,
        columns: Heads = None,
    ) -> Markup:
        """What a table says and how long it is, with a link to it; the table is a file."""
        whole = self._whole(id, caption, markdown.as_rows(rows), columns)
        if not whole:
            return Markdown("")
        links = self._write_file(whole)
        return Markdown(self._text("filed", caption=caption, rows=len(whole.rows), **links))

    def _whole(
        self, name: str, caption: str, shown: Iterable[Mapping[str, Any]], heads: Heads
    ) -> FiledTable:
        """All of a table in the language of the report, under a name that no other has."""
        say = TemplateTexts(self.words).say
        rows = [{key: say(cell) for key, cell in row.items()} for row in shown]
        columns = markdown.choose_columns(rows, heads, self.words)
        return FiledTable(self._unused(markdown.slug(name)), markdown.plain(caption), rows, columns)

    def _rest(self, whole: FiledTable, shown: int) -> str:
        """Where the rows are that the report does not show."""
        links = self._write_file(whole)
        line = self._text("rest", shown=shown, rows=len(whole.rows), **links)
        return f"::: {{.rest}}\n{line}\n:::\n\n"

    def _write_file(self, whole: FiledTable) -> dict[str, Markdown]:
        whole.write_csv(self.folder)
        whole.write_page(self.folder, self.words, self.options.language)
        return {
            "page": markdown.file_link(whole.page),
            "csv": Markdown(f"[{markdown.escape(self._text('csv'))}]({whole.csv}){{.file}}"),
        }

    def placed(self, shown: ShownTable, most: int | None = None) -> Markup:
        """A table with its own words, inside a fold where it says so; nothing without rows.

        most : rows that the report itself shows; fewer where it is folded, unless given.
        """
        if not shown:
            return Markdown("")
        most = most or (_MOST_FOLDED if shown.folded else _MOST_SHOWN)
        whole = self._whole(shown.id, shown.caption, shown.rows, shown.columns)
        body = self._table(whole, shown.caption, {}, True, most, shown.aside)
        body = Markdown.escape(shown.before) + body
        if not shown.folded:
            return body
        return self._macro("details", shown.heading, caller=lambda: body)

    def _scripted(self, place: str, data: Mapping[str, object] | None) -> Markup:
        """A place that the page's script fills; its data lie beside the document.

        Without scripts, in print and in other formats nothing stands there; nor without data.
        """
        if not data:
            return Markdown("")
        name = page_parts.SCRIPTED[place]
        plain_files.write_text(self.folder / "tables" / f"{name}.json", dump_json(data))
        return Markdown(f"\n\n::: {{.{place}}}\n:::\n\n")

    def measured_table(
        self,
        metric: str,
        name: str = "",
        *,
        fold: bool = True,
        most: int | None = None,
        filed: bool = False,
    ) -> Markup:
        """A table of a metric, in its own words; `name` is that of the metric if left out.

        fold : False where it stands inside of a fold already. most : see `placed`. filed : True
        where a picture shows what it holds, so that the report links to it alone.
        """
        key = (metric, name or metric)
        self.measured.add(key)
        shown = measured_table(self.results, self.section, *key)
        if filed:
            return self.filed(shown.rows, shown.id, shown.caption, shown.columns)
        return self.placed(shown if fold else replace(shown, folded=False), most)

    def further_tables(self, section: str) -> Markup:
        """The tables that name this section and stand nowhere yet, under a heading of their own."""
        keys = [key for key in self.results.tables_of(section) if key not in self.measured]
        left = [table for key in keys if (table := self.measured_table(*key))]
        return self._under("further_tables", left)

    def _unused(self, name: str) -> str:
        numbered = chain([name], (f"{name}-{number}" for number in count(2)))
        chosen = next(free for free in numbered if f"tbl-{free}" not in self.used)
        self.used.add(f"tbl-{chosen}")
        return chosen


def _section_ref(name: str) -> Markdown:
    """A reference to a section, or its name where the report does not have it."""
    return markdown.reference("sec", name)


def _card_of(finding: WordedFinding) -> str:
    """The identifier of the card of a finding."""
    return f"finding-{markdown.slug(finding.id)}"


def _image(picture: Picture, words: Wording, folder: str, caption: str, number: str = "") -> str:
    """The picture of a folder; number : `#fig-…` and a blank, where it is a numbered figure."""
    alt = markdown.plain_braces(words.say(picture.alt))
    return f'![{caption}]({folder}/{markdown.slug(picture.name)}.svg){{{number}fig-alt="{alt}"}}'


def _unnumbered(picture: Picture, words: Wording, folder: str, classes: str = "") -> str:
    """The picture below its caption: as a figure of its own, Quarto would count it on paper."""
    caption, image = markdown.escape(words.say(picture.title)), _image(picture, words, folder, "")
    return f"\n\n::: {{{classes}.unnumbered-picture}}\n{caption}\n\n{image}\n:::\n\n"


def _figure(
    picture: Picture, words: Wording, how_to_read: str, *, twin: bool, numbered: bool
) -> str:
    name, parts = markdown.slug(picture.name), [_unnumbered(picture, words, "figures").strip()]
    if numbered:
        title = markdown.plain_braces(words.say(picture.title))
        parts = [_image(picture, words, "figures", title, f"#fig-{name} ")]
    if how_to_read:
        parts.append(how_to_read)
    if twin:
        parts.append(
            '::: {.content-visible when-format="html"}\n```{=html}\n'
            f'<div class="twin" data-twin="{name}"></div>\n```\n:::'
        )
    return "\n\n" + "\n\n".join(parts) + "\n\n"


def _resolve(text: str, say: Callable[..., str]) -> str:
    """References and links to what the document defines.

    A reference to what it does not define names it as absent; of such a link the text stays.
    """
    defined = set(_DEFINED.findall(text))

    def written(match: re.Match[str]) -> str:
        target = match[1]
        if target in defined:
            # a letter of any script beside it would be read as part of a word
            before = match.string[match.start() - 1 : match.start()]
            follows = match.string[match.end() : match.end() + 1]
            apart = "[]{}" if before.isalnum() else ""
            return f"{apart}@{target}" + (" " if follows.isalnum() else "")
        return str(Markdown.escape(say("not_shown", name=target.partition("-")[2])))

    def linked(match: re.Match[str]) -> str:
        target = next((name for name in match.groups()[:2] if name in defined), None)
        return f"[{match[3]}](#{target})" if target else match[3]

    return _LINK.sub(linked, _REFERENCE.sub(written, text))


def front_matter(
    options: ReportOptions, origin: Mapping[str, object] = MappingProxyType({})
) -> str:
    """The head of a document, in YAML, to which its template adds what is the same in all.

    Titles are Markdown there, so they are escaped.

    origin : further keys that name the run: `date`, `description`, `keywords`.
    """
    words = wording(options.language)
    kinds = words.table("page.callouts").items()
    named = {"title": options.title, "subtitle": options.subtitle, "author": options.author}
    head = {
        **{key: markdown.escape(text) for key, text in named.items() if text or key == "title"},
        **origin,
        "lang": options.language,
        "papersize": options.paper,
        **labels(words),
        # Quarto reads it out before the title of a callout, with nothing between
        "language": {f"callout-{kind}-title": f"{called} " for kind, called in kinds},
    }
    text: str = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=10_000)
    return text.rstrip()


def quarto_stylesheet() -> str:
    """The blocks of a report on Quarto's page: those of the embedded page, and a wide table."""
    return page_parts.part("quarto.css") + page_parts.blocks()


# The Jinja environment in which every value is escaped as Markdown unless it is Markdown.

#: Filters that would escape as HTML, which protects nothing in Markdown.
_HTML_FILTERS = ("xmlattr", "urlize", "wordwrap", "striptags", "tojson", "format", "pprint")


class _Generator(CodeGenerator):
    """Compiles `a ~ b` so that the parts are escaped as Markdown."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.concat_markdown((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Kept(BytecodeCache):
    """Templates that were compiled before, for a report in the same language."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.compiled.get((bucket.key, bucket.checksum, _compiler()))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.compiled[bucket.key, bucket.checksum, _compiler()] = bucket.code


@cache
def _compiler() -> str:
    """What compiles templates: another version of this module does it in another way."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


class Environment(ImmutableSandboxedEnvironment):
    """Templates cannot reach beyond their values, and values cannot become markup."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> object:
        if isinstance(left, Markup) or isinstance(right, Markup):
            left, right = Markdown.escape(left), Markdown.escape(right)
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def concat_markdown(parts: Iterable[object]) -> str:
        """What `~` gives: plain while all parts are plain, else Markdown."""
        parts = list(parts)
        if any(isinstance(part, Markup) for part in parts):
            return Markdown("".join(Markdown.escape(part) for part in parts))
        return "".join(str(part) for part in parts)


def _finalize(value: object) -> object:
    if value is None:
        return Markdown("")
    if isinstance(value, (Markup, Undefined)):
        return value
    return Markdown.escape(value)


def _join(value: Iterable[object], between: str = "") -> str:
    parts = list(value)
    glue = [piece for part in parts for piece in (between, part)][1:]
    return Environment.concat_markdown(glue)


def _replace(value: str, old: str, new: str) -> str:
    if isinstance(value, Markup) or isinstance(new, Markup):
        raise TypeError("`replace` works on plain text; replace before making it Markdown")
    return str(value).replace(old, new)


def _finite(write: Callable[..., str]) -> Callable[..., str]:
    def filtered(value: object, *args: object, **named: object) -> str:
        if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
            return DASH
        return write(value, *args, **named)

    return filtered


#: Filters for Markdown.
FILTERS: Mapping[str, Callable[..., Any]] = {
    "code": markdown.inline_code,
    "code_block": markdown.code_block,
    "inner": markdown.inner,
    "slug": markdown.slug,
    "one_line": markdown.one_line,
    "join": _join,
    "replace": _replace,
    **dict.fromkeys(("e", "escape", "markdown"), Markdown.escape),
    "forceescape": lambda value: Markdown(markdown.escape(str(value))),
    "strong": lambda text: Markdown(f"**{Markdown.escape(text)}**"),
    "emphasis": lambda text: Markdown(f"*{Markdown.escape(text)}*"),
}


def build_environment(folders: Iterable[Path], words: Wording) -> Environment:
    """An environment that finds templates in these folders, the first one first.

    words : the texts of the report's language, which templates say by `t` and `heads`.
    """
    environment = Environment(
        loader=FileSystemLoader([str(folder) for folder in folders]),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_Kept(words.compiled),
        optimized=False,  # see `wording.words`
    )
    for name in _HTML_FILTERS:
        environment.filters.pop(name, None)
    numbers, texts = words.numbers, TemplateTexts(words)
    environment.filters.update(FILTERS)
    for name in ("count", "percent", "number", "points"):
        environment.filters[name] = _finite(getattr(numbers, name))
    environment.filters["say"] = texts.say
    environment.globals.update(
        interval=numbers.interval,
        plural=numbers.plural,
        quantity=numbers.quantity,
        has=words.has,
        t=texts.text,
        say=texts.say,
        heads=texts.heads,
    )
    return environment
