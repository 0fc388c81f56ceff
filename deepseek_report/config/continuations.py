"""What a command line can go on with: commands, choices and keys, from the YAML folders alone.

Hydra has a completion of its own. It was tried on this configuration: it composes everything for
each key (half a second of computing at best, where this takes a tenth), knows nothing of our
commands and options, completes no list such as `explainers=[shap,li`, and needs `hydra.main`, which
this command line does not use, as it must compose several jobs and collect all problems. So this
reads the files that the catalogue reads, and imports neither Hydra nor anything heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepseek_report.config.catalogue import allowed_texts, folders, groups, target_of, yaml_file
from deepseek_report.config.config_files import MULTIPLE, WHOLE, read_yaml
from deepseek_report.config.sets import bare_name, set_names

#: What is offered can stand on a command line as it is; a file with another name is not offered.
_SAFE = re.compile(r"[\w.+~=,\[\]/-]+")


class Completer:
    """Completes overrides of one configuration.

    words : what stands on the command line before the word to complete.
    config_dir : the user's own folder of YAMLs, if the words name one.
    """

    def __init__(self, words: Sequence[str], config_dir: str | None = None) -> None:
        self.words = words
        self.roots = folders(config_dir)
        self.groups = groups(self.roots)
        self.sets = set_names(self.roots, self.groups)
        self.whole: Mapping[str, Any] = read_yaml(self.roots[-1] / "config.yaml")

    def overrides(self, current: str) -> list[str]:
        """The overrides that begin as the word does: keys up to their `=`, or whole values."""
        sign = current[: len(current) - len(current.lstrip("+~"))]
        key, is_value, value = current[len(sign) :].partition("=")
        candidates = self._values(key, value) if is_value else self._keys(key)
        return sorted({sign + candidate for candidate in candidates if _SAFE.fullmatch(candidate)})

    # --- values -----------------------------------------------------------------------------------

    def _values(self, key: str, value: str) -> Iterator[str]:
        if key not in self.groups:
            known = self._known_values(key)
            yield from (f"{key}={text}" for text in known if text.startswith(value))
            return
        begun, comma, last = value.rpartition(",")
        head = f"{begun}{comma}"
        if key in MULTIPLE and not head:
            head, last = ("[", value[1:]) if value.startswith("[") else ("", value)
            if not value:
                yield f"{key}=["
        elif head and key not in MULTIPLE and not {"-m", "--multirun"} & set(self.words):
            return
        taken = {bare_name(word) for word in begun.strip("[").split(",")}
        sign = last.removesuffix(bare_name(last)) if key in MULTIPLE else ""
        for choice in (*self.groups[key], *self.sets.get(key, ())):
            if choice.startswith(last.removeprefix(sign)) and choice not in taken:
                yield f"{key}={head}{sign}{choice}"

    def _known_values(self, key: str) -> Sequence[str]:
        if isinstance(self._value_of(key), bool):
            return ("true", "false")
        return self._literals(key)

    def _value_of(self, key: str) -> object:
        group, *path = key.split(".")
        value = self._content(group, path[:1]) if group in self.groups else self.whole.get(group)
        for part in path[1:] if group in MULTIPLE else path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _literals(self, key: str) -> Sequence[str]:
        group, *path = key.split(".")
        if group not in self.groups:
            return allowed_texts("deepseek_report.config.experiment.Settings").get(key, ())
        file = self._file(group, path[:1])
        target = target_of(file) if file is not None else ""
        return allowed_texts(target).get(path[-1], ()) if path and target else ()

    # --- keys -------------------------------------------------------------------------------------

    def _keys(self, begun: str) -> Iterator[str]:
        """Keys with their `=`; those that hold others with a dot."""
        *parents, last = begun.split(".")
        prefix = ".".join(parents)
        for name, more in self._below(parents):
            dotted = f"{prefix}.{name}" if prefix else name
            if name.startswith(last):
                yield from (f"{dotted}{end}" for end in more)

    def _below(self, parents: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The names below a key, each with how it goes on: `=`, `.`, or either."""
        if not parents:
            yield from ((name, "=" if name in WHOLE else "=.") for name in self.groups)
            own = (name for name in self.whole if name != "defaults")
            yield from ((name, _ending(self.whole[name])) for name in own)
            return
        group, *path = parents
        if group in MULTIPLE and not path:
            yield from ((choice, ".") for choice in self.groups[group])
            return
        value = self._value_of(".".join(parents))
        if isinstance(value, Mapping):
            yield from ((str(k), _ending(v)) for k, v in value.items() if k != "_target_")

    # --- the YAMLs that are chosen ----------------------------------------------------------------

    def _content(self, group: str, path: Sequence[str]) -> Any:
        """The settings of the chosen part of a group; of several parts the one that is named."""
        file = self._file(group, path)
        content = read_yaml(file) if file is not None else {}
        return content.get(path[0], {}) if group in MULTIPLE and path else content

    def _file(self, group: str, path: Sequence[str]) -> Path | None:
        choice = path[0] if group in MULTIPLE and path else self._chosen(group)
        return yaml_file(self.roots, group, choice) if choice else None

    def _chosen(self, group: str) -> str:
        """By the command line, else by the experiment, else by the configuration as a whole."""
        for word in reversed(self.words):
            key, _, value = word.lstrip("+").partition("=")
            if key == group:
                return value
        if group != "experiment":
            file = yaml_file(self.roots, "experiment", self._chosen("experiment"))
            if file is not None and (named := _in_defaults(read_yaml(file), group)):
                return named
        return _in_defaults(self.whole, group)


def _ending(value: object) -> str:
    return "." if isinstance(value, Mapping) and value else "="


def _in_defaults(content: object, group: str) -> str:
    """The choice of a group in the defaults list of a file, or ""."""
    entries = content.get("defaults", ()) if isinstance(content, Mapping) else ()
    for entry in entries if isinstance(entries, list) else ():
        for key, value in entry.items() if isinstance(entry, Mapping) else ():
            if str(key).split()[-1].lstrip("/") == group and isinstance(value, str):
                return value
    return ""
