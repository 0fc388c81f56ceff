"""How far explanations are from the truth, and which metrics and verdicts notice.

    python benchmarks/explanations.py [--seeds 20] [--first-seed 0] [--jobs 1] [--small]
        [--family NAME …] [--leading] [--keep FOLDER] [--page benchmarks/measured/explanations.md]

Every shipped method, and the truth spoilt in known ways, explains worlds whose exact answer is
worked out (`worlds/ground_truth.py`). What each world came to is kept in FOLDER and not made again.
`small` is the form for tests: the formulas alone, in 16 cases, which are too few for a verdict.
With `leading` only the method that leads is judged, which takes a third of the time, so that more
worlds can be made.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from performance_page import write_block
from worlds.ground_truth import CI, EXPLAINED, FAMILIES, Judged, Scale, judge, worlds_of
from worlds.truth_tables import tables, tables_of_leading

PAGE = Path(__file__).resolve().parent / "measured" / "explanations.md"
HEAD = """# How far explanations are from the truth

Written by `benchmarks/explanations.py`; `docs/explanations.md` says what it comes to.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--family", nargs="*", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--leading", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    asked = worlds_of(options.family, seeds, EXPLAINED[:1] if options.small else EXPLAINED)
    scale = replace(CI if options.small else Scale(), leading=options.leading)
    work = partial(world, scale, options.keep)
    if options.jobs == 1:
        worlds = [work(each) for each in asked]
    else:
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            worlds = pool.map(work, asked, chunksize=1)
    judged = [each for world in worlds for each in world]
    made = tables_of_leading(judged) if options.leading else tables(judged)
    text = "\n\n".join(table.markdown() for table in made)
    about = f"{len(worlds)} worlds, seeds {seeds.start} to {seeds.stop - 1}."
    print(f"{about}\n\n{text}")
    block = "leading" if options.leading else "ground_truth"
    write_block(options.page, block, f"{about}\n\n{text}", HEAD)


def world(scale: Scale, keep: Path | None, asked: tuple[str, str, int]) -> list[Judged]:
    """What one world came to; from the folder where it was kept there."""
    import torch

    torch.set_num_threads(1)
    family, explained, seed = asked
    form = f"{scale.cases}{'-leading' if scale.leading else ''}"
    file = keep and keep / f"{family.replace(' ', '_')}-{explained}-{form}-{seed}.json"
    if file and file.is_file():
        return [Judged(**record) for record in json.loads(file.read_text())]
    judged = judge(family, explained, scale, seed)
    print(f"{family}, {explained}, seed {seed}", file=sys.stderr, flush=True)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([dataclasses.asdict(each) for each in judged]))
    return judged


if __name__ == "__main__":
    main()
