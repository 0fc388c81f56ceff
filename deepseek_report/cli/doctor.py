"""`deepseek-report doctor`: what is installed, what is missing, what that costs."""

from __future__ import annotations

from deepseek_report.cli.parsing import make_parser


def command(arguments: list[str]) -> int:
    """Print what was examined; 1 if something needed is missing."""
    make_parser("doctor", overrides=False).parse_args(arguments)
    from deepseek_report.doctor import examine
    from deepseek_report.terminal import say_doctor

    findings = examine()
    say_doctor(findings)
    return 1 if any(finding.state == "missing" for finding in findings) else 0
