"""How often the conclusions of the report are wrong in worlds whose truth is known.

    python benchmarks/conclusions.py [PART …] [--share 1.0] [--jobs 2]

Each part is a module of `worlds/` with `tables(share, jobs)`; `share` scales the number of
repetitions. The tables are printed and written to docs/conclusions.md.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from performance_page import write_block

PARTS = ("groups", "cases", "explainers", "data", "failures", "interactions", "patterns", "studies")
HEAD = """# How often the conclusions are wrong

Shares of simulated worlds, with 95 % intervals. Each block is written by the part of
`benchmarks/conclusions.py` that it names.
"""
PAGE = Path(__file__).resolve().parent.parent / "docs" / "conclusions.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    for part in options.parts:
        tables = import_module(f"worlds.{part}").tables(options.share, options.jobs)
        text = "\n\n".join(table.markdown() for table in tables)
        print(text, flush=True)
        write_block(PAGE, part, text, HEAD)


if __name__ == "__main__":
    main()
