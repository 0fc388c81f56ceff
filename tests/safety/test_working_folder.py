"""No code that lies in the working folder runs: it may be a stranger's."""

from __future__ import annotations

import ast
import json
import os
import stat
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from deepseek_report.cli.parsing import COMMANDS
from deepseek_report.provenance.checkout import git_revision
from tests.cli.test_every_option import CALLS, Desk, words_of
from tests.configured import LINEAR, few_parts, places_in
from tests.house import PACKAGE, modules
from tests.shared_runs import SmallRun

#: By what other programs are started; `multiprocessing` is asked for in one place, which is safe.
STARTING = {
    *("run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"),
    *("system", "popen", "posix_spawn", "posix_spawnp", "fork", "forkpty", "startfile"),
}
#: Where the processes of this package are started, and the launchers by which a person chose to.
SAFE = {"children.py", "runner/execution/workers.py"}


def test_one_module_starts_programs() -> None:
    starting = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                started = node.value.id == "subprocess" and node.attr in STARTING
                started |= node.value.id == "os" and (
                    node.attr in STARTING or node.attr.startswith(("exec", "spawn"))
                )
                started |= node.value.id == "multiprocessing"
            elif isinstance(node, ast.ImportFrom):
                names = {name.name for name in node.names}
                started = node.module == "subprocess" and bool(names & STARTING)
                started |= (node.module or "").startswith("multiprocessing") and bool(
                    names & {"Process", "Pool", "get_context", "forkserver"}
                )
            else:
                continue
            if started:
                starting.add(path.relative_to(PACKAGE).as_posix())
    assert starting == SAFE


def planted(folder: Path, mark: Path) -> None:
    """A module of every name that Python and our libraries import, and a repository that runs."""
    names = {*sys.stdlib_module_names, *packages_distributions(), "sitecustomize", "usercustomize"}
    for name in filter(str.isidentifier, names):
        code = f"open({str(mark)!r}, 'a').write({name!r} + '\\n')\nraise ImportError('planted')\n"
        (folder / f"{name}.py").write_text(code, "utf-8")
    hostile_repository(folder, mark)


def hostile_repository(folder: Path, mark: Path) -> None:
    git(folder, "init", "--quiet")
    (folder / "table.csv").write_text("a,b\n1,2\n", "utf-8")
    (folder / ".gitattributes").write_text("*.csv filter=evil diff=evil\n", "utf-8")
    git(folder, "add", "table.csv", ".gitattributes")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "A")
    script = folder / ".git" / "evil"
    script.write_text(f"#!/bin/sh\necho git >> {mark}\ncat\n", "utf-8")
    hooks = folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for path in (script, hooks / "post-index-change", hooks / "fsmonitor-watchman"):
        path.write_text(script.read_text("utf-8"), "utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    included = folder / ".git" / "more"
    included.write_text(f'[filter "evil"]\nclean = {script}\nprocess = {script}\n', "utf-8")
    for key, value in {
        "core.fsmonitor": script, "core.hooksPath": hooks, "core.pager": script,
        "include.path": included, "diff.evil.textconv": script, "diff.external": script,
        "core.sshCommand": script, "alias.status": f"!{script}", "alias.rev-parse": f"!{script}",
    }.items():  # fmt: skip
        git(folder, "config", key, str(value))
    os.utime(folder / "table.csv", (1, 1))  # so that git looks into it


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


#: As an installed script is: its own folder stands on the path, and the working folder does not.
SCRIPT = """
import json, sys
from deepseek_report.__main__ import main
if __name__ == "__main__":
    for words in json.loads(sys.stdin.readline()):
        sys.argv = ["deepseek-report", *words]
        try:
            main()
        except SystemExit as left:
            print("\\nended:", left.code, flush=True)
"""


def test_every_command_leaves_the_code_of_the_working_folder_alone(
    short_run: SmallRun, small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mark, programs = tmp_path / "received", tmp_path / "mark", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    (programs / "deepseek-report").write_text(SCRIPT, "utf-8")
    lines: list[list[str]] = []
    codes = []
    for command, calls in CALLS.items():
        for place, call in enumerate(calls):
            if not call.lasts and call.needs in {"", *COMMANDS}:
                desk = Desk(short_run, small_run, tmp_path / f"{command or 'run'}-{place}")
                desk.folder.mkdir()
                lines.append([*([command] if command else []), *words_of(call, desk)])
                codes.append(call.code)
    lines.append(["debug=fast", "jobs=2", *places_in(tmp_path), *LINEAR, *few_parts()])
    lines.append(["reproduce", str(short_run.folder), "--env"])
    planted(folder, mark)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nothing is fetched, which `--env` says
    done = subprocess.run(
        [sys.executable, str(programs / "deepseek-report")],
        cwd=folder,
        input=json.dumps(lines),
        text=True,
        capture_output=True,
        check=False,
    )
    assert not mark.exists(), mark.read_text("utf-8")
    ended = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ended:")]
    assert ended == [*map(str, codes), "0", "2"], done.stdout + done.stderr


def test_a_process_of_python_m_leaves_it_alone_too(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "lime.py").write_text(f"open({str(mark)!r}, 'w')\n", "utf-8")
    program = (
        "import os, sys; from deepseek_report.children import leave_working_folder_out, run; "
        "leave_working_folder_out(); import lime; "
        "run([sys.executable, '-c', 'import lime'], seconds=60)"
    )
    known = {**os.environ, "PYTHONPATH": f"{PACKAGE.parent}{os.pathsep}"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


def test_the_revision_is_told_by_a_repository_that_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    folder = tmp_path / "checkout"
    folder.mkdir()
    assert git_revision(folder) == ""
    hostile_repository(folder, mark)
    clean = git_revision(folder)
    assert len(clean) == 40
    (folder / "new").write_text("x", "utf-8")
    assert git_revision(folder) == f"{clean}+changes"
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "exclude").write_text("new\n", "utf-8")
    assert git_revision(folder) == clean
    (folder / "table.csv").write_text("a,b\n1,3\n", "utf-8")
    assert git_revision(folder) == f"{clean}+changes"
    assert not mark.exists()
