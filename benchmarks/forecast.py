"""How near `check` comes: stages of one store foretold by those of another, and their true times.

    python benchmarks/forecast.py STORE              # as if nothing had run here, but for one row
    python benchmarks/forecast.py STORE --past PAST  # by what ran in the other store

Both stores are of runs with `measure_time=true`. Of several stages of one name the oldest counts:
it was made with the rest of its run. `--row` is how many seconds the model takes for one row, as
`check` times it.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.runner.planning.cost import PastTimes, Span, span_of
from deepseek_report.runner.planning.plan import Stage
from deepseek_report.runner.planning.work import Work


def stages(store: Path) -> dict[str, dict[str, Any]]:
    """{stage: its manifest}, of the stages whose time was measured."""
    files = sorted(store.rglob("manifest.json"), key=lambda file: -file.lstat().st_mtime)
    manifests = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {facts["stage"]: facts for facts in manifests if "seconds" in facts}


def foretold(store: Path, past: PastTimes, row: float | None) -> Iterator[tuple[str, Span, float]]:
    """(stage, what `check` expects, seconds that it took)."""
    for name, facts in stages(store).items():
        work = Work(**facts["work"]) if facts.get("work") else None
        yield name, span_of(Stage(name, ""), work, past, row), float(facts["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--past", type=Path, default=Path("nothing ran here"))
    parser.add_argument("--row", type=float)
    options = parser.parse_args()
    kinds: dict[str, list[tuple[Span, float]]] = defaultdict(list)
    for name, span, seconds in foretold(options.store, PastTimes(options.past), options.row):
        for kind in (ArtifactId(name).kind, "all"):
            kinds[kind].append((span, seconds))
    print("| stages | number | expected, s | took, s | ratio | within their range |")
    print("|---|---|---|---|---|---|")
    for kind, members in sorted(kinds.items()):
        expected, took = sum(s.expected for s, _ in members), sum(t for _, t in members)
        within = sum(s.low <= t <= s.high for s, t in members) / len(members)
        print(
            f"| {kind} | {len(members)} | {expected:.1f} | {took:.1f} | {expected / took:.2f} "
            f"| {within:.0%} |"
        )


if __name__ == "__main__":
    main()
