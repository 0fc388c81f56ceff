"""Every command and every option that `--help` names is called as a person calls it.

The options are those of the parsers themselves: a new one without a call fails here.
"""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from deepseek_report.cli import run
from deepseek_report.cli.parsing import COMMANDS
from tests.real_runs import small_results, write_rows
from tests.shared_runs import SmallRun


@dataclass(frozen=True)
class Call:
    """What a person types behind the name of a command, what it ends with, and what it says.

    lasts : whether the command goes on until the person stops it. needs : a command of the
    extension without which the call is refused.
    """

    line: str
    says: str
    code: int = 0
    lasts: bool = False
    needs: str = ""


_TRUST = "--trust json --trust-type collections.OrderedDict"
#: {command: calls}; the names in braces are those of `Desk`.
_CALLS: dict[str, tuple[Call, ...]] = {
    "": (
        Call(f"-m --config-dir {{conf}} report=mine {_TRUST} seed=1 {{overrides}}", "job 1 of 1"),
        Call("--cfg job report.title=Mine", "title: Mine"),
        Call("--version", "0."),
    ),
    "init": (
        Call(
            "{new} --data {table} --target repaid --sensitive sex --drop code --keep stay "
            "--favourable yes --entity person --time day --sector credit --place EU --name mine "
            "--copy --yes --plugin",
            "conf/experiment/mine.yaml",
        ),
        Call("{new} --data {table} --target repaid --text note -y", "conf/experiment/new.yaml"),
    ),
    "check": (
        Call(
            f"--config-dir {{conf}} report=mine {_TRUST} --seal --key {{key}} --out {{new}} "
            "dataset.rows=300 paths.store={new}.store paths.reports={new}.reports",
            "run it with: report.seal=",
            needs="sign",
        ),
    ),
    "render": (
        Call(
            "{run} --to html,brief --engine embedded --language zh --people {decision} "
            "--trust json",
            "report.html",
        ),
    ),
    "verify": (
        Call(
            "{run} --expect {digest} --keys {keys} --policy {policy} --previous {run} --trust json",
            "1 of 1 required decision",
            code=1,
        ),
    ),
    "key": (Call("new grace --out {new}", "grace.pub"),),
    "sign": (
        Call("{run} --all --key {key}", ".dsse.json"),
        Call("{run} --decision {decision} --key {key}", ".dsse.json"),
    ),
    "pack": (Call("{run} --previous {run} --out {new}.zip", "new.zip"),),
    "export": (
        Call("{run} --to bom,model-card,docx --template development --out {new}", "development"),
    ),
    "explain-case": (
        Call(f"{{run}} --row {{rows}} --store {{store}} {_TRUST} --json", '"probability"'),
        Call(
            "{run} --row {rows} --store {store} --letter gdpr --language de --out {new}",
            "no letter: ",
            code=1,
        ),
    ),
    "serve": (Call(f"{{run}} --store {{store}} --port {{port}} {_TRUST}", "http", lasts=True),),
    "score-stream": (
        Call(
            "{run} --rows {rows} --batch 1 --explain none --out {new} --decimal . --store {store} "
            f"--board {{new}}.board --once {_TRUST}",
            "board: ",
        ),
        Call(
            "{run} --store {store} --replay --plant AGE=3 --explain none --port {port}",
            "TensorBoard: http",
            lasts=True,
        ),
    ),
    "watch": (
        Call(f"--config-dir {{conf}} report=mine {_TRUST} --once {{overrides}}", "board: "),
        Call("--port {port} {training}", "TensorBoard: http", lasts=True),
        Call("--board {new} --once {overrides}", "new"),
    ),
    "compare": (
        Call("{run} {other} --baseline {run} --region 0.02 --output {new}", "report.html"),
    ),
    "track": (
        Call("{run} --uri {new}", *(("logged", 0) if find_spec("mlflow") else ("MLflow", 1))),
    ),
    "reproduce": (
        Call(f"{{run}} --store {{store}} --output {{new}} --jobs 1 {_TRUST}", "the same"),
        Call("{run} --env --package {table} --dry-run", "Would make run"),
    ),
    "runs": (Call("--config-dir {conf} paths.reports={reports}", "thresholds"),),
    "clean": (
        Call("--config-dir {conf} paths.store={new} --older-than 30d --all --yes", "store"),
        Call("--remote", "--remote", code=2),
    ),
    "list": (Call("report --config-dir {conf}", "mine"),),
    "doctor": (Call("", "torch"),),
    "completion": (Call("bash", "deepseek-report"),),
}  # fmt: skip
#: Those of the core and of the extensions that lie here.
CALLS = {command: calls for command, calls in _CALLS.items() if command in {"", *COMMANDS}}


@dataclass(frozen=True)
class Desk:
    """What lies before a person: a run and its store, files of their own, places for new ones."""

    short: SmallRun
    small: SmallRun
    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(getattr(self, name)())

    def keys(self) -> Path:
        folder = self.folder / "keys"
        if not folder.exists():
            assert run(["key", "new", "ada", "--out", str(folder)]) == 0
        return folder

    def key(self) -> Path:
        return self.keys() / "ada.key"

    def run(self) -> Path:
        copy = self.folder / "received" / self.short.folder.name
        return copy if copy.exists() else self.short.copied(copy)

    def other(self) -> Path:
        return self.small.folder

    def store(self) -> Path:
        return self.short.store

    def reports(self) -> Path:
        return self.short.folder.parents[1]

    def overrides(self) -> str:
        return shlex.join(self.short.overrides(self.folder / "reports"))

    def digest(self) -> str:
        documents = json.loads((self.run() / "documents.json").read_text("utf-8"))
        return str(documents["run_digest"])

    def conf(self) -> Path:
        mine = self.folder / "conf" / "report" / "mine.yaml"
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("defaults: [html]\ntitle: Mine\n", "utf-8")
        return self.folder / "conf"

    def new(self) -> Path:
        return self.folder / "new"

    def rows(self) -> Path:
        return write_rows(small_results(self.short), 2, self.folder / "rows.csv")

    def table(self) -> Path:
        n = range(60)
        table = {
            "person": [f"P{at // 2:03d}" for at in n],
            "day": [f"2024-{1 + at % 12:02d}-0{1 + at % 9}" for at in n],
            "sex": ["m" if at % 3 else "f" for at in n],
            "income": [1000 + 37 * at % 900 for at in n],
            "stay": [10_000 + at for at in n],
            "code": [f"c{at}" for at in n],
            "note": ["was late again" if at % 2 else "paid in time as ever" for at in n],
            "repaid": ["no" if at % 2 else "yes" for at in n],
        }
        pd.DataFrame(table).to_csv(self.folder / "table.csv", index=False)
        return self.folder / "table.csv"

    def decision(self) -> Path:
        form = yaml.safe_load((self.run() / "decisions.yaml").read_text("utf-8"))
        model = next(entry for entry in form["decisions"] if "model" in entry)
        by = {"name": "Ada Lovelace", "role": "owner", "date": "2026-11-29"}
        started = json.loads((self.run() / "provenance.json").read_text("utf-8"))["started"]
        by["date"] = str(started or by["date"])[:10]
        entry = {**model, "verdict": "accepted", "reason": "I read it."}
        content = {"subject": form["subject"], "by": by, "decisions": [entry]}
        path = self.folder / "decision.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return path

    def policy(self) -> Path:
        path = self.folder / "policy.yaml"
        rules = [{"id": "ownership", "roles": ["owner"]}]
        path.write_text(yaml.safe_dump({"format": "deepseek-report/policy", "rules": rules}))
        return path


def words_of(call: Call, desk: Any) -> list[str]:
    """The words of the command line; what stands in braces is on the desk."""
    return shlex.split(call.line.format_map(desk))


class Names(dict[str, str]):
    """A desk that holds nothing but the names of its things."""

    def __missing__(self, name: str) -> str:
        return name


def parser_of(command: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser of a command, as it stands when it prints its help."""
    parsers: list[argparse.ArgumentParser] = []

    def keep(self: argparse.ArgumentParser, file: object = None) -> None:
        parsers.append(self)

    monkeypatch.setattr(argparse.ArgumentParser, "print_help", keep)
    with pytest.raises(SystemExit):
        run([command, "--help"] if command else ["--help"])
    return parsers[-1]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_option_has_a_call(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = parser_of(command, monkeypatch)
    known = {name: action for action in parser._actions for name in action.option_strings}
    written = {
        word.partition("=")[0] for call in CALLS[command] for word in words_of(call, Names())
    }
    called = {known[word].dest for word in written if word in known}
    assert called | {"help"} == {action.dest for action in known.values()}
    assert {word for word in written if word.startswith("-")} <= known.keys()


@pytest.fixture
def desk(short_run: SmallRun, small_run: SmallRun, tmp_path: Path) -> Desk:
    return Desk(short_run, small_run, tmp_path)


@pytest.mark.parametrize(
    ("command", "call"),
    [
        pytest.param(command, call, id=f"{command or 'run'}-{place}")
        for command, listed in CALLS.items()
        for place, call in enumerate(listed)
        if not call.lasts and {command, call.needs} <= {"", *COMMANDS}  # or it does not lie here
    ],
)
def test_a_command_does_what_it_is_called_for(
    command: str,
    call: Call,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(desk.folder)
    monkeypatch.delenv("DEEPSEEK_REPORT_REMOTE_STORE", raising=False)
    words = words_of(call, desk)
    capsys.readouterr()
    try:
        code = run([command, *words] if command else words)
    except SystemExit as left:  # as --version does
        code = int(left.code or 0)
    printed = capsys.readouterr()
    assert "nobody foresaw" not in printed.err
    assert call.says in printed.out + printed.err, printed
    assert code == call.code, printed
