"""`deepseek-report completion`: a script for the shell, which asks this program at each Tab."""

from __future__ import annotations

import yaml

from deepseek_report.cli.completing import SHELLS, candidates
from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import DeepseekReportError

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
    parser = make_parser("completion", overrides=False)
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
