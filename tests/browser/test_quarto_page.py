"""The stylesheet that Quarto's page takes up, on blocks marked up as Quarto marks them up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.rendering.document import quarto_stylesheet

#: What Bootstrap, which Quarto's page brings, says of these blocks.
BOOTSTRAP = """
figure.figure { display: inline-block; margin: 0; } table { width: 100%; } body { margin: 0; }
#quarto-content { display: grid; grid-template-columns: 1.5em minmax(0, 50rem) 1.5em; }
main { grid-column: 2; } .callout-icon-container { display: block; }
"""
CELLS = "".join(f"<td>evidence {column} and more words</td>" for column in range(9))
PAGE = f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Quarto</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{BOOTSTRAP}</style><style>@@style@@</style></head><body><div id="quarto-content">
<main class="content" id="quarto-document-content">
<div class="facts"><ul><li><span class="fact-value">0.78</span>
<span class="fact-label">ROC AUC</span></li>
<li><span class="fact-value">9</span> <span class="fact-label">groups</span></li></ul></div>
<p><code>{"a" * 200}</code></p>
<div class="callout callout-style-default callout-important callout-titled finding severity-high">
<div class="callout-header d-flex">
<div class="callout-icon-container"><i class="callout-icon"></i></div>
<div class="callout-title-container"><span class="tag tag-high">Grave</span> A claim</div></div>
<div class="callout-body-container callout-body">
<div id="tbl-a" class="quarto-float quarto-figure">
<figure class="quarto-float quarto-float-tbl figure">
<figcaption class="quarto-float-caption-top quarto-float-tbl">Table 1: wide</figcaption>
<div aria-describedby="tbl-a"><table class="caption-top table"><tbody><tr>{CELLS}</tr></tbody>
</table></div></figure></div></div></div>
<table class="table"><tbody><tr>{CELLS}</tr></tbody></table>
<p><span class="verdict verdict-not-met">✗ not met</span></p>
</main></div></body></html>"""


@pytest.fixture(scope="module")
def page(driver: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("quarto") / "page.html"
    path.write_text(PAGE.replace("@@style@@", quarto_stylesheet()), encoding="utf-8")

    def opened(width: int) -> Any:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(path.as_uri())
        return driver.execute_script

    return opened


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_quartos_page_does_not_scroll_sideways(page: Any, width: int) -> None:
    run = page(width)
    assert run("return document.documentElement.scrollWidth") <= width


def test_on_a_phone_what_a_row_is_about_stays_in_view_while_its_table_scrolls(page: Any) -> None:
    run = page(390)
    places = run(
        "const table = [...document.querySelectorAll('main table')].at(-1);"
        "table.scrollLeft = 400;"
        "const place = (cell) => cell.getBoundingClientRect().left;"
        "return [table.scrollLeft, place(table), place(table.rows[0].cells[0]),"
        " place(table.rows[0].cells[1])]"
    )
    moved, table, first, second = places
    assert moved > 200
    assert first == table
    assert second < 0


def test_quartos_page_has_tiles_coloured_verdicts_and_findings_as_cards(page: Any) -> None:
    run = page(820)
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert run(style, ".facts ul", "display") == "grid"
    assert run(style, ".fact-value", "display") == "block"
    assert run(style, ".verdict", "color") == "rgb(160, 42, 31)"
    assert run(style, ".tag", "color") == "rgb(160, 42, 31)"
    assert run(style, ".finding", "borderLeftColor") == "rgb(160, 42, 31)"
    assert run(style, ".finding .callout-icon-container", "display") == "none"
