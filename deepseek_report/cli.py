"""The command line. Imports nothing heavy before it is needed."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report import __version__
from deepseek_report.errors import ConfigError, DeepseekReportError

if TYPE_CHECKING:
    from deepseek_report.config.experiment import Experiment

_USAGE = """\
deepseek-report [OVERRIDES…]             compose, check, run, render; prints the report's path
deepseek-report -m seed=1,2,3 model=mlp,deepseek    a sweep: one report for each combination
deepseek-report check [OVERRIDES…]       problems, plan, what is cached, what it will cost
deepseek-report render RUN [--to html,pdf,docx] [--engine auto|quarto|embedded]
deepseek-report verify RUN               are the files those that the run wrote?
deepseek-report list [GROUP]             what can be chosen, one line each
deepseek-report doctor                   what is installed, what is missing, what that costs
"""
_OVERRIDES = """\
An override is key=value: model=mlp, explainers=[shap,lime], explainers.lime.num_samples=800,
seed=3, report.title="My model", dataset=csv dataset.path=loans.csv dataset.target=default.
What can be chosen: deepseek-report list. The whole configuration: deepseek-report --cfg job.

Exit codes: 0 whole; 1 finished, but a declared part failed and the report says so;
2 a problem in the configuration or the data; 3 a declared threshold was not met, where
report.fail_on=true asks for it.
"""
#: Set before numpy is loaded: one thread a process, so that sums are the same on every machine.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_COMMANDS = ("check", "render", "verify", "list", "doctor")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code; a user's error shows no traceback."""
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    command = arguments[0] if arguments and arguments[0] in _COMMANDS else ""
    handler = {
        "": _run,
        "check": _check,
        "render": _render,
        "verify": _verify,
        "list": _list,
        "doctor": _doctor,
    }[command]
    try:
        return handler(list(arguments[1 if command else 0 :]))
    except ConfigError as error:
        return _say_error(error, 2)
    except DeepseekReportError as error:
        return _say_error(error, 2 if type(error).__name__ == "DataError" else 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        return 130
    except Exception as error:  # nobody should have to read a traceback
        return _say_unexpected(error)


def _say_unexpected(error: Exception) -> int:
    """One sentence: what happened, where the details are, and what to do."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="deepseek-report-", suffix=".txt", delete=False, encoding="utf-8"
    ) as details:
        details.write("".join(traceback.format_exception(error)))
    if isinstance(error, OSError) and error.filename is not None:
        happened = f"{error.filename}: {error.strerror}"
        todo = "check the path, its rights and the free space"
    else:
        happened = f"an error that nobody foresaw ({type(error).__name__}: {error})"
        todo = "please report it with that file and the command"
    print(f"{happened}; the details are in {details.name}; {todo}", file=sys.stderr)
    return 1


def _say_error(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)
    return code


def _parser(command: str, *, overrides: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"deepseek-report {command}".strip(),
        usage=None if command else "deepseek-report [COMMAND] [OPTIONS] [OVERRIDES…]",
        description=None if command else _USAGE,
        epilog=_OVERRIDES if overrides else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if overrides:
        parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="key=value")
        help_dir = "a folder of your own YAMLs, laid out like conf/"
        parser.add_argument("--config-dir", "-cd", metavar="DIR", help=help_dir)
        help_trust = "a package whose classes a config may name in _target_; may be repeated"
        parser.add_argument("--trust", action="append", default=[], metavar="PKG", help=help_trust)
    return parser


def _experiment(options: argparse.Namespace, overrides: Sequence[str]) -> Experiment:
    from deepseek_report.config.compose import compose
    from deepseek_report.config.validate import validate

    return validate(compose(overrides, options.config_dir), options.trust)


def _run(arguments: list[str]) -> int:
    parser = _parser("", overrides=True)
    parser.add_argument("--multirun", "-m", action="store_true", help="run every combination")
    parser.add_argument("--cfg", "-c", choices=["job"], help="print the configuration, run nothing")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_intermixed_args(arguments)
    if options.cfg:
        return _print_config(options)
    if not options.multirun:
        return _run_one(options, options.overrides)
    from deepseek_report.config.overrides import expand

    jobs = list(expand(options.overrides))
    experiments = [_experiment(options, job) for job in jobs]  # every problem before the first run
    codes = []
    for number, job in enumerate(jobs, start=1):
        print(f"job {number} of {len(experiments)}: {' '.join(job)}", flush=True)
        codes.append(_run_one(options, job))
    return max(codes, default=0)


def _print_config(options: argparse.Namespace) -> int:
    import yaml

    experiment = _experiment(options, options.overrides)
    print(yaml.safe_dump(dict(experiment.raw), sort_keys=False, allow_unicode=True), end="")
    return 0


def _run_one(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    experiment = _experiment(options, overrides)
    from deepseek_report.runner.run import run_experiment
    from deepseek_report.terminal import reporter, say_finished

    with reporter() as shown:
        finished = run_experiment(experiment, shown, overrides)
    say_finished(finished)
    return finished.exit_code


def _check(arguments: list[str]) -> int:
    parser = _parser("check", overrides=True)
    options = parser.parse_intermixed_args(arguments)
    experiment = _experiment(options, options.overrides)
    from deepseek_report.runner.forecast import forecast
    from deepseek_report.terminal import say_forecast

    say_forecast(forecast(experiment))
    return 0


def _render(arguments: list[str]) -> int:
    parser = _parser("render", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("--to", default="", metavar="FORMATS", help="of html, pdf, docx")
    parser.add_argument("--engine", choices=["auto", "quarto", "embedded"])
    options = parser.parse_args(arguments)
    formats: Any = [one.strip() for one in options.to.split(",") if one.strip()]
    if unknown := [one for one in formats if one not in {"html", "pdf", "docx"}]:
        raise ConfigError(f"--to {options.to}: {unknown[0]} is not a format; use html, pdf, docx")
    from deepseek_report.runner.writing import read_run, write_report

    gc.disable()  # one report, then the process ends: nothing is worth collecting
    pages, _ = write_report(options.run, formats, options.engine)
    for page in pages:
        print(page)
    return 1 if any(one["kind"] == "failed" for one in read_run(options.run)["problems"]) else 0


def _verify(arguments: list[str]) -> int:
    parser = _parser("verify", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    options = parser.parse_args(arguments)
    from deepseek_report.runner.verify import verify

    problems, files = verify(options.run)
    for problem in problems:
        print(problem)
    print(
        f"{len(problems)} of {files} files are not as the run wrote them"
        if problems
        else f"{files} files are as the run wrote them, and run.json is valid"
    )
    return 1 if problems else 0


def _list(arguments: list[str]) -> int:
    parser = _parser("list", overrides=False)
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


def _doctor(arguments: list[str]) -> int:
    _parser("doctor", overrides=False).parse_args(arguments)
    from deepseek_report.doctor import examine
    from deepseek_report.terminal import say_doctor

    findings = examine()
    say_doctor(findings)
    return 1 if any(one.state == "missing" for one in findings) else 0
