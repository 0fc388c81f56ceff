"""What of a report comes from no catalog: its text in the language of marks, outside of marks.

    python benchmarks/marked_report.py RUN [RUN …]

Copies each run folder, renders it in English with every text of the catalogs marked (see
`marked_catalog`), and prints each text that shows words outside of marks: how
often, in which section and element, the words, the text. It ends with 1 where there are any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from marked_catalog import LANGUAGE, write_catalog  # noqa: E402
from wording.marked_page import own_texts, own_tokens, unmarked  # noqa: E402

from deepseek_report.wording.words import CATALOGS  # noqa: E402


def rendered(run: Path, work: Path) -> str:
    """The page of a run in the language of marks."""
    catalogs = write_catalog(work / "catalogs").parent
    shutil.copytree(run, work / "run")
    command = [sys.executable, "-m", "deepseek_report", "render", str(work / "run")]
    settings = {**os.environ, CATALOGS: str(catalogs), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*command, "--language", LANGUAGE, "--to", "html"],
        env=settings,
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return (work / "run" / "report.html").read_text(encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("runs", nargs="+", type=Path)
    found = 0
    for run in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as work:
            page = rendered(run, Path(work))
        texts = Counter(
            (f"{shown.part} {shown.where}", " ".join(words)[:90], shown.text[:200])
            for shown, words in unmarked(page, own_texts(run), own_tokens(run))
        )
        for (where, words, text), times in texts.most_common():
            print(f"{times:5} {where} | {words} | {text}")
        print(f"{run}: {texts.total()} texts with unmarked words, {len(texts)} distinct")
        found += texts.total()
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
