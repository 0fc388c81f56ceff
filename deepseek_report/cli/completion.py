"""Completes a command line: commands, options and run folders here, overrides by the YAMLs."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from deepseek_report.cli.parsing import COMMANDS, make_parser
from deepseek_report.errors import DeepseekReportError
from deepseek_report.extension import extension_commands

_BROUGHT = extension_commands().items()
_COMPOSING = ("--config-dir", "--trust", "--trust-type", "--help")
#: The options of each command; "" is a run.
OPTIONS: dict[str, tuple[str, ...]] = {
    "": (*_COMPOSING, "--multirun", "--cfg", "--version"),
    "init": (
        *("--data", "--target", "--sensitive", "--favourable", "--entity", "--time", "--text"),
        *("--drop", "--keep", "--sector", "--place", "--name", "--copy", "--yes", "--plugin"),
        "--help",
    ),
    "check": (*_COMPOSING, "--seal", "--key", "--out"),
    "render": ("--to", "--engine", "--language", "--people", "--trust", "--help"),
    "explain-case": (
        *("--row", "--store", "--out", "--json", "--letter", "--language"),
        *("--trust", "--trust-type", "--help"),
    ),
    "runs": ("--config-dir", "--help"),
    "clean": ("--config-dir", "--older-than", "--all", "--remote", "--yes", "--apply", "--help"),
    "list": ("--config-dir", "--help"),
    "compare": ("--baseline", "--region", "--output", "--help"),
    "doctor": ("--help",),
    "completion": ("--help",),
    **{name: made.options for name, made in _BROUGHT},
}
#: What may follow an option; after --config-dir and --data the shell offers files by itself.
_AFTER: dict[str, tuple[str, ...]] = {
    "--to": ("html", "brief", "pdf", "docx"),
    "--engine": ("auto", "quarto", "embedded"),
    "--cfg": ("job",),
    "-c": ("job",),
    "--older-than": ("7d", "30d", "90d"),
    "--config-dir": (),
    "-cd": (),
    "--data": (),
    "--target": (),
    "--name": (),
    "--trust": (),
    "--row": (),
    "--store": (),
    "--out": (),
    "--letter": ("regb", "gdpr", "ccd"),
}
#: Where it depends on the command.
_AFTER_OF: dict[tuple[str, str], tuple[str, ...]] = {
    (name, option): words for name, made in _BROUGHT for option, words in made.after.items()
}
#: Commands that take the folder of a run.
_OF_RUNS = {
    *("compare", "explain-case", "render"),
    *(name for name, made in _BROUGHT if made.of_runs),
}
SHELLS = ("bash", "zsh", "fish")


def candidates(line: str) -> list[str]:
    """How the last word of a command line can go on; empty where the shell should offer files.

    line : the command line up to the cursor, with the name of the program. Brackets in it may be
        quoted, as zsh wants them.
    """
    words = [word.lstrip("'\"").replace("\\", "") for word in line.split()[1:]]
    current = "" if line.endswith((" ", "\t")) or not words else words.pop()
    command = words[0] if words and words[0] in COMMANDS else ""
    following = _AFTER_OF.get((command, words[-1]), _AFTER.get(words[-1])) if words else None
    if following is not None:
        offered: Sequence[str] = following
    elif current.startswith("-"):
        offered = OPTIONS.get(command, ())
    else:
        offered = _words(command, words, current)
    return [word for word in offered if word.startswith(current)]


def _words(command: str, words: Sequence[str], current: str) -> Sequence[str]:
    from deepseek_report.config.catalogue import Completer

    config_dir = _config_dir(words)
    if command in _OF_RUNS:
        return _run_folders(current)
    if command == "completion":
        return SHELLS if len(words) == 1 else ()
    if command in {"init", "doctor"}:
        return ()
    completer = Completer(words, config_dir)
    if command == "list":
        return tuple(completer.groups)
    if command in {"runs", "clean"}:
        chosen = completer.overrides(current) if current.startswith("experiment=") else ()
        return (*chosen, "paths.reports=", "paths.store=", "experiment=")
    commands = COMMANDS if not words else ()
    return (*commands, *completer.overrides(current))


def _config_dir(words: Sequence[str]) -> str | None:
    for place, word in enumerate(words):
        if word in {"--config-dir", "-cd"} and place + 1 < len(words):
            return words[place + 1]
        if word.startswith("--config-dir="):
            return word.partition("=")[2]
    return None


def _run_folders(current: str) -> list[str]:
    from deepseek_report.artifacts.storage.plain_files import folders_in, is_file
    from deepseek_report.config.catalogue import find_places

    reports = find_places().reports
    folders = [
        str(folder)
        for experiment in folders_in(reports, links=True)
        for folder in folders_in(experiment)
        if "." not in {experiment.name[0], folder.name[0]} and is_file(folder / "run.json")
    ]
    return [folder for folder in folders if folder.startswith(current)]


_BASH = """\
# deepseek-report: put this into ~/.bashrc:  eval "$(deepseek-report completion bash)"
_deepseek_report() {
    local line="${COMP_LINE:0:COMP_POINT}" current kept one
    current="${line##*[[:space:]]}"
    kept=""
    if [[ "$COMP_WORDBREAKS" == *=* && "$current" == *=* ]]; then
        kept="${current%"${current##*=}"}"
    fi
    COMPREPLY=()
    while IFS= read -r one; do
        COMPREPLY+=("${one#"$kept"}")
    done < <(command "${1/#\\~/$HOME}" completion --answer "$line" 2>/dev/null)
    case "${COMPREPLY[0]:-}" in
        *[=.]) compopt -o nospace 2>/dev/null ;;
        *"["*) compopt -o nospace 2>/dev/null ;;
    esac
}
complete -o default -F _deepseek_report deepseek-report
"""
_ZSH = """\
#compdef deepseek-report
# deepseek-report: put this into ~/.zshrc, after compinit:  eval "$(deepseek-report completion zsh)"
_deepseek_report() {
    local -a found ended open
    local one line="${(j: :)words[1,CURRENT]}"
    found=("${(@f)$(command ${~words[1]} completion --answer "$line" 2>/dev/null)}")
    for one in $found; do
        case $one in
            *=|*.|*\\[*) open+=($one) ;;
            ?*) ended+=($one) ;;
        esac
    done
    if (( ${#ended} + ${#open} == 0 )); then
        compset -P '*='
        _files
        return
    fi
    (( ${#open} )) && compadd -S '' -- $open
    (( ${#ended} )) && compadd -- $ended
}
compdef _deepseek_report deepseek-report
"""
_FISH = """\
# deepseek-report: put this into ~/.config/fish/completions/deepseek-report.fish
function __deepseek_report
    command deepseek-report completion --answer (commandline -cp | string collect) 2>/dev/null
end
complete -c deepseek-report -f -a '(__deepseek_report)'
complete -c deepseek-report -n 'test (count (__deepseek_report)) -eq 0' -F
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def command(arguments: list[str]) -> int:
    """Print the script of a shell; with `--answer LINE` what the script asks for, line by line."""
    if arguments[:1] == ["--answer"]:
        return _answer(" ".join(arguments[1:]))
    parser = make_parser("completion")
    parser.add_argument("shell", choices=SHELLS, help="the first line of the script says where to")
    print(_SCRIPTS[parser.parse_args(arguments).shell], end="")
    return 0


def _answer(line: str) -> int:
    """Nothing is the answer where the configuration is broken: a Tab shows no error."""
    try:
        answers = candidates(line)
    except (DeepseekReportError, OSError, ValueError, AttributeError, TypeError, yaml.YAMLError):
        return 0
    for answer in answers:
        print(answer)
    return 0
