"""`deepseek-report list`: what can be chosen."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from deepseek_report.cli.output.console import printable
from deepseek_report.cli.parsing import add_config_dir, make_parser
from deepseek_report.errors import ConfigError


def command(arguments: list[str]) -> int:
    """Print the groups, their choices and their sets, one line each."""
    parser = make_parser("list")
    parser.add_argument("group", nargs="?", metavar="GROUP", help="such as explainers or model")
    add_config_dir(parser, "your own YAMLs as well")
    options = parser.parse_args(arguments)
    from deepseek_report.config.catalogue import describe, folders, groups, yaml_file
    from deepseek_report.config.problems import choices, nearest
    from deepseek_report.config.sets import describe_set, find_sets

    roots = folders(options.config_dir)
    known = groups(roots)
    if options.group and options.group not in known:
        hint = nearest(options.group, known)
        raise ConfigError(
            f'list: "{options.group}" is not a group. Allowed: {choices(known)}. {hint}'.strip()
        )
    sets = find_sets(roots, known)
    twins = (problem for named in sets.values() for problem in named.twins())
    for problem in twins:
        print(f"not read: {printable(f'{problem.where}: {problem.fault}')}", file=sys.stderr)
    for group in [options.group] if options.group else known:
        files = {name: yaml_file(roots, group, name) for name in known[group]}
        _say(group, {name: describe(file) if file else "" for name, file in files.items()})
        if group in sets:
            named = sets[group]
            _say(
                f"{group}, sets of them", {name: describe_set(named, name) for name in named.names}
            )
    return 0


def _say(heading: str, lines: Mapping[str, str]) -> None:
    print(heading)
    width = max(map(len, lines), default=0)
    for name, meaning in lines.items():
        print(printable(f"  {name:<{width}}  {meaning}".rstrip()))
