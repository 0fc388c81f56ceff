"""`deepseek-report list`: what can be chosen."""

from __future__ import annotations

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import ConfigError


def command(arguments: list[str]) -> int:
    """Print the groups and their choices, one line each."""
    parser = make_parser("list", overrides=False)
    parser.add_argument("group", nargs="?", metavar="GROUP", help="such as explainers or model")
    parser.add_argument("--config-dir", "-cd", metavar="DIR", help="your own YAMLs as well")
    options = parser.parse_args(arguments)
    from deepseek_report.config.catalogue import describe, folders, groups, yaml_file
    from deepseek_report.config.problems import choices, nearest

    roots = folders(options.config_dir)
    known = groups(roots)
    if options.group and options.group not in known:
        hint = nearest(options.group, known)
        raise ConfigError(
            f'list: "{options.group}" is not a group. Allowed: {choices(known)}. {hint}'.strip()
        )
    for group in [options.group] if options.group else known:
        print(group)
        width = max((len(name) for name in known[group]), default=0)
        for name in known[group]:
            file = yaml_file(roots, group, name)
            print(f"  {name:<{width}}  {describe(file) if file else ''}".rstrip())
    return 0
