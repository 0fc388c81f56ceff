"""The configuration and the command of a run without what belongs to one machine.

A path below the folder in which the command was started is written relative to it. A path
elsewhere becomes `$DATA_DIR/<name>`, with `DATA_DIR` a variable that whoever repeats the run sets.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage.local_paths import without_known_folders, without_local_paths
from deepseek_report.artifacts.storage.plain_files import sha256_file

PROGRAM = "deepseek-report"
#: Stands for the program where rows or a model were given in Python.
CALL = "deepseek_report.report"
#: The override that asks for the first answer alone.
QUICK = "report=quick"
#: Settings of one machine: where output goes, and on what and how many processes it is computed.
_LEFT_OUT = frozenset({"paths", "device", "jobs"})
#: Overrides that belong to one machine or one run of it, not to the experiment.
_LOCAL = ("paths.", "paths=", "device=", "jobs=", "launcher.", "launcher=", "hydra.")
#: Fields whose text is a file or a folder, also where it is written without a separator.
_PATH_KEYS = frozenset(
    {
        *("path", "file", "weights", "masks", "checkpoint", "cache", "policy", "seal"),
        *("region", "relabel", "marks"),
    }
)
_OWN = "deepseek_report"
_VARIABLE = re.compile(r"\$([A-Z]+_DIR(?:_\d+)?)(?![A-Za-z0-9_])")
#: What stays itself inside of double quotes.
_PLAIN = re.compile(r"""[^\\"`$!\n]*""")


class PortablePaths:
    """Turns the paths of one configuration into portable ones, and knows what they stood for.

    config : the resolved configuration. here : the folder in which the command was started.

    Attributes
    ----------
    config : the same without settings of one machine and without paths of it.
    """

    def __init__(self, config: Mapping[str, Any], here: Path) -> None:
        self.here = here
        self._taken = str(config)
        self._variables: dict[Path, str] = {}
        self._renamed: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        kept = {key: value for key, value in config.items() if key not in _LEFT_OUT}
        self.config: dict[str, Any] = self._value(kept)

    def command(
        self, overrides: Sequence[str], config_dir: str | None, trusted: Sequence[str]
    ) -> dict[str, object]:
        """How to repeat the run, as `run.json` keeps it.

        Returns
        -------
        program : words. config_dir : folder or None. trust : packages. overrides : texts.
        variables : {variable: [{name, sha256} of each file in the folder that it stands for]}.
        files : [{name, sha256}] of the files below the folder in which the command is run.
        folder : names of what that folder must hold; empty where any folder will do.
        """
        kept = [text for text in overrides if not text.lstrip("+~").startswith(_LOCAL)]
        written = [self._override(text) for text in kept]
        own = None if config_dir is None else self._shown(Path(config_dir), "CONFIG_DIR")
        trust = [package for package in trusted if package != _OWN]
        variables: dict[str, list[dict[str, str]]] = {name: [] for name in self._variables.values()}
        files: list[dict[str, str]] = []
        for shown, path in self._files.items():
            variable, name = _divided(shown)
            digest = sha256_file(path, links=True) if path.is_file() else ""
            variables.get(variable, files).append({"name": name, "sha256": digest})
        if own is not None and (variable := _divided(own)[0]):
            variables[variable].append({"name": _divided(own)[1], "sha256": ""})
        return {
            "program": [PROGRAM],
            "config_dir": own,
            "trust": trust,
            "overrides": written,
            "variables": variables,
            "files": files,
            "folder": list(self._needed(own, trust, [file["name"] for file in files])),
        }

    def _needed(
        self, config_dir: str | None, trust: Sequence[str], files: Sequence[str]
    ) -> Iterator[str]:
        names = [] if config_dir is None or config_dir.startswith("$") else [config_dir]
        names += [package for package in trust if (self.here / package).is_dir()]
        names += [f"{package}.py" for package in trust if (self.here / f"{package}.py").is_file()]
        yield from dict.fromkeys([*names, *files])

    # --- values -----------------------------------------------------------------------------------

    def _value(self, value: object, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {name: self._value(inside, str(name)) for name, inside in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, key) for item in value]
        return self._text(value, key) if isinstance(value, str) else value

    def _text(self, text: str, key: str) -> str:
        path = self._path(text, key)
        if path is None:
            return without_known_folders(text)
        shown = self._shown(path)
        self._renamed[text] = shown
        if path.exists():
            self._files.setdefault(shown, path)
        return shown

    def _path(self, text: str, key: str) -> Path | None:
        if not text or len(text) > 4096 or re.search(r"[\0\n]", text):
            return None
        if text.startswith("~"):
            expanded = Path(os.path.expanduser(text))  # noqa: PTH111 - leaves an unknown user as it is
            return expanded if expanded.is_absolute() else None
        path = Path(text)
        if path.is_absolute():
            return path if Path(*path.parts[:2]).exists() else None
        inner = self.here / path
        is_path = key in _PATH_KEYS or text.startswith(("./", "../"))
        return inner if is_path and inner.exists() else None

    def _shown(self, path: Path, prefix: str = "DATA_DIR") -> str:
        absolute = Path(os.path.abspath(self.here / path))  # noqa: PTH100 - links stay links
        for base, full in ((self.here, absolute), (self.here.resolve(), absolute.resolve())):
            if full.is_relative_to(base):
                return full.relative_to(base).as_posix()
        return f"${self._variable(absolute.parent, prefix)}/{absolute.name}".rstrip("/")

    def _variable(self, folder: Path, prefix: str) -> str:
        if folder not in self._variables:
            used = set(self._variables.values())
            numbers = range(1, len(used) + self._taken.count(prefix) + 2)
            names = (prefix if number == 1 else f"{prefix}_{number}" for number in numbers)
            self._variables[folder] = next(
                name for name in names if name not in used and f"${name}" not in self._taken
            )
        return self._variables[folder]

    def _override(self, text: str) -> str:
        key, is_value, value = text.partition("=")
        if is_value:
            self._text(value.strip("'\""), key.rpartition(".")[2])
        for spelled in sorted(self._renamed, key=len, reverse=True):
            if spelled != self._renamed[spelled]:
                text = text.replace(spelled, self._renamed[spelled])
        return without_local_paths(text)


def _divided(shown: str) -> tuple[str, str]:
    """`$DATA_DIR/loans.csv` as its variable and the rest; ("", path) without a variable."""
    if not shown.startswith("$"):
        return "", shown
    variable, _, name = shown[1:].partition("/")
    return variable, name


def deepening(command: Mapping[str, Any]) -> str:
    """The command by which the whole report follows a quick one, from that of the quick one.

    What was given in Python is deepened there, by the `Run` that the call returned.
    """
    if command.get("program") == [CALL]:
        return "run.deepen()"
    overrides = [str(override) for override in command.get("overrides") or ()]
    return shell_line({"program": [PROGRAM], **command, "overrides": whole_report(overrides)})


def whole_report(overrides: Sequence[str]) -> list[str]:
    """Overrides of a quick report as those of the whole one.

    Where it was not they that asked for the quick one, a file of the study did.

    >>> whole_report(["seed=2", "report=quick"]), whole_report(["seed=2"])
    (['seed=2'], ['seed=2', 'report=html'])
    """
    kept = [text for text in overrides if text.lstrip("+") != QUICK]
    return kept if len(kept) < len(overrides) else [*kept, "report=html"]


def shell_line(command: Mapping[str, Any]) -> str:
    """The command as one line of a POSIX shell; the variables it names are read by the shell."""
    names = frozenset(command.get("variables") or ())
    words = [str(word) for word in command["program"]]
    if command.get("config_dir") is not None:
        words += ["--config-dir", str(command["config_dir"])]
    for package in command.get("trust") or ():
        words += ["--trust", str(package)]
    words += [str(override) for override in command.get("overrides") or ()]
    return " ".join(_shell_word(word, names) for word in words)


def _shell_word(word: str, names: frozenset[str]) -> str:
    places = [match for match in _VARIABLE.finditer(word) if match[1] in names]
    if not places:
        return shlex.quote(word)
    ends = [0, *(end for match in places for end in match.span()), len(word)]
    literal = [word[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)]
    if all(_PLAIN.fullmatch(part) for part in literal):
        return f'"{word}"'
    variables = [*(f'"{match[0]}"' for match in places), ""]
    quoted = [shlex.quote(part) if part else "" for part in literal]
    return "".join(part for pair in zip(quoted, variables, strict=True) for part in pair)
