"""Writes the notes of a release: `python .ci/notes.py DIST` (`DIST/NOTES.md`).

They are what the changelog says of the version of the wheel in DIST, with the date of the release.
A version of which the changelog says nothing is not released.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def notes_of(version: str, changelog: str) -> str:
    """What the changelog says of a version, without its heading."""
    parts = re.split(r"^## (\S+)[^\n]*\n", changelog, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if not sections.get(version, "").strip():
        known = ", ".join(sections) or "no version"
        raise SystemExit(f"CHANGELOG.md says nothing of {version} (it has {known}): write it first")
    return sections[version].strip()


def main(folder: Path) -> None:
    """Write the notes beside the wheel."""
    (wheel,) = folder.glob("*.whl")
    version = wheel.name.split("-")[1]
    text = notes_of(version, Path("CHANGELOG.md").read_text(encoding="utf-8"))
    notes = folder / "NOTES.md"
    notes.write_text(f"# deepseek-report {version}\n\n{text}\n", encoding="utf-8", newline="\n")
    sys.stdout.write(f"{notes}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
