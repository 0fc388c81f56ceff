"""Words that a reader adds to the note on a section while the page of a run is served."""

from __future__ import annotations

import os
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import append, make_folder
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.notes import FOLDER, LIMIT, text_of_note, to_markdown

#: Seconds that a note may take to be read while somebody waits for it.
_SECONDS = 4


def add_to_note(folder: Path, section: str, text: str) -> Path:
    """Add words to the note on a section of a run folder; its file.

    Raises RenderError: the note could not be shown then; nothing was written.
    """
    path = folder / FOLDER / f"{section}.qmd"
    before = text_of_note(path) if os.path.lexists(path) else ""
    whole = f"{before}{text}\n\n"
    if (size := len(whole.encode("utf-8", "replace"))) > LIMIT:
        raise RenderError(
            f"{FOLDER}/{path.name}: not added, since the note would have {size} bytes and may have "
            f"{LIMIT}; write less, or take out of the file what is not needed"
        )
    try:
        shown = to_markdown(whole, _SECONDS)
        pandoc.convert_text(shown, folder, "html5", [], _SECONDS)
        added = whole[len(before) :].encode()
    except (RenderError, UnicodeEncodeError) as error:
        raise RenderError(
            f"{FOLDER}/{path.name}: not added, since the note could not be shown ({error}); write "
            "it in plain sentences, with fewer brackets, quotes and lists in each other"
        ) from None
    make_folder(path.parent)
    append(path, added)
    return path
