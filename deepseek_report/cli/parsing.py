"""What several commands share: their parsers, and the experiment that the arguments describe."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deepseek_report.extension import BROUGHT, extension_commands, not_installed

if TYPE_CHECKING:
    from deepseek_report.config.composed import Composed
    from deepseek_report.config.experiment import Experiment
    from deepseek_report.config.problems import ConfigProblems
    from deepseek_report.errors import ConfigError

#: {command: (what it takes, what it does)} of the core, each a module of this folder, with `_` for
#: `-`, and of the extensions that lie here.
COMMANDS = {
    "init": ("DIR [--data FILE] [OVERRIDES…]", "a study of your own, ready to run"),
    "check": (
        "[OVERRIDES…] [--seal]",
        "what was understood, the plan, what is cached, the minutes",
    ),
    "render": ("RUN [--to html,brief,pdf,docx]", "the report again, in other forms or languages"),
    "explain-case": (
        "RUN --row FILE [--letter KIND]",
        "rows that were not in the data, by the stored model",
    ),
    "compare": ("RUN RUN… [--baseline RUN]", "several runs in one document"),
    **{name: (made.takes, made.does) for name, made in extension_commands().items()},
    "runs": ("", "the runs there are: when, whole or not, thresholds met"),
    "clean": ("[--older-than 30d] [--yes]", "what the store holds, and what of it can go"),
    "list": ("[GROUP]", "what can be chosen, one line each"),
    "doctor": ("", "what is installed, what is missing, what that costs"),
    "completion": ("bash|zsh|fish", "a script that completes commands, choices and keys"),
}
_RUNS = {
    "[OVERRIDES…]": "compose, check, run, render; prints the report's path",
    "-m seed=1,2,3 model=mlp,nam": "a sweep: one report for each combination",
}
_OVERRIDES = """\
An override is key=value: model=mlp, explainers=[shap,lime], explainers.lime.num_samples=800,
seed=3, report.title="My model", dataset=csv dataset.path=loans.csv dataset.target=default.
What can be chosen: deepseek-report list. The whole configuration: deepseek-report --cfg job.

Exit codes: 0 whole; 1 finished, but a declared part failed and the report says so;
2 a problem in the configuration or the data; 3 a declared threshold was not met or could not be
measured, where report.fail_on=true asks for it.
"""


def _usage() -> str:
    lines = _RUNS | {f"{name} {takes}".strip(): does for name, (takes, does) in COMMANDS.items()}
    width = max(map(len, lines)) + 2
    return "".join(f"deepseek-report {line:<{width}}{does}\n" for line, does in lines.items())


class CommandParser(argparse.ArgumentParser):
    """A parser that says what is wrong as every other message does, and what may be meant."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("type", Path, lambda text: Path(_local(text)))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """See `argparse`; an option that the command does not have is told before all else.

        Raises ConfigError: an option of another name, or a word that stands where none is taken.
        """
        words = list(args or ())
        for place, word in enumerate(words[: words.index("--") if "--" in words else None]):
            option, _, value = word.partition("=")
            if option[:1] == "-" and option != "-" and not self._knows(option):
                following = words[place + 1 : place + 2]
                value = value or next((text for text in following if text[:1] != "-"), "")
                self._refuse(option, value)
            elif self._takes_settings and (todo := _meant(words, place)):
                raise _no_command(word, todo)
        return super().parse_known_args(args, namespace)

    def _knows(self, option: str) -> bool:
        known = self._option_string_actions
        return option in known or (option[:2] != "--" and option[:2] in known)

    @property
    def _takes_settings(self) -> bool:
        return {"--trust", "--config-dir"} <= self._option_string_actions.keys()

    def _refuse(self, option: str, value: str) -> NoReturn:
        from deepseek_report.config.problems import nearest_name
        from deepseek_report.errors import ConfigError

        known = sorted(name for name in self._option_string_actions if name.startswith("--"))
        key = option.lstrip("-")
        if self._takes_settings and option in ("-m", "--multirun"):
            todo = "give one value for each key; `deepseek-report -m …` checks each run beforehand"
        elif longer := [name for name in known if name.startswith(option) and len(key) > 2]:
            todo = f"write {longer[0]}" + (" DIR" if longer[0] == "--config-dir" else "")
        elif self._takes_settings and option.startswith("--"):
            todo = f"settings are written without dashes: {setting_of(key, value)}"
        elif close := nearest_name(option, known):
            todo = f"did you mean {close}?"
        else:
            todo = f"`{self.prog} --help` says what each is for"
        raise ConfigError(
            f"{self.prog}: there is no option {option}\n    allowed: {', '.join(known)}\n"
            f"    what to do: {todo}"
        )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and how the command is written; raises ConfigError: always."""
        from deepseek_report.errors import ConfigError

        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        raise ConfigError(f"{self.prog}: {message}\n    what to do: write it as {usage}")


def _local(text: str) -> str:
    """A path of this machine as an argument, `~` spelled out."""
    from deepseek_report.artifacts.storage.local_paths import local_path

    try:
        return local_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {error}") from None


def setting_of(key: str, value: str) -> str:
    """How a setting is written: `dataset=csv`, `dataset.target=COLUMN`."""
    from deepseek_report.config.setting_names import full_key

    return f"{full_key(key) or key}={value or '…'}"


def make_parser(command: str, *, overrides: bool = False) -> CommandParser:
    """The parser of a command; with `overrides`, of one that composes a configuration."""
    parser = CommandParser(
        prog=f"deepseek-report {command}".strip(),
        usage=None if command else "deepseek-report [COMMAND] [OPTIONS] [OVERRIDES…]",
        description=COMMANDS[command][1] if command else _usage(),
        epilog=_OVERRIDES if overrides else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if overrides:
        parser.add_argument(
            "overrides", nargs="*", metavar="OVERRIDE", help="key=value", type=_override
        )
        add_config_dir(parser, "a folder of your own YAMLs, laid out like conf/")
        add_trust(parser, types=True)
    return parser


def add_config_dir(parser: argparse.ArgumentParser, meaning: str) -> None:
    """The option that names a person's own configuration."""
    parser.add_argument("--config-dir", "-cd", type=_local, metavar="DIR", help=meaning)


def places_parser(command: str, place: str) -> CommandParser:
    """The parser of a command on a place, such as `paths.store`, that a configuration names."""
    parser = make_parser(command)
    parser.add_argument("places", nargs="*", metavar="OVERRIDE", help=f"such as {place}=DIR")
    add_config_dir(parser, "your own YAMLs, whose paths count")
    return parser


def run_parser(command: str) -> CommandParser:
    """The parser of a command on the folder of a run."""
    parser = make_parser(command)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    return parser


def add_store(parser: argparse.ArgumentParser) -> None:
    """The option that names where the model of a run is kept."""
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="the store of the run; else .store beside it"
    )


#: The run, its store, and the packages and the types that the person who asks trusts.
AskedModel = tuple[Path, Path, tuple[str, ...], tuple[str, ...]]


def asked_model(options: argparse.Namespace) -> AskedModel:
    """Whose stored model a command asks, as the fields of a `ModelRequest`."""
    from deepseek_report.store.run_folder import beside

    store = options.store or beside(options.run, ".store")
    return options.run, store, tuple(options.trust), tuple(options.trust_type)


def add_trust(parser: argparse.ArgumentParser, *, types: bool = False) -> None:
    """The options by which a person, and no file, says what may be loaded.

    types : also which types a skops file may hold.
    """
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PKG",
        help="a package whose classes a config or a run may name in _target_; may be repeated",
    )
    if types:
        parser.add_argument(
            "--trust-type",
            action="append",
            default=[],
            metavar="DOTTED.NAME",
            help="a class or function that a skops file may hold, by its dotted path; repeatable",
        )


def _override(text: str) -> str:
    """An override as it is; any other word may be a command, mistyped or in the wrong place."""
    if "=" in text or text.startswith("~"):
        return text
    from deepseek_report.config.problems import nearest
    from deepseek_report.config.setting_names import file_hint
    from deepseek_report.errors import ConfigError

    if text in BROUGHT and text not in COMMANDS:
        raise not_installed(text)
    if text in COMMANDS:
        raise ConfigError(
            f"{text} is a command, and a command comes first, followed by what it is about: "
            f"deepseek-report {text} …"
        )
    hint = nearest(text, COMMANDS) or file_hint(text) or "deepseek-report --help shows both"
    raise _no_command(text, hint)


def _no_command(text: str, hint: str) -> ConfigError:
    from deepseek_report.errors import ConfigError

    if text in COMMANDS:
        return ConfigError(f'"{text}" is a command, and a command comes first; {hint}')
    return ConfigError(
        f'"{text}" is neither a command ({", ".join(COMMANDS)}) nor key=value, such as model=mlp; '
        f"{hint}"
    )


def _meant(words: Sequence[str], place: int) -> str:
    """What to write where blanks cut a setting into words, or "" if the word is none of these."""
    word, before = words[place], words[place - 1] if place else ""
    if _is_setting(word):
        return ""
    from deepseek_report.config.problems import nearest
    from deepseek_report.config.setting_names import file_hint, full_key

    cut = list(itertools.takewhile(lambda each: not _is_setting(each), words[place:]))
    key, is_value, _ = before.partition("=")
    is_known = word in COMMANDS or nearest(word, COMMANDS) or file_hint(word)
    if is_value and before[:1] != "-" and ("." in key or not is_known):
        todo = f"put a text with blanks into quotes: '{' '.join([before, *cut])}'"
        return f"write deepseek-report {word} …, or {todo}" if cut[0] in COMMANDS else todo
    if is_known:
        return ""
    after = [text for text in words[place + 1 : place + 3] if text != "="]
    if before[:1] == "-" or not after or not full_key(word):
        return ""
    return f"write it without blanks: {full_key(word)}={after[0]}"


def _is_setting(word: str) -> bool:
    """Whether a word stands by itself: a setting, an option, or a group that is taken away."""
    return "=" in word or (word[:1] in {"-", "~"} and word != "-")


def compose_experiment(
    options: argparse.Namespace,
    overrides: Sequence[str],
    on_composed: Callable[[Composed], None] = lambda _: None,
) -> Experiment:
    """The valid experiment that the command line describes.

    In a terminal, a package of the study's own folder that is not trusted yet is asked for once.

    on_composed : hears of the configuration before it is checked, if every override can be read.
    """
    from deepseek_report.config.compose import compose
    from deepseek_report.config.problems import ConfigProblems
    from deepseek_report.config.validate import validate

    composed = compose(overrides, options.config_dir)
    if not composed.problems:
        on_composed(composed)
    try:
        return validate(composed, options.trust, options.trust_type)
    except ConfigProblems as problems:
        if not _is_trusted_now(problems, options.config_dir):
            raise
    return validate(composed, options.trust, options.trust_type)


def _is_trusted_now(problems: ConfigProblems, config_dir: str | None) -> bool:
    """Whether the person, asked in a terminal, trusts the study's own packages; kept beside it."""
    if not problems.untrusted or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    from deepseek_report.cli.output.console import printable
    from deepseek_report.config import local_code, trusted

    folder = Path(config_dir).parent if config_dir else Path()
    own = local_code.find(problems.untrusted, [folder])
    for package in own:
        print(
            f"This study runs code of its own: {printable(problems.untrusted[package])}, in "
            f"{printable(folder / package)}. It can do whatever you can."
        )
        try:
            answer = input(f"Do you trust the package {printable(package)} in this folder? [y/N] ")
        except EOFError:
            return False
        if answer.strip().casefold() not in {"y", "yes"}:
            return False
    if own:
        print(f"Kept in {printable(trusted.keep(folder, list(own)))}, for you in this folder.")
    return bool(own)
