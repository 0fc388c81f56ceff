"""How often the conclusions of the report are wrong in worlds whose truth is known.

    python benchmarks/conclusions.py [PART …] [--share 1.0] [--least 0] [--jobs 1]
        [--first-seed 0] [--page benchmarks/measured/conclusions.md]

Each part is a module of `worlds/` with `tables(plan)`; `share` scales the number of repetitions,
of which there are `least` of each where the full number is not below. The tables are printed and
written to the page, each part to its block. A rule that was adjusted on some seeds is judged on
others.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from performance_page import write_block
from worlds.trials import Plan

PARTS = (
    *("groups", "group_means", "many_groups", "stand_ins", "stand_in_sets"),
    *("cases", "explainers", "explained_groups", "data", "hidden_rules", "skill", "training_gap"),
    *("failures", "few_cases", "skill_shares", "experts"),
    *("advice", "options", "dependence", "behaviour"),
    *("numbers", "interactions", "patterns", "streams", "studies", "causes", "causal_findings"),
    *("error_budget", "whole", "corrections", "chains", "continuations"),
)
HEAD = """# How often conclusions were wrong in simulated worlds

Shares of simulated worlds, with 95 % intervals. Each block is written by the part of
`benchmarks/conclusions.py` that it names. `docs/conclusions.md` says what they come to.
"""
PAGE = Path(__file__).resolve().parent / "measured" / "conclusions.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--least", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    plan = Plan(options.share, options.jobs, options.first_seed, options.least)
    for part in options.parts:
        tables = import_module(f"worlds.{part}").tables(plan)
        seeds = f"Seeds from {plan.first_seed} on."
        text = "\n\n".join([seeds, *(table.markdown() for table in tables)])
        print(text, flush=True)
        write_block(options.page, part, text, HEAD)


if __name__ == "__main__":
    main()
