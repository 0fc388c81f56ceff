"""Pictures with their texts as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.wording.of_results import in_words, words_of

from .varied import carried


def worded(picture: Picture, results: Results) -> Picture:
    """The picture with title, alternative text and how to read it in the report's language."""
    words = words_of(results)
    texts = {name: words.say(getattr(picture, name)) for name in ("title", "alt", "how_to_read")}
    return replace(picture, **texts)


def draw(plugin: Any, results: Results) -> Sequence[Picture]:
    """What the plug-in draws of results in the report's language, worded."""
    named = carried(results, in_words(results))
    return [worded(picture, results) for picture in plugin.draw(named)]
