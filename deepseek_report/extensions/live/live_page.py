"""The page of a report beside a server: with a script that asks it, its styles and its words."""

from __future__ import annotations

import json
from pathlib import Path

from deepseek_report.errors import RenderError
from deepseek_report.rendering import page_parts
from deepseek_report.rendering.embedded import script_hash
from deepseek_report.wording.words import Wording

_HERE = Path(__file__).parent
#: What the script puts into the words, which keep it in braces.
_SLOTS = {name: f"{{{name}}}" for name in ("row", "low", "high", "n", "file")}


def page_beside_server(page: str, words: Wording) -> str:
    """The page, which may ask the server that it came from, and nobody else.

    What is added stands before the page's own scripts, which look whether it is there.

    Raises RenderError: it is no page of this version.
    """
    script = "\n".join([page_parts.joined("kept.js"), (_HERE / "live.js").read_text("utf-8")])
    style = (_HERE / "live.css").read_text("utf-8")
    phrases = {name: words.text(f"live.{name}", **_SLOTS) for name in words.table("live")}
    said = json.dumps(phrases, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
    policy = "default-src 'none'; script-src "
    own_words = '<script type="application/json" id="page-words">'
    if policy not in page or own_words not in page:
        raise RenderError("the report is no page of this version; render the run again")
    added = [
        f"<style>{style}</style>",
        f'<script type="application/json" id="live-words">{said}</script>',
        f"<script>{script}</script>",
    ]
    allowed = f"default-src 'none'; connect-src 'self'; script-src {script_hash(script.encode())} "
    page = page.replace(policy, allowed, 1)
    return page.replace(own_words, "\n".join([*added, own_words]), 1)
