"""Whether a change of the code left the numbers as they were.

    python benchmarks/same_scores.py run FOLDER [EXPERIMENT …]
    python benchmarks/same_scores.py compare BEFORE AFTER [--renamed FILE]

`run` makes every shipped experiment on small settings and keeps its `scores.parquet` in FOLDER.
`compare` holds two such folders together: every score of BEFORE must stand in AFTER once, equal to
1e-9, under its own name or the one that FILE gives (YAML, `earlier name: name`); measures of time
and memory are set aside. It ends with 1 where one is missing, new or different.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

EXPERIMENTS = Path(__file__).parent.parent / "conf" / "experiment"
#: What names a score; the slice is told in words, which may be mended.
KEY = ["metric", "predictor", "explainer", "attribute", "level"]
NUMBERS = ["value", "low", "high", "n", "p_value", "least", "greatest"]
#: Categories whose numbers are durations, rates and memory.
VOLATILE = ("compute",)
TOLERANCE = 1e-9


def run(folder: Path, experiments: list[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in experiments or sorted(path.stem for path in EXPERIMENTS.glob("*.yaml")):
        with tempfile.TemporaryDirectory() as work:
            settings = [f"experiment={name}", "debug=fast", "measure_time=false", "jobs=1"]
            places = [f"paths.reports={work}/reports", f"paths.store={work}/store"]
            command = [sys.executable, "-m", "deepseek_report", *settings, *places]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            scores = sorted(Path(work).glob("reports/*/*/scores.parquet"))
            print(f"{name}: exit {ended.returncode}, {len(scores)} run", flush=True)
            failed += len(scores) != 1
            for path in scores:
                shutil.copy(path, folder / f"{name}.parquet")
            if not scores:
                print(ended.stdout[-2000:], ended.stderr[-2000:])
    return int(failed > 0)


def compare(before: Path, after: Path, renamed: dict[str, str]) -> int:
    names = sorted({path.name for folder in (before, after) for path in folder.glob("*.parquet")})
    worst = sum(_compare(before / name, after / name, renamed) for name in names)
    print(f"{len(names)} experiments, {worst} differences")
    return int(worst > 0)


def _compare(before: Path, after: Path, renamed: dict[str, str]) -> int:
    if not (before.exists() and after.exists()):
        print(f"{before.stem}: not in both folders")
        return 1
    old, new = (_numbered(pd.read_parquet(path), renamed) for path in (before, after))
    missing, added = old.index.difference(new.index), new.index.difference(old.index)
    both = old.index.intersection(new.index)
    apart = ((old.loc[both] - new.loc[both]).abs() > TOLERANCE) | (
        old.loc[both].isna() != new.loc[both].isna()
    )
    different = apart.index[apart.any(axis=1)]
    for what, keys in (("missing", missing), ("added", added), ("different", different)):
        for key in keys:
            print(f"{before.stem}: {what}: {' '.join(str(part) for part in key if part != '')}")
    print(f"{before.stem}: {len(both) - len(different)} of {len(old)} scores equal")
    return len(missing) + len(added) + len(different)


def _numbered(scores: pd.DataFrame, renamed: dict[str, str]) -> pd.DataFrame:
    """The numbers of each score; scores of the same subject are told apart by their order."""
    kept = scores[~scores["category"].isin(VOLATILE)].copy()
    kept["metric"] = kept["metric"].replace(renamed)
    kept[KEY] = kept[KEY].fillna("").astype(str)
    kept["order"] = kept.groupby(KEY).cumcount()
    return kept.set_index([*KEY, "order"])[NUMBERS].astype(float).sort_index()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("folder", type=Path)
    running.add_argument("experiments", nargs="*")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--renamed", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        return run(given.folder, given.experiments)
    renamed = yaml.safe_load(given.renamed.read_text()) if given.renamed else {}
    return compare(given.before, given.after, renamed or {})


if __name__ == "__main__":
    sys.exit(main())
