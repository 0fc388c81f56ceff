"""Whether a change of the code left what people get as it was.

    python benchmarks/same_results.py against COMMIT [NAME …] [--renamed FILE]
    python benchmarks/same_results.py make FOLDER [NAME …]
    python benchmarks/same_results.py compare BEFORE AFTER [--renamed FILE]

`make` runs what this checkout holds: every shipped experiment (`debug=fast`), the ten tables of
`own_tables.py` through `init` and the command that it prints, and each mistake of
`tests/config/mistakes.yaml`. It keeps exit codes, `scores.parquet`, `findings.json`, `report.qmd`
and what was answered. `compare` holds two such folders together: every score of BEFORE stands in
AFTER once, equal to 1e-9; findings have the same ids, severities and values, reports the same
lines, mistakes the same code and answer. FILE (YAML, `earlier name: name`) tells of renamed
metrics. `against` makes both, what COMMIT gives only once (`build/results`), with its own code in
this environment. All end with 1 where something differs.

Set aside are hashes, ids of runs, today's date, and measures of time and memory.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
MISTAKES = Path("tests/config/mistakes.yaml")
KEPT = ("scores.parquet", "findings.json", "report.qmd")
#: What names a score; the slice is told in words, which may be mended.
KEY = ["metric", "predictor", "explainer", "attribute", "level"]
NUMBERS = ["value", "low", "high", "n", "p_value", "least", "greatest"]
#: Categories whose numbers are durations, rates and memory.
VOLATILE = ("compute",)
TOLERANCE = 1e-9
#: Differing lines of a report that are printed.
SHOWN = 12
_HASH = re.compile(r"\b[0-9a-f]{12,64}\b")


# What a checkout gives.


def make(checkout: Path, folder: Path, names: list[str]) -> int:
    """Write into the folder what a checkout gives; 1 where a run left nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = (str(checkout), str(checkout / "benchmarks"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
    failed = 0
    for name, kind in parts(checkout, names):
        with tempfile.TemporaryDirectory() as work:
            code, run = kind(checkout, name, Path(work), environment)
            (folder / f"{name}.code").write_text(code)
            for path in (run / kept for kept in KEPT if run is not None):
                if path.exists():
                    shutil.copy(path, folder / f"{name}.{path.name}")
            print(f"{name}: {code}", flush=True)
            failed += run is None
    return int(failed > 0)


#: Runs a part in a folder for its work: its exit code in words, and the run folder if it left one.
Part = Callable[[Path, str, Path, dict[str, str]], tuple[str, Path | None]]


def parts(checkout: Path, names: list[str]) -> Iterator[tuple[str, Part]]:
    """The experiments, the tables, and the mistakes, or those of these names."""
    folders = (checkout, *(checkout / "deepseek_report/extensions").glob("*"))
    files = (file for folder in folders for file in (folder / "conf/experiment").glob("*.yaml"))
    experiments = sorted(path.stem for path in files)
    from own_tables import TABLES

    everything: dict[str, Part] = {
        **dict.fromkeys(experiments, _experiment),
        **dict.fromkeys(TABLES, _own_table),
        "mistakes": _mistakes,
    }
    for name in names or everything:
        yield name, everything[name]


def _experiment(
    checkout: Path, name: str, work: Path, environment: dict[str, str]
) -> tuple[str, Path | None]:
    settings = [f"experiment={name}", "debug=fast", "measure_time=false", "jobs=1"]
    places = [f"paths.reports={work}/reports", f"paths.store={work}/store"]
    command = [sys.executable, "-m", "deepseek_report", *settings, *places]
    ended, run = _ended(command, work, environment)
    return f"exit {ended.returncode}", run


def _own_table(
    checkout: Path, name: str, work: Path, environment: dict[str, str]
) -> tuple[str, Path | None]:
    """The script says how `init` and the command ended, and after how many seconds."""
    script = str(checkout / "benchmarks/own_tables.py")
    untimed = {**environment, "ARGS": "measure_time=false"}  # for `make report` of the study
    ended, run = _ended([sys.executable, script, "runs", str(work), name], work, untimed)
    return re.sub(r" after \d+ s$", "", ended.stdout.strip()), run


def _mistakes(
    checkout: Path, name: str, work: Path, environment: dict[str, str]
) -> tuple[str, Path | None]:
    """The answers stand where a run has its report, one line for each mistake."""
    script = checkout / "tests/config/answers.py"
    (work / "places").mkdir()
    command = [sys.executable, str(script), str(checkout / MISTAKES), str(work / "places")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [
        f"{typed}: exit {answer['code']}: {answer['text'].replace(str(work), '')!r}"
        for typed, answer in sorted(json.loads(done.stdout).items())
    ]
    (work / "report.qmd").write_text("\n".join(lines))
    return f"{len(lines)} answers", work


def _ended(
    command: list[str], work: Path, environment: dict[str, str]
) -> tuple[subprocess.CompletedProcess[str], Path | None]:
    """The ended command, and the run folder where it left one."""
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    runs = sorted(path.parent for path in work.rglob("run.json"))
    if len(runs) != 1:
        print(done.stdout[-2000:], done.stderr[-2000:])
    return done, runs[0] if len(runs) == 1 else None


# Two folders of it.


def compare(before: Path, after: Path, renamed: dict[str, str]) -> int:
    """Print what differs; 1 where anything does."""
    names = sorted({path.name for folder in (before, after) for path in folder.iterdir()})
    worst = 0
    for name in names:
        if not ((before / name).exists() and (after / name).exists()):
            print(f"{name}: not in both folders")
            worst += 1
        elif name.endswith(".parquet"):
            worst += _scores_apart(before / name, after / name, renamed)
        else:
            worst += _lines_apart(before / name, after / name)
    print(f"{len(names)} files, {worst} differences")
    return int(worst > 0)


def _scores_apart(before: Path, after: Path, renamed: dict[str, str]) -> int:
    old, new = (_numbered(pd.read_parquet(path), renamed) for path in (before, after))
    missing, added = old.index.difference(new.index), new.index.difference(old.index)
    both = old.index.intersection(new.index)
    apart = ((old.loc[both] - new.loc[both]).abs() > TOLERANCE) | (
        old.loc[both].isna() != new.loc[both].isna()
    )
    different = apart.index[apart.any(axis=1)]
    for what, keys in (("missing", missing), ("added", added), ("different", different)):
        for key in keys:
            print(f"{before.name}: {what}: {' '.join(str(part) for part in key if part != '')}")
    print(f"{before.name}: {len(both) - len(different)} of {len(old)} scores equal")
    return len(missing) + len(added) + len(different)


def _numbered(scores: pd.DataFrame, renamed: dict[str, str]) -> pd.DataFrame:
    """The numbers of each score; scores of the same subject are told apart by their order."""
    kept = scores[~scores["category"].isin(VOLATILE)].copy()
    kept["metric"] = kept["metric"].replace(renamed)
    kept[KEY] = kept[KEY].fillna("").astype(str)
    kept["order"] = kept.groupby(KEY).cumcount()
    return kept.set_index([*KEY, "order"])[NUMBERS].astype(float).sort_index()


def _lines_apart(before: Path, after: Path) -> int:
    _, _, *changes = [*difflib.unified_diff(_lines(before), _lines(after), n=0)] or ("", "")
    apart = [line for line in changes if not line.startswith("@@")]  # a changed line has + or -
    for line in apart[:SHOWN]:
        print(f"{before.name}: {line[:300]}")
    if len(apart) > SHOWN:
        print(f"{before.name}: {len(apart)} lines in all")
    return len(apart)


def _lines(path: Path) -> list[str]:
    """Of a text; findings a line each, numbers to nine significant digits."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        told = {**json.loads(text), "run_digest": ""}
        text = json.dumps(_rounded(told), indent=1, ensure_ascii=False, sort_keys=True)
    day = re.search(r"^date: '(\d{4}-\d{2}-\d{2})'$", text, flags=re.M)
    text = text.replace(day[1], "DAY") if day else text
    return _HASH.sub("HASH", text).splitlines()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


# The command line.


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place, "tree")
        command = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*command, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*command, "remove", "--force", str(tree)], check=True)


def against(commit: str, names: list[str], renamed: dict[str, str]) -> int:
    """Make what the commit gives and what this checkout gives, and compare them."""
    git = ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{commit}^{{commit}}"]
    full = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    kept = ROOT / "build/results"
    before, after = kept / full, kept / "now"
    shutil.rmtree(after, ignore_errors=True)
    missing = [name for name, _ in parts(ROOT, names) if not (before / f"{name}.code").exists()]
    if missing:
        with checked_out(full) as tree:
            make(tree, before, missing)
    make(ROOT, after, names)
    if names:
        with tempfile.TemporaryDirectory() as place:
            for name in names:
                for path in before.glob(f"{name}.*"):
                    shutil.copy(path, place)
            return compare(Path(place), after, renamed)
    return compare(before, after, renamed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    held = commands.add_parser("against")
    held.add_argument("commit")
    made = commands.add_parser("make")
    made.add_argument("folder", type=Path)
    compared = commands.add_parser("compare")
    compared.add_argument("before", type=Path)
    compared.add_argument("after", type=Path)
    for command in (held, made):
        command.add_argument("names", nargs="*")
    for command in (held, compared):
        command.add_argument("--renamed", type=Path)
    given = parser.parse_args()
    if given.command == "make":
        return make(ROOT, given.folder.resolve(), given.names)
    renamed = (yaml.safe_load(given.renamed.read_text()) if given.renamed else None) or {}
    if given.command == "against":
        return against(given.commit, given.names, renamed)
    return compare(given.before, given.after, renamed)


if __name__ == "__main__":
    sys.exit(main())
