"""`deepseek-report doctor`: what is installed, what is missing, what that costs."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_report import __version__, children
from deepseek_report.artifacts.advice import pip_install
from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import RenderError
from deepseek_report.extension import installed
from deepseek_report.provenance import version_of
from deepseek_report.rendering import pandoc, quarto
from deepseek_report.rendering.typeset import chinese_font

State = Literal["ok", "optional", "missing"]


@dataclass(frozen=True)
class Examined:
    """One thing looked at. cost : what does not work without it, and how to get it."""

    name: str
    state: State
    detail: str
    cost: str = ""


def command(arguments: list[str]) -> int:
    """Print what was examined; 1 if something needed is missing."""
    make_parser("doctor").parse_args(arguments)
    findings = examine()
    say_doctor(findings)
    return 1 if any(finding.state == "missing" for finding in findings) else 0


def examine() -> list[Examined]:
    """Everything that decides whether an experiment can run and what a report can look like."""
    examined = [Examined("deepseek-report", "ok", f"{__version__} on Python {_python()}")]
    examined.extend(_libraries())
    examined.extend([_pandoc(), _quarto(), _converter(), _fonts(), _device(), _memory()])
    for module in (each.doctor for each in installed() if each.doctor):
        examined.extend(importlib.import_module(module).examine())
    examined.append(_signing())
    return examined


def _python() -> str:
    return f"{platform.python_version()}, {platform.system()} {platform.machine()}"


def examined_library(
    name: str, library: str, state: State, cost: str, detail: str = "{}"
) -> Examined:
    """A library by its version. state, cost : where it is not installed."""
    version = version_of(library)
    if version == "not installed":
        return Examined(name, state, version, cost)
    return Examined(name, "ok", detail.format(version))


def _libraries() -> Iterator[Examined]:
    try:
        required = importlib.metadata.requires("deepseek-report") or []
    except importlib.metadata.PackageNotFoundError:
        required = []
    for requirement in required:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        cost = f"an experiment cannot run; pip install '{requirement}'"
        yield examined_library(name, name, "missing", cost)


def _pandoc() -> Examined:
    try:
        return Examined("pandoc", "ok", f"{pandoc.version()}, from its wheel")
    except (RenderError, OSError) as error:
        return Examined(
            "pandoc",
            "missing",
            str(error),
            "no report can be rendered; pip install pypandoc-binary",
        )


def _quarto() -> Examined:
    program = quarto.find()
    if program is None:
        todo = (
            "only --engine quarto needs the program, which no Python package holds; the embedded "
            "renderer does without"
        )
        return Examined("quarto", "optional", "neither on PATH nor named by QUARTO_PATH", todo)
    version = _version(program)
    if version is None:
        todo = "--engine quarto cannot work; install Quarto again, or correct QUARTO_PATH"
        return Examined("quarto", "optional", f"{program} does not answer --version", todo)
    return Examined("quarto", "ok", version)


def _converter() -> Examined:
    """What Quarto needs for the pictures of a DOCX."""
    program = shutil.which(quarto.CONVERTER)
    if program is None:
        return Examined(
            quarto.CONVERTER,
            "optional",
            "not on PATH",
            "only DOCX by --engine quarto needs it, for its pictures; install librsvg (on Debian "
            "the package librsvg2-bin)",
        )
    return Examined(quarto.CONVERTER, "ok", _version(program) or "installed, but says no version")


def _signing() -> Examined:
    """By what keys are made, and runs signed and their signatures checked."""
    cost = f"nothing can be signed and no signature checked; {pip_install('cryptography')}"
    return examined_library("signatures", "cryptography", "optional", cost, "cryptography {}")


def _version(program: str) -> str | None:
    """What a program says of its version; None if it cannot be asked."""
    try:
        done = children.run([program, "--version"], seconds=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None


def _fonts() -> Examined:
    font = chinese_font()
    if font.is_file():
        return Examined(
            "fonts of PDF",
            "ok",
            "Libertinus Serif, DejaVu Sans and, for Chinese, Report Han Sans; all come along",
        )
    return Examined(
        "fonts of PDF",
        "optional",
        f"{font.name} is missing",
        "Chinese in a PDF shows as boxes; install deepseek-report again. HTML is not concerned",
    )


def _device() -> Examined:
    try:
        import torch
    except ImportError:
        return Examined("device", "missing", "torch is not installed", "pip install torch")
    if torch.cuda.is_available():
        return Examined("device", "ok", f"cuda, {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Examined("device", "ok", "mps")
    return Examined("device", "ok", f"cpu, {os.cpu_count()} cores; no GPU is needed by the default")


def _memory() -> Examined:
    import psutil

    free = psutil.virtual_memory().available / 2**30
    todo = "" if free >= 2 else "the default experiment needs about 1.5 GiB"
    return Examined("free memory", "ok" if free >= 2 else "optional", f"{free:.1f} GiB", todo)


def say_doctor(findings: Sequence[Examined]) -> None:
    """What is installed, what is missing, what that costs."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    signs = {"ok": "[green]✓[/]", "optional": "[yellow]–[/]", "missing": "[red]✗[/]"}
    for finding in findings:
        console.print(f"{signs[finding.state]} {escape(finding.name)}: {escape(finding.detail)}")
        if finding.cost:
            console.print(f"    {escape(finding.cost)}")
