"""Makes a study of one's own: a folder with a configuration, a plug-in, its test and a Makefile."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import ConfigError
from deepseek_report.runner.scaffold.column_proposals import TableSeen
from deepseek_report.runner.scaffold.new_study_config import StudyDraft, experiment_file
from deepseek_report.runner.scaffold.study_draft import Wishes, drafted

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

    Raises
    ------
    ConfigError : the name cannot be used, a file is there already, or a wish names no column.
    """
    _check_name(study)
    if study.folder.exists() and not study.folder.is_dir():
        raise ConfigError(f"{study.folder}: this is a file. Name a folder that init may make")
    draft = _drafted(study)
    files = {study.experiment: experiment_file(draft), **_templates(study)}
    _refuse_to_overwrite(study, list(files))
    return MadeStudy(_write(study, files), draft)


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


def _check_name(study: NewStudy) -> None:
    if not _NAME.fullmatch(study.name):
        allowed = "a letter, then letters, digits and underscores, 48 at most"
        raise ConfigError(f'--name: "{study.name}" cannot be a name. Allowed: {allowed}')
    if study.name in _shipped_names():
        raise ConfigError(
            f'--name: "{study.name}" is the name of a shipped experiment. Choose another name'
        )


def _shipped_names() -> set[str]:
    return {path.stem for path in (shipped("conf") / "experiment").glob("*.yaml")}


def _templates(study: NewStudy) -> dict[Path, str]:
    """{path in the study: text} of everything but the experiment."""
    places = {
        "README.md.in": Path("README.md"),
        "Makefile.in": Path("Makefile"),
        "gitignore.in": Path(".gitignore"),
    }
    own = {
        "typical_value.yaml.in": Path("conf/explainers/typical_value.yaml"),
        "typical_value.py.in": Path(study.package) / "typical_value.py",
        "test_typical_value.py.in": Path("tests/test_typical_value.py"),
    }
    files = {}
    if study.plugin:
        files[Path(study.package) / "__init__.py"] = '"""Plug-ins of this study."""\n'
        places |= own
    for name, place in places.items():
        text = (shipped("templates") / "study" / name).read_text(encoding="utf-8")
        if not study.plugin:  # what is only about a plug-in stands between these lines
            text = re.sub(r"(?ms)^@PLUGIN@\n.*?^@END@\n", "", text)
        text = re.sub(r"(?m)^@(PLUGIN|END)@\n", "", text)
        files[place] = text.replace("@NAME@", study.name).replace("@PACKAGE@", study.package)
    return files


def _refuse_to_overwrite(study: NewStudy, files: list[Path]) -> None:
    wanted = [*files, *([study.data_path] if study.copy and study.data_path else [])]
    present = [str(path) for path in wanted if os.path.lexists(study.folder / path)]
    if present:
        raise ConfigError(
            f"{study.folder}: {', '.join(present)} {'is' if len(present) == 1 else 'are'} there "
            "already, and nothing is overwritten. Name another folder, or move them away"
        )


def _write(study: NewStudy, files: dict[Path, str]) -> list[Path]:
    for path, text in files.items():
        place = study.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    written = list(files)
    if study.copy and study.data is not None and study.data_path is not None:
        (study.folder / study.data_path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(study.data, study.folder / study.data_path)
        written.append(study.data_path)
    return written
