"""The three doors of finished reports as pictures, and the page that shows them.

    python benchmarks/gallery.py reports/*/*

Each run folder gives its first screen, a case, and a section of the audit, as a reader has them
with the network off; what the page shows of other experiments stays. Needs chromium, chromedriver
and the extra `test`.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
#: What is shown of a report: a door, where it begins, and what it is called.
DOORS = {
    "decide": ("#top", "Decide"),
    "cases": (".case-columns", "Cases"),
    "audit": ("#sec-performance", "Audit"),
}
#: The window in pixels, the width of a picture, and its quality.
WINDOW, WIDTH, QUALITY = (1280, 800), 880, 50
#: Overrides that say where and how the pictures' runs were made, and nothing of their content.
ASIDE = ("paths.", "jobs=", "report.formats=", "measure_time=")
HEAD = """# Gallery

Experiments that travel with the package, by the three doors of their reports: the first screen for
whoever decides, a case, and a section of the audit. The command makes the report; with `debug=fast`
added, the model is trained on few rows for one epoch: the run is short, and its numbers say little.

This page is written by `python benchmarks/gallery.py RUN …` from run folders.
"""


@dataclass(frozen=True)
class Report:
    """A finished run: what it is called, and the command that makes it."""

    folder: Path
    name: str
    title: str
    command: str

    @classmethod
    def of(cls, folder: Path) -> Report:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        overrides = [text for text in run["command"]["overrides"] if not text.startswith(ASIDE)]
        name = str(run["config"]["name"])
        title = str(run["config"]["report"]["title"])
        return cls(folder, name, title, " ".join(["deepseek-report", *overrides]))

    def block(self, pictures: dict[str, Path]) -> str:
        """What the page shows of it."""
        shown = [f"![{self.title}: {DOORS[door][1]}]({path})" for door, path in pictures.items()]
        return "\n\n".join([f"## {self.title}", f"```\n{self.command}\n```", *shown])


def blocks_of(page: Path) -> dict[str, str]:
    """{title: what a written page shows of a report}, in its order."""
    if not page.exists():
        return {}
    _, *parts = page.read_text(encoding="utf-8").split("\n## ")
    return {part.partition("\n")[0]: f"## {part.strip()}" for part in parts}


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a network, with a window of the size of a small laptop."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", offline):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    size = {"width": WINDOW[0], "height": WINDOW[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield driver
    finally:
        driver.quit()


def doors(driver: Any, report: Report, images: Path) -> dict[str, Path]:
    """{door: picture of it, below `docs`}; a door that the report does not have is left out."""
    driver.get((report.folder / "report.html").resolve().as_uri())
    pictures = {}
    for door, (selector, _) in DOORS.items():
        found = driver.execute_async_script(
            "const [selector, done] = arguments, place = document.querySelector(selector);"
            "if (place) place.scrollIntoView();"
            "requestAnimationFrame(() => requestAnimationFrame(() => done(place !== null)));",
            selector,
        )
        if found:
            path = images / f"{report.name}-{door}.webp"
            path.write_bytes(smaller(driver.get_screenshot_as_png()))
            pictures[door] = path.relative_to(DOCS)
    return pictures


def smaller(png: bytes) -> bytes:
    """A screenshot as a WebP picture for a page."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(image.height * WIDTH / image.width)
    buffer = io.BytesIO()
    small = image.resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.save(buffer, format="WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    reports = [Report.of(folder) for folder in parser.parse_args().runs]
    images = DOCS / "images" / "gallery"
    images.mkdir(parents=True, exist_ok=True)
    page = DOCS / "gallery.md"
    with browser() as driver:
        shot = {report.title: report.block(doors(driver, report, images)) for report in reports}
    blocks = blocks_of(page) | shot
    page.write_text("\n\n".join([HEAD.strip(), *blocks.values()]) + "\n", encoding="utf-8")
    print(f"{page}: {len(reports)} of {len(blocks)} reports")


if __name__ == "__main__":
    main()
