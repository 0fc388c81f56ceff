"""Reads the overrides of the command line and says which of them cannot be meant."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deepseek_report.config.config_files import MULTIPLE, SINGLE, names_hydra, not_of_hydra
from deepseek_report.config.interpolation import LOCAL
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest_name
from deepseek_report.config.sets import bare_name, unknown, words_of
from deepseek_report.config.setting_names import choice_of_file

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


#: A value that begins so is meant as a list, a mapping, a quoted text or an interpolation.
_STRUCTURED = ("[", "{", "'", '"', "$")
#: The most characters of an override, how deep its brackets go, and the most runs of a sweep.
_LONGEST = 20_000
_DEEPEST = 30
#: What a choice is made of.
_CHOSEN = (*SINGLE, *MULTIPLE, "experiment", "debug", "launcher")
MOST_JOBS = 1_000
#: A list without quotes, lists or mappings inside of it.
_PLAIN_LIST = re.compile(r"""\[([^\[\]{}'"$]+)\]""")


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """The overrides that can be read, and the problems of those that cannot.

    A plain text that the grammar has no place for, such as `O'Neill` or `Prüfung`, is taken as it
    is, and so are the texts of a list such as `[Größe,Straße]`.
    """
    parsed: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        if reason := _too_large(text):
            where, todo = f"command line, {text[:40]}…", "put it into a YAML"
            problems.append(Problem(where, reason, todo=todo))
            continue
        override, reason = _parse_one(text)
        if override is None:
            problems.append(Problem(f"command line, {text}", reason, todo=_as_meant(text)))
        else:
            parsed.append(override)
    return parsed, problems


def _as_meant(text: str) -> str:
    """What to write in the place of an override that the grammar refuses."""
    key, is_value, value = text.partition("=")
    if text.startswith("/"):
        group = key.lstrip("/")
        return f"write {nearest_name(group, _CHOSEN) or group}={value}"
    if not is_value:
        return "write key=value, such as model=mlp or seed=3"
    if value.startswith(("[", "{")):
        example = _with_quotes(value) or '[{metric: roc_auc, set_by: "Risk team, Q2"}]'
        return (
            "close every bracket, and put a text with a comma or a colon into quotes of its own: "
            f"'{key}={example}'"
        )
    todo = "write key=value, such as model=mlp or seed=3; quote a text twice"
    return f"{todo}: {_twice_quoted(text)}"


def _with_quotes(value: str) -> str:
    """A list or mapping with quotes around its texts that hold commas; "" where that is no help.

    A comma inside of a text begins a key without a value, as YAML reads it: `{by: Risk team, Q2}`.
    """
    import yaml

    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return ""
    written = _written(read)
    return written if not _parse_one(f"key={written}")[1] else ""


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        whole: dict[str, object] = {}
        for key, entry in value.items():
            if entry is None and whole and isinstance(last := whole[[*whole][-1]], str):
                whole[[*whole][-1]] = f"{last}, {key}"
            else:
                whole[str(key)] = entry
        return f"{{{', '.join(f'{key}: {_written(entry)}' for key, entry in whole.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    plain = not isinstance(value, str) or re.fullmatch(r"[\w. -]+", value)
    return str(value) if plain else f'"{value}"'


def twice(parsed: Sequence[Override]) -> Iterator[Problem]:
    """Keys that are given more than once, of which only the last would count.

    The device and the number of processes decide no result; a script may set them and a person set
    them again.
    """
    first: dict[str, str] = {}
    for override in parsed:
        key, line = override.get_key_element().lstrip("+~"), str(override.input_line)
        if key not in LOCAL and first.setdefault(key, line) != line:
            fault = f"{key} is given twice; it is also in {first[key]}"
            yield Problem(f"command line, {line}", fault, todo="keep one of them")


def _too_large(text: str) -> str:
    """Why an override is not even read: its length, or brackets inside of brackets."""
    if len(text) > _LONGEST:
        return f"it has {len(text)} characters, and at most {_LONGEST} are read"
    level = deepest = 0
    for letter in text:
        level += (letter in "[{(") - (letter in "]})")
        deepest = max(deepest, level)
    return f"it is more than {_DEEPEST} brackets deep" if deepest > _DEEPEST else ""


def _parse_one(text: str) -> tuple[Override | None, str]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, is_value, value = text.partition("=")
    if not key.lstrip("+~").strip():
        return None, "it has no key"
    if key.startswith("/"):
        return None, "a slash before a group belongs into the `defaults:` of a file"
    parser = OverridesParser.create()
    try:
        return parser.parse_override(text), ""
    except HydraException as error:
        reason = str(error).splitlines()[0]
    plain = _quoted_list(value) or quoted(value)
    if not is_value or (value.startswith(_STRUCTURED) and plain == quoted(value)):
        unread = "the list or mapping cannot be read" if value.startswith(("[", "{")) else reason
        return None, unread if is_value else "it has no value"
    try:
        return parser.parse_override(f"{key}={plain}"), ""
    except HydraException:
        return None, reason


def _quoted_list(value: str) -> str:
    """A list of plain texts, each of them in quotes; "" where the value is something else."""
    inside = _PLAIN_LIST.fullmatch(value)
    parts = [part.strip() for part in inside[1].split(",")] if inside else [""]
    return f"[{','.join(map(quoted, parts))}]" if all(parts) else ""


def quoted(value: str) -> str:
    """A text as Hydra's grammar quotes it."""
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), value)
    return f"'{escaped}'"


def _twice_quoted(text: str) -> str:
    key, _, value = text.partition("=")
    return f"""'{key}="{value.strip("'" + '"')}"'"""


def names(override: Override) -> tuple[str, ...]:
    """The choices that an override of a group names, with their signs.

    Of a group of which several are chosen, `+group=name` is `group=[+name]`, and `~group=name` is
    `group=[-name]`.
    """
    words = words_of(override.value())
    if override.key_or_group not in MULTIPLE:
        return words
    sign = "-" if override.is_delete() else "+" if override.is_add() else ""
    return tuple(word if word.startswith(("+", "-")) else f"{sign}{word}" for word in words)


def refused(override: Override, known: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Why this override cannot be used in one run; empty if it can."""
    group = override.key_or_group
    where = f"command line, {override.input_line}"
    if override.is_sweep_override():
        todo = _several(override, known)
        return [Problem(where, "several values for one run", "one value", todo)]
    if names_hydra(override.get_key_element().lstrip("+~")):
        folders = Problem(where, "folders of YAMLs are not named so", "", "use --config-dir DIR")
        return [folders if group == "hydra.searchpath" else not_of_hydra(where)]
    if group not in known:
        return []
    shortened = group in MULTIPLE and override.is_delete() and override.value() is not None
    if (override.is_delete() and not shortened) or override.value() is None:
        return _nothing(where, override, known[group])
    several = isinstance(override.value(), list)
    if group not in MULTIPLE and (several or override.is_force_add()):
        fault = "several choices" if several else "a choice is not added by force"
        return [Problem(where, fault, f"one of {choices(known[group])}")]
    problems = []
    for word in names(override):
        if (bare_name(word) if group in MULTIPLE else word) not in known[group]:
            problem = unknown(where, word, group, known[group])
            todo = choice_of_file(group, word) or _formats(group, [word]) or problem.todo
            problems.append(replace(problem, todo=todo or _estimator(group, word)))
    return problems


def _several(override: Override, known: Mapping[str, Sequence[str]]) -> str:
    """What to write for several values: a list where one is taken, or a sweep."""
    group, values = override.key_or_group, str(override.input_line).partition("=")[2]
    if group in MULTIPLE:
        return f"write {group}=[{values}] for all of them, or add -m for one run each"
    if formats := _formats(group, values.split(",")):
        return formats
    if group in known:
        return f"choose one, or add -m for one run each: -m {override.input_line}"
    if re.fullmatch(r"[+-]?\d+,\d+", values):
        number = f"{override.get_key_element()}={values.replace(',', '.')}"
        return f"write {number} for one number, or add -m for one run each"
    quoted = _twice_quoted(str(override.input_line))
    return f"add -m for one run each, or quote a text with a comma twice: {quoted}"


def _formats(group: str, words: Sequence[str]) -> str:
    """`report.formats=[pdf]` for `report=pdf`: a form of the report is not a choice of its file."""
    forms = {"html", "brief", "pdf", "docx"}
    if group != "report" or not forms.issuperset(words) or words == ["html"]:
        return ""
    return f"write report.formats=[{','.join(words)}]"


def _nothing(where: str, override: Override, known: Sequence[str]) -> list[Problem]:
    """A group that every run needs is left empty, or one that can be left out is set to null."""
    group = override.key_or_group
    fault = f"nothing is chosen for {group}"
    if group in (*SINGLE, *MULTIPLE):
        todo = f"write {group}=[] for none" if group in MULTIPLE else "choose one"
        return [Problem(where, fault, choices(known), todo)]
    if override.is_delete():
        return []
    return [Problem(where, fault, choices(known), f"choose one, or write ~{group} for none")]


def _estimator(group: str, word: str) -> str:
    """How an estimator of scikit-learn is chosen, whose name stands for a model."""
    is_estimator = group == "model" and word.endswith(("Classifier", "Regressor", "Regression"))
    return f"write model=sklearn model.estimator={word}" if is_estimator else ""


def forced(override: Override, groups: Container[str]) -> str:
    """A value override may set any field of a plug-in, also one that its YAML does not list."""
    text = str(override.input_line)
    is_value = override.type.name in {"CHANGE", "ADD"} and override.key_or_group not in groups
    return f"++{text.lstrip('+')}" if is_value and not text.startswith("hydra") else text


def expand(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The jobs of a sweep: every combination of `seed=1,2,3 model=mlp,deepseek`."""
    axes = []
    parsed, problems = parse(overrides)
    if problems:
        raise ConfigProblems(problems)
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            values = itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1)
            axes.append([f"{key}={value}" for value in values])
        else:
            axes.append([str(override.input_line)])
    if math.prod(map(len, axes)) > MOST_JOBS:
        raise ConfigProblems.of(
            "command line", f"the sweep has more than {MOST_JOBS} runs", todo="run it in parts"
        )
    for job in itertools.product(*axes):
        yield list(job)
