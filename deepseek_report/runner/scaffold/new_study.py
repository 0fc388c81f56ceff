"""Makes a study of one's own: a folder with a configuration, a plug-in, its test and a Makefile."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from deepseek_report.artifacts.codes import code_text
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.compose import compose
from deepseek_report.config.config_files import MULTIPLE, shipped_files
from deepseek_report.config.overrides import names, parse, quoted, refused, twice
from deepseek_report.config.problems import ConfigProblems, Problem, nearest
from deepseek_report.config.sets import BY_USE
from deepseek_report.config.validate import built
from deepseek_report.datasets.readers.file_form import FileForm
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.errors import ConfigError, DataError
from deepseek_report.runner.scaffold.column_proposals import TableSeen, dataset_fields, look_at
from deepseek_report.runner.scaffold.new_study_config import Fields, StudyDraft, experiment_file

#: Settings that say how a file is written, and so are needed before it is looked at.
_FORM = ("separator", "encoding", "decimal", "missing_values", "sheet")


@dataclass(frozen=True)
class Wishes:
    """What a person says of a study, by options, overrides or answers; None: not said.

    keep : columns that are not to be left out, whatever they look like.
    """

    target: str | None = None
    drop: tuple[str, ...] = ()
    sensitive: tuple[str, ...] | None = None
    favourable: str | None = None
    entity: str | None = None
    time: str | None = None
    text: str | None = None
    keep: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dataset: Fields = field(default_factory=dict)
    settings: Fields = field(default_factory=dict)

    def with_overrides(self, overrides: Sequence[str]) -> Wishes:
        """The same with overrides as the command line takes them.

        Raises ConfigProblems: one cannot be read, or names an unknown choice.
        """
        known = groups(folders(None))
        parsed, problems = parse(overrides)
        problems.extend(twice(parsed))
        choices, tree = dict(self.choices), dict[str, Any]()
        for override in parsed:
            problems.extend(refused(override, known) if override.key_or_group in known else ())
            if override.key_or_group in known:
                group = override.key_or_group
                choices[f"{group}*" if group in MULTIPLE else group] = names(override)
            else:
                _put(tree, override.key_or_group.split("."), override.value())
        if problems:
            raise ConfigProblems(problems)
        dataset = tree.pop("dataset", {})
        roles: dict[str, Any] = {key: dataset.pop(key) for key in _ROLES if key in dataset}
        for key in {"drop", "sensitive"} & roles.keys():
            roles[key] = (roles[key],) if isinstance(roles[key], str) else tuple(roles[key])
        return replace(self, choices=choices, dataset=dataset, settings=tree, **roles)

    @property
    def sector(self) -> str | None:
        """What decisions are about; None: not said."""
        return self.dataset.get("sector")

    @property
    def places(self) -> Sequence[str] | None:
        """Where decisions are made, by codes; None: not said."""
        places: Sequence[str] | None = self.settings.get("report", {}).get("places")
        return places

    def for_use(self, sector: str | None, places: Sequence[str] | None) -> Wishes:
        """The same with a declared use, by which the frameworks are chosen; None: nothing new."""
        wishes = self
        if sector:
            wishes = replace(wishes, dataset={**wishes.dataset, "sector": sector})
        if places:
            report = {**wishes.settings.get("report", {}), "places": list(places)}
            wishes = replace(wishes, settings={**wishes.settings, "report": report})
        if wishes.places:
            chosen = {"frameworks*": (BY_USE[1],), **wishes.choices}
            wishes = replace(wishes, choices=chosen)
        return wishes


#: Fields of a data set that are wishes of their own.
_ROLES = ("target", "drop", "sensitive", "favourable", "entity", "time", "text")


def _put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


def see(path: Path, wishes: Wishes) -> TableSeen:
    """The columns of the file, read as the wishes say.

    Raises ConfigProblems: a setting of the file is wrong. DataError : it cannot be read.
    """
    form = {key: wishes.dataset[key] for key in _FORM if key in wishes.dataset}
    return look_at(path, _built(FileForm, form))


def drafted(
    name: str, data: Path, written: str, seen: TableSeen, wishes: Wishes, seed: int = 1
) -> StudyDraft:
    """The settings of a study of this table, with which its data can be read where that can be.

    What was guessed and stands in the way is left open.

    written : the path of the data from the folder of the study.

    Raises ConfigError: a name is no column, or no class.
    """
    _check_names(seen, wishes)
    draft = _proposed(name, written, seen, wishes)
    trouble = ""
    for attempt in _attempts(draft):
        try:
            return replace(attempt, read=_read(attempt, data, seed), trouble="")
        except DataError as error:
            trouble = trouble or str(error)
    return replace(draft, trouble=trouble)


def check_overrides(overrides: Sequence[str], wishes: Wishes, data: Path | None) -> None:
    """Refuse overrides that no run would take, before a file is written.

    Raises ConfigProblems: all that is wrong with them.
    """
    settings: list[str] = []
    if data is not None:
        settings = [
            f"dataset={'text_file' if wishes.text else 'csv'}",
            f"dataset.path={quoted(str(data))}",
        ]
        columns = {"target": wishes.target or "?", "text": wishes.text}
        settings += [f"dataset.{key}={quoted(name)}" for key, name in columns.items() if name]
    named = {text.partition("=")[0].lstrip("+~") for text in overrides}
    built(
        compose([*overrides, *(text for text in settings if text.partition("=")[0] not in named)])
    )


def _check_names(seen: TableSeen, wishes: Wishes) -> None:
    for option in ("target", "entity", "time", "text", "drop", "sensitive", "keep"):
        wish = getattr(wishes, option)
        for column in [wish] if isinstance(wish, str) else wish or ():
            if column not in seen.names:
                near = (
                    nearest(column, seen.names) or f"the columns are {', '.join(seen.names[:40])}"
                )
                raise ConfigError(
                    f'init: --{option} "{column}" is not a column of the file; {near}'
                )
    codes = seen.codes.get(wishes.target or seen.likely_target(), ())
    wish = None if wishes.favourable is None else code_text(wishes.favourable)
    if wish is not None and codes and wish not in codes and wish.lower() not in {"true", "false"}:
        raise ConfigError(
            f'init: --favourable "{wish}" is not a class; the classes are {", ".join(codes[:40])}'
        )


def _proposed(name: str, written: str, seen: TableSeen, wishes: Wishes) -> StudyDraft:
    """All that can be said of the table, before anybody has tried to read it so."""
    proposed = _Proposed({"path": written})
    target = wishes.target or seen.likely_target()
    why = "nobody named it: taken by its name or its place; confirm it"
    proposed.say("target", target, why if wishes.target is None else "")
    if wishes.text is not None:
        proposed.say("text", wishes.text)
    declared = {key: value for key, value in wishes.dataset.items() if key != "columns"}
    fields = proposed.fields
    fields |= declared
    known: Sequence[str] = fields.get("missing_values", ())
    if marks := [mark for mark in seen.marks if mark not in known]:
        why = "they stand where numbers are expected"
        proposed.say("missing_values", [*known, *marks], why)
    fields |= {k: v for k, v in dataset_fields(seen, target).items() if k not in fields}
    _add_roles(proposed, seen, wishes, target)
    choices = {"dataset": ("text_file" if wishes.text else "csv",), **wishes.choices}
    choices.setdefault("model", ("sklearn",) if wishes.text else ("mlp",))
    dropped, recognised = ({}, {}) if wishes.text else _left_out(seen, wishes, fields)
    kept = {
        name: {"kind": "numeric" if name in seen.numeric else "categorical"} for name in wishes.keep
    }
    return StudyDraft(
        name,
        name,
        choices,
        wishes.settings,
        fields,
        dropped,
        recognised,
        {**kept, **wishes.dataset.get("columns", {})},
        proposed.guessed,
        seen,
    )


@dataclass
class _Proposed:
    """Fields of a data set, and of those that were guessed why: see `StudyDraft`."""

    fields: dict[str, Any]
    guessed: dict[str, str] = field(default_factory=dict)

    def say(self, key: str, value: object, guessed: str = "") -> None:
        self.fields[key] = value
        if guessed:
            self.guessed[key] = guessed


def _add_roles(proposed: _Proposed, seen: TableSeen, wishes: Wishes, target: str) -> None:
    """The favourable class, and the columns of groups, entities and moments."""
    if wishes.favourable is not None:
        proposed.say("favourable", wishes.favourable)
    elif likely := seen.likely_favourable(target):
        proposed.say("favourable", likely, "by its name; confirm it")
    personal = [name for name in seen.personal() if name != target and name not in wishes.drop]
    if wishes.sensitive is not None:
        proposed.say("sensitive", list(wishes.sensitive))
    elif personal and not wishes.text:
        proposed.say("sensitive", personal, "by their names; confirm them")
    entity, why = wishes.entity, ""
    if entity is None and seen.entity != target and not wishes.text:
        entity, why = seen.entity, "by its name and its repeated values; confirm it"
    for role, name, guessed in (("entity", entity, why), ("time", wishes.time, "")):
        if name and name not in wishes.drop:
            proposed.say(role, name, guessed)


def _left_out(
    seen: TableSeen, wishes: Wishes, fields: Fields
) -> tuple[dict[str, str], dict[str, str]]:
    """{column: why it is no feature}: of those that must be named, and of those that need not."""
    target = fields["target"]
    used = {*(target if isinstance(target, list | tuple) else [target])}
    used |= {*fields.get("sensitive", ()), *map(fields.get, ("entity", "time", "id_column"))}
    used |= {*wishes.keep, *wishes.dataset.get("columns", {})}
    wished = dict.fromkeys(wishes.drop, "as a person said")
    out = [column for column in seen.columns if column.name not in {*used, *wished}]
    unusable = {column.name: column.reason for column in out if column.role == "unusable"}
    recognised = {
        column.name: column.reason for column in out if column.role not in {"feature", "unusable"}
    }
    return {**wished, **unusable}, recognised


def _attempts(draft: StudyDraft) -> list[StudyDraft]:
    """The draft, then the same without what was only guessed, one guess after another."""
    attempts = [draft]
    for key in ("entity", "sensitive", "favourable", "missing_values"):
        if key in draft.guessed:
            last = attempts[-1]
            kept = {name: value for name, value in last.dataset.items() if name != key}
            why = {name: text for name, text in last.guessed.items() if name != key}
            attempts.append(replace(last, dataset=kept, guessed=why))
    return attempts


def _read(draft: StudyDraft, data: Path, seed: int) -> Dataset:
    kind = TextFile if draft.dataset.get("text") is not None else TableFile
    fields = {**draft.dataset, "path": str(data)}
    if kind is TableFile:
        fields |= {"drop": tuple(draft.dropped), "columns": dict(draft.columns)}
    plugin: TableFile | TextFile = _built(kind, fields)
    return plugin.load(seed, Silent())


def _built(kind: type, fields: Fields) -> Any:
    """An object of the class, its fields checked as those of a config.

    Raises ConfigProblems: a field is unknown, or its value is not of its type.
    """
    plugin: Any = None
    known = [part.name for part in dataclasses.fields(kind)]
    problems = [
        Problem(f"command line, dataset.{key}", "there is no such setting", "", nearest(key, known))
        for key in fields
        if key not in known
    ]
    try:
        plugin = TypeAdapter(kind).validate_python(dict(fields))
    except ValidationError as error:
        problems += [
            Problem(f"command line, dataset.{'.'.join(map(str, fault['loc']))}", fault["msg"])
            for fault in error.errors()
        ]
    if problems:
        raise ConfigProblems(problems)
    return plugin


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")


@dataclass(frozen=True)
class NewStudy:
    """What is to be made. data : a table of one's own, None for the shipped data.

    copy : the data are copied into the folder; else the study refers to them where they are.
    plugin : with an explainer of one's own, its choice and its test.
    seen : the columns of the table. wishes : what a person says of the study.
    """

    folder: Path
    name: str
    data: Path | None = None
    copy: bool = False
    plugin: bool = False
    seen: TableSeen | None = None
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def package(self) -> str:
        return f"{self.name}_plugins"

    @property
    def experiment(self) -> Path:
        """The file of its experiment, in its folder."""
        return Path("conf/experiment") / f"{self.name}.yaml"

    @property
    def data_path(self) -> Path | None:
        """Where the study finds its data, from its own folder."""
        if self.data is None:
            return None
        if self.copy:
            return Path("data") / self.data.name
        return Path(os.path.relpath(self.data.resolve(), self.folder.resolve()))


@dataclass(frozen=True)
class MadeStudy:
    """What was made: the files, and the draft that the experiment was written from."""

    files: list[Path]
    draft: StudyDraft


def study_name(folder: Path) -> str:
    """A name made of the folder's: letters, digits and underscores; not that of a shipped one."""
    plain = unicodedata.normalize("NFKD", folder.resolve().name)
    text = re.sub(r"[^A-Za-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_")
    text = text.lower()[:40] or "study"
    text = text if text[0].isalpha() else f"study_{text}"
    return f"{text}_study" if text in _shipped_names() else text


def make_study(study: NewStudy) -> MadeStudy:
    """Write the files of a study; nothing that is there is overwritten.

    Raises ConfigError: the name cannot be used, a file is there already, or a wish names no column.
    """
    if not _NAME.fullmatch(study.name):
        allowed = "a letter, then letters, digits and underscores, 48 at most"
        raise ConfigError(f'--name: "{study.name}" cannot be a name. Allowed: {allowed}')
    if study.name in _shipped_names():
        raise ConfigError(
            f'--name: "{study.name}" is the name of a shipped experiment. Choose another name'
        )
    if study.folder.exists() and not study.folder.is_dir():
        raise ConfigError(f"{study.folder}: this is a file. Name a folder that init may make")
    draft = _drafted(study)
    files = {study.experiment: experiment_file(draft), **_templates(study)}
    wanted = [*files, *([study.data_path] if study.copy and study.data_path else [])]
    present = [str(path) for path in wanted if os.path.lexists(study.folder / path)]
    if present:
        raise ConfigError(
            f"{study.folder}: {', '.join(present)} {'is' if len(present) == 1 else 'are'} there "
            "already, and nothing is overwritten. Name another folder, or move them away"
        )
    _write(study, files)
    return MadeStudy(wanted, draft)


def _drafted(study: NewStudy) -> StudyDraft:
    wishes = study.wishes
    if study.data is not None and study.seen is not None:
        path = str(study.data_path)
        draft = drafted(study.name, study.data, path, study.seen, wishes)
    else:
        choices = {"dataset": ("credit",), "model": ("mlp",), **wishes.choices}
        title = "Default risk of credit card clients"
        draft = StudyDraft(study.name, title, choices, wishes.settings, dict(wishes.dataset))
    if study.plugin:
        chosen = (*draft.choices.get("explainers*", ("default",)), "typical_value")
        draft = replace(draft, choices={**draft.choices, "explainers*": chosen})
    return draft


def _shipped_names() -> set[str]:
    return {path.stem for path in shipped_files("experiment")}


def _templates(study: NewStudy) -> dict[Path, str]:
    """{path in the study: text} of everything but the experiment."""
    places = {"README.md": "README.md", "Makefile": "Makefile", "gitignore": ".gitignore"}
    files = {}
    if study.plugin:
        files[Path(study.package) / "__init__.py"] = '"""Plug-ins of this study."""\n'
        places |= {
            "typical_value.yaml": "conf/explainers/typical_value.yaml",
            "typical_value.py": f"{study.package}/typical_value.py",
            "test_typical_value.py": "tests/test_typical_value.py",
        }
    for name, place in places.items():
        text = (shipped("templates") / "study" / f"{name}.in").read_text(encoding="utf-8")
        if not study.plugin:  # what is only about a plug-in stands between these lines
            text = re.sub(r"(?ms)^@PLUGIN@\n.*?^@END@\n", "", text)
        text = re.sub(r"(?m)^@(PLUGIN|END)@\n", "", text)
        files[Path(place)] = text.replace("@NAME@", study.name).replace("@PACKAGE@", study.package)
    return files


def _write(study: NewStudy, files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        place = study.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    if study.copy and study.data is not None and study.data_path is not None:
        (study.folder / study.data_path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(study.data, study.folder / study.data_path)
