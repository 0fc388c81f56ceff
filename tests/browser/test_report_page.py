from __future__ import annotations

from typing import Any

import pytest

WIDTHS = [1280, 360]
SCHEMES = ["light", "dark"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_no_violation_of_level_a_or_aa(page: Any, width: int, scheme: str) -> None:
    assert page.open(width, scheme).violations() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_violation_with_every_part_open(page: Any, scheme: str) -> None:
    page.open(scheme=scheme)
    page.run(
        "document.querySelectorAll('main [hidden]').forEach((e) => e.removeAttribute('hidden'))"
    )
    assert page.violations() == []


def test_axe_would_find_a_violation(page: Any) -> None:
    page.open()
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert any("button-name" in violation for violation in page.violations())


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_never_scrolls_sideways(page: Any, width: int) -> None:
    page.open(width)
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_opening_and_exploring_asks_the_network_for_nothing(page: Any) -> None:
    page.open()
    page.run(
        "document.querySelectorAll('figure .tools button[aria-pressed]').forEach(b => b.click())"
    )
    page.wait_for("return document.querySelectorAll('.twin-canvas .main-svg').length >= 2")
    assert page.requests() == []
    assert page.complaints() == []


def test_the_library_is_unpacked_only_when_a_reader_explores(page: Any) -> None:
    page.open()
    assert page.run("return typeof window.Plotly") == "undefined"
    page.run("document.querySelector('figure .tools button[aria-pressed]').click()")
    page.wait_for("return document.querySelector('.twin-canvas .main-svg') !== null")
    assert page.run("return document.querySelector('figure.picture .canvas').hidden")


def test_a_projection_in_three_dimensions_is_drawn(page: Any) -> None:
    page.open()
    page.run("document.querySelector('#fig-parameter-projection button[aria-pressed]').click()")
    page.wait_for("return document.querySelector('#fig-parameter-projection canvas') !== null")
    assert page.complaints() == []


def test_an_explored_figure_follows_the_theme(page: Any) -> None:
    page.open()
    page.run("document.querySelector('#fig-roc-curve button[aria-pressed]').click()")
    stroke = (
        "const line = document.querySelector('#fig-roc-curve .js-line');"
        "return line && getComputedStyle(line).stroke"
    )
    light = page.wait_for(stroke)
    page.run("document.querySelector('.theme').click()")
    page.wait_for(f"const now = (() => {{ {stroke} }})(); return now && now !== '{light}'")
    page.run("localStorage.clear()")


def test_static_pictures_change_their_colours_at_night(page: Any) -> None:
    read = "return getComputedStyle(document.querySelector('.canvas svg rect[fill]')).fill"
    light, dark = page.open().run(read), page.open(scheme="dark").run(read)
    assert light != dark


def test_arrow_keys_move_between_tabs(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open()
    tabs = page.driver.find_elements("css selector", "[role=tab]")
    tabs[0].send_keys(Keys.ARROW_RIGHT)
    assert [tab.get_attribute("aria-selected") for tab in tabs] == ["false", "true", "false"]
    shown = page.run(
        "return [...document.querySelectorAll('[role=tabpanel]')]"
        ".map((panel) => !panel.hasAttribute('hidden'))"
    )
    assert shown == [False, True, False]
    page.driver.switch_to.active_element.send_keys(Keys.END)
    assert tabs[2].get_attribute("aria-selected") == "true"


def test_a_click_on_a_head_sorts_by_number_and_says_so(page: Any) -> None:
    page.open()
    script = """
      const table = document.querySelector('#tbl-groups table'), at = arguments[0];
      table.tHead.rows[0].cells[at].querySelector('button').click();
      return [table.tHead.rows[0].cells[at].getAttribute('aria-sort'),
              [...table.tBodies[0].rows].map((row) => row.cells[at].textContent)];
    """
    order, cells = page.run(script, 1)
    counts = [int(cell.replace("\u202f", "")) for cell in cells]
    assert (order, counts) == ("ascending", sorted(counts))
    order, cells = page.run(script, 1)
    assert (order, [int(cell.replace("\u202f", "")) for cell in cells]) == (
        "descending",
        counts[::-1],
    )
    order, cells = page.run(script, 2)
    rates = [float(cell.rstrip(" \u00a0%")) for cell in cells]
    assert (order, rates) == ("ascending", sorted(rates))


def test_a_figure_enlarges_and_goes_back(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open()
    button = page.driver.find_element("css selector", "#fig-global-importance .tools button")
    button.send_keys(Keys.ENTER)
    assert page.run(
        "return document.querySelector('dialog').open && !!document.querySelector('dialog svg')"
    )
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait_for("return !document.querySelector('dialog').open")
    page.wait_for("return !!document.querySelector('#fig-global-importance .canvas svg')")


def test_print_has_no_navigation_and_every_part_open(page: Any) -> None:
    page.open(media="print")
    shown = page.run(
        "return ['.side', '.bar', '.tools', '.tab-list'].map((s) =>"
        " getComputedStyle(document.querySelector(s)).display)"
    )
    assert shown == ["none"] * 4
    heights = page.run(
        "return [...document.querySelectorAll('.tab-panel, .details .callout-body')]"
        ".map((e) => e.getBoundingClientRect().height)"
    )
    assert min(heights) > 0


def test_a_link_into_a_closed_part_opens_it(page: Any) -> None:
    page.open()
    page.run("document.querySelectorAll('[role=tab]')[2].click(); location.hash = '#fig-roc-curve'")
    page.wait_for(
        "return document.querySelector('#fig-roc-curve').getBoundingClientRect().height > 0"
    )


def test_the_menu_opens_on_a_phone_and_escape_closes_it(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open(360)
    menu = page.driver.find_element("css selector", ".menu")
    menu.click()
    assert menu.get_attribute("aria-expanded") == "true"
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert menu.get_attribute("aria-expanded") == "false"


def test_without_scripts_every_tab_and_fold_is_readable(page: Any) -> None:
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open()
        panels = page.driver.find_elements("css selector", ".tab-panel, .details .callout-body")
        assert all(panel.size["height"] > 0 for panel in panels)
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_hostile_text_runs_nothing_and_adds_no_element(page: Any) -> None:
    page.open()
    assert page.run("return document.querySelectorAll('main script').length") == 0
    assert "<script>alert" in page.run("return document.querySelector('#sec-bias').textContent")
