"""What a rendered page says around the document, in the language that the document's head names."""

from __future__ import annotations

import html
import json
from typing import Any

import yaml

from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, wording

#: What the page's script says, and the slots that it fills itself.
_SCRIPT = {
    "light_page": (),
    "dark_page": (),
    "unfold": ("section",),
    "short_note": (),
    "views": (),
    "text": (),
    "scrolls": ("caption",),
    "sort": (),
    "figure": (),
    "enlarge": (),
    "enlarge_figure": ("figure",),
    "explore": (),
    "static_picture": (),
    "interactive": ("caption",),
    "no_twin": ("problem",),
}


#: What the browser of cases says, `page.cases.<name>` in the catalogs, and its slots.
_CASES = {
    **dict.fromkeys(
        ("all", "wrong", "right", "too_high", "too_low", "with_page", "near_threshold"), ()
    ),
    **dict.fromkeys(("filters", "list", "none", "previous", "next", "see_other", "compact"), ()),
    "refused_row": ("row", "stated"),
    **dict.fromkeys(("refused_rough", "refused_none", "elsewhere"), ()),
    "refused_certain": ("n",),
    "item_luck": ("alike", "fits"),
    **dict.fromkeys(("find", "find_words"), ()),
    **dict.fromkeys(
        ("filter_outcome", "filter_decision", "filter_group", "filter_band", "filter_page"), ()
    ),
    **dict.fromkeys(("input", "this_case", "typical", "adds", "start", "text"), ()),
    **dict.fromkeys(("unaccounted", "codes", "reasons", "change", "like", "more", "errors"), ()),
    "how_sure": (),
    **dict.fromkeys(("unit_none", "unit_probability", "unit_logit"), ("about",)),
    **dict.fromkeys(("waterfall", "end"), ("about",)),
    "toward": (),
    **dict.fromkeys(("class_decided", "not_toward"), ("name",)),
    "percent": ("number",),
    "favourable": ("decision",),
    "count": ("shown", "all"),
    **dict.fromkeys(("off_high", "off_low"), ("number",)),
    "item_right": ("decision",),
    "item_wrong": ("decision", "truth"),
    "gauge": ("stated", "threshold"),
    "threshold": ("threshold",),
    "others": ("n",),
    "not_trusted": ("method",),
    "no_reasons": (),
    "reasons_by": ("method", "start"),
    "input_fold": ("n",),
    "unit_value": ("about", "unit"),
    **dict.fromkeys(("what_if", "as_it_is", "not_asked", "asked", "between", "between_short"), ()),
    **dict.fromkeys(("set_change", "reset", "can_change", "cannot_change"), ()),
    "answer": ("stated", "target", "decision"),
    **dict.fromkeys(("way", "part", "added", "output", "asking", "rule", "fired", "pushed"), ()),
    "weight": ("weight",),
    "answer_many": ("stated", "decision"),
    "before": ("answer",),
    "rare": ("values",),
    "rare_value": ("label", "value", "rows", "all"),
}

#: What the slider over thresholds says, `page.thresholds.<name>`, and its slots.
_THRESHOLDS = {
    **dict.fromkeys(("title", "is_in_use", "filters", "all", "band_label", "no_rows"), ()),
    **dict.fromkeys(("basis_stored", "basis_subset", "basis_none", "matrix", "was", "rates"), ()),
    **dict.fromkeys(("rate", "share", "alarms", "right", "accuracy", "costs", "cost_none"), ()),
    **dict.fromkeys(("cost_example", "asking", "basis_live"), ()),
    **dict.fromkeys(("groups", "group", "cases", "ratio", "favoured_rightly"), ()),
    "favoured_wrongly": (),
    **dict.fromkeys(("label", "recall"), ("explained",)),
    "stands": ("threshold", "decided", "explained"),
    **dict.fromkeys(("mark", "back", "findings", "cheapest"), ("threshold",)),
    "of": ("share", "n"),
    **dict.fromkeys(("band", "basis_between"), ("low", "high")),
    "band_below": ("high",),
    "band_from": ("low",),
    "count": ("shown", "all"),
    **dict.fromkeys(("decided", "favoured"), ("decision",)),
    **dict.fromkeys(("cost_alarm", "cost_miss"), ("explained", "other")),
    "cost": ("now", "used", "threshold", "least"),
}
#: What the page says beside a server, `page.live.<name>`, and its slots.
_LIVE = {
    **dict.fromkeys(("asking", "row", "explain", "note", "note_label", "save"), ()),
    "explained": ("row",),
    "saved": ("file",),
}
#: What the page says of marks, `page.marks.<name>`, and its slots.
_MARKS = {
    **dict.fromkeys(("flag", "part", "hint", "hint_reasons", "hint_words", "offline"), ()),
    **dict.fromkeys(("done", "keys", "feature"), ()),
    **dict.fromkeys(("choose_feature", "label_right", "title", "by", "why", "undo", "save"), ()),
    **dict.fromkeys(("show", "review", "count_one", "lacks_why", "lacks_name"), ()),
    **dict.fromkeys(("flag_of", "what_feature", "told_by"), ("name",)),
    "what_region": ("case", "places"),
    "what_rule": ("rule", "text"),
    "what_label": ("case", "label", "was"),
    "label": ("was",),
    "count": ("n",),
    "undo_of": ("mark",),
    "file_head": ("run",),
    "saved": ("file",),
}
#: What the page says of prompts and answers, `page.continuation.<name>`, and its slots.
_CONTINUATION = {
    **dict.fromkeys(("title", "hint", "prompt", "method", "question", "logit", "contrast"), ()),
    **dict.fromkeys(("nothing", "known", "legend"), ()),
    "number": ("n", "all"),
    "answer": ("token", "probability", "rival"),
    "parts": ("parts",),
    "part": ("source", "value"),
}
_PARTS = {
    "cases": _CASES,
    "marks": _MARKS,
    "thresholds": _THRESHOLDS,
    "live": _LIVE,
    "continuation": _CONTINUATION,
}


def head_of_document(text: str) -> dict[str, Any]:
    """The front matter of a document; empty where it has none or pandoc will refuse it."""
    head = text.removeprefix("---\n").split("\n---\n", 1)[0] if text.startswith("---\n") else ""
    try:
        read = yaml.safe_load(head)
    except yaml.YAMLError:  # pandoc names the place
        return {}
    return read if isinstance(read, dict) else {}


def words_of_document(text: str) -> Wording:
    """The texts of the language that `lang` in the head of a document names."""
    language = head_of_document(text).get("lang")
    return wording(language if isinstance(language, str) else DEFAULT_LANGUAGE)


#: Words that a page itself needs, `page.labels.<name>`: before numbers, of files, over promises.
LABELS = ("fig", "tbl", "sec", "attached", "beside", "promise", "value", "interval", "bound")


def label_arguments(words: Wording) -> list[str]:
    """The arguments by which the filter learns its words, such as those before numbers."""
    return [f"--metadata=word-{kind}:{words.text(f'page.labels.{kind}')}" for kind in LABELS]


def page_template(page: str, words: Wording) -> str:
    """Pandoc's template of the page with its words in their places, `@@word:<name>@@`."""
    before, *pieces = page.split("@@word:")
    filled = [before]
    for piece in pieces:
        name, _, rest = piece.partition("@@")
        filled += [_in_template(html.escape(words.text(f"page.{name}"))), rest]
    return "".join(filled).replace("@@words@@", _in_template(_script_words(words)))


def _script_words(words: Wording) -> str:
    """What the script says, as JSON that can stand in a script element."""
    texts = _SCRIPT | {
        f"{part}.{name}": slots for part, names in _PARTS.items() for name, slots in names.items()
    }
    phrases = {
        name: words.text(f"page.{name}", **{slot: f"{{{slot}}}" for slot in slots})
        for name, slots in texts.items()
    }
    phrases["not_defined"] = words.text("numbers.not_defined")
    return json.dumps(phrases, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")


def _in_template(text: str) -> str:
    return text.replace("$", "$$")
