"""What people say is wrong with a model: the entries of `corrections:`, and files of marks.

A file of marks is what the page of a case saves where somebody says "this is wrong", or what a
person writes by hand:

```yaml
deepseek_report_marks: 1
run: 3f2a91c0de77            # id of the run whose report was read; may be empty
by: "credit risk"            # who says it; must be filled in before a run takes the file
on: 2026-11-29
marks:
  - {feature: zip, why: "stands in for origin"}                  # must not matter, in any row
  - {row: "0123456789abcdef", region: ["word 3", 7], why: "…"}   # words, patches, windows
  - {row: "0123456789abcdef", label: "no default", was: "default", why: "…"}
  - {rule: 17, text: "…", remove: true, why: "…"}
```

`row` is the digest by `artifacts.seeds.row_digests` of the row as the model reads it, in quotes. A
region names players as `Schema.player_labels` does, or counts them from 1; a word of a text may
also stand there as it is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from deepseek_report.artifacts.conclusions import ClassName
from deepseek_report.artifacts.storage.bounded_yaml import MOST_BYTES, parsed, with_on
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.storage.plain_files import read_text
from deepseek_report.errors import ArtifactError, ConfigError

#: The first key of a file of marks, and the version of its format.
MARKS_KEY, MARKS_VERSION = "deepseek_report_marks", 1
#: The file of a data stage, and of a training, that says what was corrected in it, and how.
CORRECTIONS_FILE = "corrections.json"
#: The most marks of a file, and the most players of a region.
MOST_MARKS, MOST_PLAYERS = 2000, 1000
_SHOWN = 8


def _day(value: object) -> object:
    """A day as YYYY-MM-DD, as YAML reads it or as text; "" for none."""
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str) and value:
        dt.date.fromisoformat(value)
    return "" if value is None else value


Day = Annotated[str, BeforeValidator(_day)]
Words = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(max_length=200)]
MarksPath = Annotated[LocalPath, Field(max_length=1000)]
RowDigest = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
#: How a correction is made: the column is left out, a gradient or a swap is penalised in training,
#: or the model keeps a constraint.
Way = Literal["drop", "penalty", "swap", "constraint"]
MarkKind = Literal["feature", "region", "label", "rule"]


@dataclass(frozen=True)
class Mark:
    """One thing that somebody says is wrong.

    feature : a column of a table that must not matter in any row.
    row : digest of a row. region : players of that row that must not matter, in this row and
        wherever they are again: the same word, patch or window.
    label : the right class of that row, or number; was : the one that the data have.
    rule : number of a rule, from 1; text : the rule as it was shown; remove, weight : what to do.
    why : the reason, in a person's words.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    feature: Name = ""
    row: RowDigest = ""
    region: Annotated[tuple[int | Name, ...], Field(max_length=MOST_PLAYERS)] = ()
    label: ClassName | None = None
    was: ClassName | None = None
    rule: Annotated[int, Field(ge=1)] | None = None
    text: Words = ""
    remove: bool = False
    weight: float | None = None
    why: Words = ""

    @property
    def kind(self) -> MarkKind | None:
        """What the mark is about; None where it is about nothing, or about several things."""
        of_row = bool(self.row)
        about: dict[MarkKind, bool] = {
            "feature": bool(self.feature) and not of_row,
            "region": bool(self.region) and of_row,
            "label": self.label is not None and of_row,
            "rule": self.rule is not None
            and not of_row
            and (self.remove or self.weight is not None),
        }
        kinds = [kind for kind, holds in about.items() if holds]
        return kinds[0] if len(kinds) == 1 else None


@dataclass(frozen=True)
class Marks:
    """The content of a file of marks; see the module.

    by : never empty in what `read_marks` returns.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    deepseek_report_marks: Literal[1]
    marks: Annotated[tuple[Mark, ...], Field(min_length=1, max_length=MOST_MARKS)]
    run: Annotated[str, Field(max_length=100)] = ""
    by: Name = ""
    on: Day = ""


def _names(value: object) -> object:
    """A single name as a list of one."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...] | bool, BeforeValidator(_names)]


@dataclass(frozen=True)
class Correction:
    """One entry of `corrections:`: what is wrong with the model, and who says so.

    must_not_matter : columns of a table, words of texts, or patches and windows as the report calls
        them, that must not move the answer; `true` beside `region`.
    must_rise_with, must_fall_with : a column of a table with which the probability of the explained
        class, or the number, may only rise, or only fall.
    region : a file of marks, of which the marked words, patches and windows must not matter.
    relabel : a file of marks, of which the corrected labels are taken.
    marks : a file of marks, of which everything is taken.
    rule : number of a rule of `model=rules`, from 1, with `remove: true` or a `weight`.
    add : the text of a rule to add, with a `weight`; without one its points are fitted.
    remove : whether the rule is taken out of the list.
    weight : the points of the rule, in the unit of the model's sum; null: those that are fitted.
    how : drop (the column is left out), swap (the answer must stay as it is where the value is
        drawn anew), penalty (on the slope there, or on movements the wrong way), constraint (trees
        that keep a direction); null: drop for columns, constraint for trees, else swap, and
        penalty for directions.
    by, on, why : who says it, on which day, and for what reason.
    """

    must_not_matter: Names = ()
    must_rise_with: Name = ""
    must_fall_with: Name = ""
    region: MarksPath = ""
    relabel: MarksPath = ""
    marks: MarksPath = ""
    rule: Annotated[int, Field(ge=1)] | None = None
    remove: bool = False
    weight: float | None = None
    add: Words = ""
    how: Way | None = None
    by: Name | None = None
    on: Day = ""
    why: Words = ""

    @property
    def file(self) -> str:
        """The file of marks that it names; empty without one."""
        return self.region or self.relabel or self.marks

    @property
    def fault(self) -> str:
        """What is wrong with the entry by itself; empty where nothing is."""
        about = [
            *(name for name in _ABOUT if getattr(self, name)),
            *(["must_not_matter"] if self.must_not_matter and not self.region else []),
            *(["rule"] if self.rule is not None else []),
        ]
        if len(about) != 1:
            return f"it is about {' and '.join(about) or 'nothing'}"
        if self.must_not_matter is True and not self.region:
            return "must_not_matter: true stands without a region"
        if self.rule is not None and self.remove == (self.weight is not None):
            return f"nothing is said of what to do with rule {self.rule}"
        if self.by is not None and not self.by.strip():
            return "`by` is empty"
        return ""


_ABOUT = ("must_rise_with", "must_fall_with", "region", "relabel", "marks", "add")
#: A correction of YAML, whose key `on` may have been read as true.
WrittenCorrection = Annotated[Correction, BeforeValidator(with_on)]
ItemKind = Literal["feature", "region", "rises", "falls", "label", "rule"]


@dataclass(frozen=True)
class CorrectionItem:
    """One thing to correct, wherever it was written.

    names : columns, words or players that must not matter, or the column of a direction.
    row, label, was, rule, text, remove, weight, why : as in `Mark`; a rule without a number is
    added. how : as in `Correction`. by : empty where nobody is named. run : whose report was
    marked. entry : number of the entry in `corrections`, from 0. mark : number of the mark in its
    file, from 1; 0 without a file.
    """

    kind: ItemKind
    names: tuple[int | str, ...] = ()
    row: str = ""
    label: ClassName | None = None
    was: ClassName | None = None
    rule: int | None = None
    text: str = ""
    remove: bool = False
    weight: float | None = None
    how: Way | None = None
    by: str = ""
    on: str = ""
    why: str = ""
    run: str = ""
    entry: int = 0
    mark: int = 0

    @property
    def edit(self) -> dict[str, object]:
        """What is done to a rule, as `model.edits` takes it."""
        about: dict[str, object] = {"add": self.text} if self.rule is None else {"rule": self.rule}
        if self.remove:
            return {**about, "remove": True}
        return about if self.weight is None else {**about, "weight": self.weight}

    def to_json(self) -> dict[str, object]:
        """Plain data, the same for the same correction."""
        return {**asdict(self), "names": list(self.names)}


def items_of(corrections: Iterable[Correction]) -> list[CorrectionItem]:
    """Everything that is to be corrected; the files that the entries name are read.

    Raises ConfigError: see `read_marks`, and a file without what an entry takes of it.
    """
    return [item for place, entry in enumerate(corrections) for item in _items(place, entry)]


def _items(place: int, entry: Correction) -> Iterator[CorrectionItem]:
    if entry.file:
        yield from _of_file(place, entry)
        return
    signed = CorrectionItem(
        "feature", how=entry.how, by=entry.by or "", on=entry.on, why=entry.why, entry=place
    )
    if entry.must_rise_with:
        yield replace(signed, kind="rises", names=(entry.must_rise_with,))
    elif entry.must_fall_with:
        yield replace(signed, kind="falls", names=(entry.must_fall_with,))
    elif entry.rule is not None or entry.add:
        rule = replace(signed, kind="rule", rule=entry.rule, text=entry.add)
        yield replace(rule, remove=entry.remove, weight=entry.weight)
    elif not isinstance(entry.must_not_matter, bool):
        yield from (replace(signed, names=(name,)) for name in entry.must_not_matter)


def _of_file(place: int, entry: Correction) -> Iterator[CorrectionItem]:
    path = Path(entry.file)
    marks = read_marks(path)
    wanted = {"region"} if entry.region else {"label"} if entry.relabel else {*get_args(MarkKind)}
    taken = [(number, mark) for number, mark in enumerate(marks.marks, 1) if mark.kind in wanted]
    if not taken:
        what = "no region is marked in it" if entry.region else "it corrects no label"
        todo = "name another file, or take all of it by {marks: …}"
        raise _refused(path, what, f"at least one {wanted.pop()}", todo)
    for number, mark in taken:
        names = (mark.feature,) if mark.feature else mark.region
        kind: ItemKind = mark.kind or "feature"
        yield CorrectionItem(
            kind,
            names,
            *(mark.row, mark.label, mark.was, mark.rule, mark.text, mark.remove, mark.weight),
            how=entry.how if kind in {"feature", "region"} else None,
            by=marks.by,
            on=marks.on,
            why=mark.why or entry.why,
            run=marks.run,
            entry=place,
            mark=number,
        )


def read_marks(path: Path) -> Marks:
    """A file of marks.

    Raises ConfigError: the file cannot be read, is no such file, a mark is about nothing or about
    several things, or nobody is named in `by`. The message says where, what is allowed and what to
    do.
    """
    content = _content(path)
    if not isinstance(content, dict) or MARKS_KEY not in content:
        raise _refused(
            path,
            f"it does not begin with `{MARKS_KEY}: {MARKS_VERSION}`, so it is no file of marks",
            "the file that a case page saves, or one written like it (docs/corrections.md)",
            "name the right file",
        )
    if content[MARKS_KEY] != MARKS_VERSION:
        raise _refused(
            path,
            f"its format is version {content[MARKS_KEY]!r:.20}",
            f"version {MARKS_VERSION}",
            "read it with the version of deepseek-report that saved it",
        )
    try:
        marks = TypeAdapter(Marks).validate_python(content)
    except ValidationError as error:
        raise _malformed(path, error) from None
    wrong = [str(place) for place, mark in enumerate(marks.marks, 1) if mark.kind is None]
    if wrong:
        shown = ", ".join(wrong[:_SHOWN]) + (", …" if len(wrong) > _SHOWN else "")
        raise _refused(
            path,
            f"mark {shown}: it is not about exactly one thing",
            "feature; row and region; row and label; or rule with remove: true or weight",
            "write one mark for each thing",
        )
    if not marks.by.strip():
        raise _refused(
            path,
            "`by` is empty",
            "who says that this is wrong: a name, a role or a team",
            'the person who marked it writes by: "credit risk", say, into the file',
        )
    return marks


def _content(path: Path) -> object:
    try:
        return with_on(parsed(read_text(path, MOST_BYTES, links=True)))
    except FileNotFoundError:
        raise _refused(
            path, "there is no such file", "a file of marks", "correct the path"
        ) from None
    except OSError as error:
        todo = "correct the path or its rights"
        raise _refused(path, f"cannot be read ({error.strerror})", "a file", todo) from None
    except ArtifactError as error:
        raise ConfigError(f"{error}. A file of marks is a small text in YAML") from None
    except yaml.YAMLError as error:
        reason = str(getattr(error, "problem", None) or error)[:200]
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        todo = "save it from the page again, or correct it"
        raise _refused(Path(f"{path}{line}"), f"not YAML ({reason})", "YAML", todo) from None


def _malformed(path: Path, error: ValidationError) -> ConfigError:
    """All that pydantic finds, each with the number of its mark from 1."""
    faults = []
    for detail in error.errors():
        place, *inner = [*map(str, detail["loc"])] or ["file"]
        if place == "marks" and inner and inner[0].isdecimal():
            place, inner = f"mark {int(inner[0]) + 1}", inner[1:]
        faults.append(f"{'.'.join([place, *inner[:1]])}: {detail['msg']}")
    shown = "; ".join(dict.fromkeys(faults[:_SHOWN]))
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return _refused(
        path,
        f"{shown}{more}",
        "marks with feature, or row and region, or row and label, or rule and remove or weight",
        "correct these (docs/corrections.md shows each)",
    )


def _refused(path: Path, fault: str, allowed: str, todo: str) -> ConfigError:
    return ConfigError(f"{path}: {fault}\n    allowed: {allowed}\n    what to do: {todo}")
