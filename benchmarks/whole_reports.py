"""Whole reports beside those of peers: from a fitted model to a written HTML file.

    python benchmarks/whole_reports.py [--repeats N] [--environments FOLDER] [--write FILE]

Every contestant runs in a process of its own, in turn: ours with the peers' contents, our quick
report, our whole one, explainerdashboard, Shapash, ours again, … on the same data and with the same
forest of 100 trees, all test rows explained, each with its own defaults. Peers get an environment
of their own, made here with pip, their versions pinned. Measured is the whole process with its
children, from the start of Python on: CPU seconds, seconds, and peak memory of its largest process.
Printed are medians and the ratio of CPU seconds to ours, formed within a turn; `--write` puts the
table between its marks in benchmarks/measured/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from performance_page import write_block

ROOT = Path(__file__).parent.parent
PEERS: Mapping[str, Sequence[str]] = {
    "explainerdashboard": ["explainerdashboard==0.5.8"],
    "shapash": ["shapash[report]==2.10.0"],
}
CONTESTANTS = (
    "ours, the peers' contents",
    "ours, the quick report",
    "ours, the whole report",
    *PEERS,
)
DATA = ("breast_cancer", "synthetic")

_PREPARE = """
import sys
import numpy as np, pandas as pd
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
if sys.argv[1] == "breast_cancer":
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
else:
    values, y = make_classification(4000, 20, n_informative=8, random_state=0)
    X, y = pd.DataFrame(values, columns=[f"x{i}" for i in range(20)]), pd.Series(y, name="label")
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.33 if sys.argv[1] == "breast_cancer" else 0.5, random_state=0
)
model = RandomForestClassifier(100, random_state=0).fit(X_train, y_train)
out = sys.argv[2]
"""
_QUICK = """
import deepseek_report as dr
dr.quick(
    model, X_test, y_test, X_train=X_train, y_train=y_train, instances=len(X_test),
    reports=out + "/reports", store=out + "/store", title="benchmark",
)
"""
_OURS = """
import deepseek_report as dr
few = dict(
    explainers=["shap"],
    metrics=["roc_auc", "accuracy", "balanced_accuracy", "average_precision", "brier_score",
             "expected_calibration_error", "importance", "cases"],
    visualizations=["roc_curve", "reliability", "global_importance", "beeswarm",
                    "case_contributions"],
)
dr.report(
    model, X_test, y_test, X_train=X_train, y_train=y_train, instances=len(X_test),
    reports=out + "/reports", store=out + "/store", title="benchmark", {more}
)
"""
SCRIPTS: Mapping[str, str] = {
    "ours, the peers' contents": _OURS.format(more="**few"),
    "ours, the quick report": _QUICK,
    "ours, the whole report": _OURS.format(more=""),
    "explainerdashboard": """
from explainerdashboard import ClassifierExplainer, ExplainerDashboard
explainer = ClassifierExplainer(model, X_test, y_test)
ExplainerDashboard(explainer).save_html(out + "/report.html")
""",
    "shapash": """
from shapash import SmartExplainer
explainer = SmartExplainer(model=model)
explainer.compile(x=X_test, y_target=y_test)
explainer.generate_report(
    output_file=out + "/report.html", x_train=X_train, y_train=y_train, y_test=y_test
)
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--environments", type=Path, default=Path("build/peers"))
    parser.add_argument("--only", nargs="*", default=CONTESTANTS, choices=CONTESTANTS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    pythons = {name: python_of(name, options.environments) for name in options.only}
    rows = []
    for data in DATA:
        turns = [
            {name: measured(pythons[name], name, data) for name in options.only}
            for _ in range(options.repeats)
        ]
        rows += [row_of(data, name, turns, options.only[0]) for name in options.only]
    table = "\n".join([*head(options.repeats), *rows])
    print(table)
    if options.write:
        write_block(options.write, "whole_reports", table)


def python_of(name: str, folder: Path) -> str:
    """The Python of a contestant; a peer's environment is made where it is missing."""
    if name not in PEERS:
        return sys.executable
    place = folder.absolute() / name
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[name]], check=True)
    return str(python)


def measured(python: str, name: str, data: str) -> dict[str, float]:
    """What one process took, with its children: CPU seconds, seconds, MiB.

    A process in between is the parent of all of them, and waits for those that outlive theirs.
    """
    code = _PREPARE + SCRIPTS[name]
    with tempfile.TemporaryDirectory() as out:
        command = [python, "-W", "ignore", "-c", code, data, out]
        done = subprocess.run(
            [sys.executable, __file__, "--measure", json.dumps(command)],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(str(ROOT) if name not in PEERS else ""),
        )
        if done.returncode or not any(Path(out).rglob("*.html")):
            raise SystemExit(f"{name} wrote no report on {data}:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _environment(path: str) -> dict[str, str]:
    """The environment of a contestant, whose modules stay compiled, as those of installed ones."""
    ours = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "PYTHONPATH": path}


def measure(command: Sequence[str]) -> None:
    """Run the command, wait for everything that it started, print what all of it took."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process
    started = time.perf_counter()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"cpu": cpu, "seconds": seconds, "memory": used.ru_maxrss / 1024}))
    raise SystemExit(done.returncode)


def head(repeats: int) -> list[str]:
    return [
        f"Medians of {repeats} turns; forest of 100 trees, all test rows explained.",
        "",
        "| data | report | CPU s | s | MiB | CPU, ratio to ours |",
        "|---|---|---|---|---|---|",
    ]


def row_of(data: str, name: str, turns: Sequence[Mapping[str, Any]], ours: str) -> str:
    def middle(key: str) -> float:
        return statistics.median(turn[name][key] for turn in turns)

    ratio = statistics.median(turn[name]["cpu"] / turn[ours]["cpu"] for turn in turns)
    version = f" {PEERS[name][0].rpartition('==')[2]}" if name in PEERS else ""
    return (
        f"| {data} | {name}{version} | {middle('cpu'):.1f} | {middle('seconds'):.1f} "
        f"| {middle('memory'):.0f} | {ratio:.2f} |"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(json.loads(sys.argv[2]))
    main()
