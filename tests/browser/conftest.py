"""A finished report in Chromium with the network off."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the sample report's HTML."""
    from deepseek_report.rendering.embedded import render_html
    from tests.rendering.conftest import write_sample

    return render_html(write_sample(tmp_path_factory.mktemp("browser") / "run"))


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    yield from chromium("MAP * ~NOTFOUND")


@pytest.fixture(autouse=True)
def _as_at_first(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test shows as on paper, or leaves in the browser, the next one does not see."""
    yield
    if "driver" in request.fixturenames:
        driver = request.getfixturevalue("driver")
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
        driver.execute_script("try { localStorage.clear(); } catch { /* no page of ours */ }")


def chromium(reachable: str) -> Iterator[Any]:
    """A browser, as a fixture has it; reachable : rules of what it may ask for."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("needs chromium and chromedriver on PATH")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs the extra `test`")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        f"--host-resolver-rules={reachable}",
        "--enable-unsafe-swiftshader",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(executable_path=chromedriver)
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()


class Page:
    """The report as a reader has it: at some width, light or dark, on screen or on paper."""

    def __init__(self, driver: Any, path: Path | str) -> None:
        self.driver = driver
        self.url = path if isinstance(path, str) else path.as_uri()

    def open(self, width: int = 1280, scheme: str = "light", media: str = "screen") -> Page:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": [feature]}
        )
        self.driver.get(self.url)
        # chromedriver now and then returns from `get` while a large file is still parsed; it is
        # asked again and again, since no event is heard on a page whose scripts are off
        while self.run("return document.readyState") != "complete":
            time.sleep(0.02)
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, seconds: float = 20.0) -> Any:
        """What a script gives as soon as that is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            result = self.run(script)
            if result:
                return result
            time.sleep(0.1)
        raise AssertionError(f"never true: {script}")

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """The page is opened in a browser that runs no scripts."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            self.open()
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    @contextmanager
    def without_storage(self) -> Iterator[None]:
        """The page is opened in a browser that keeps nothing for it."""
        refused = "get() { throw new DOMException('denied', 'SecurityError'); }"
        added = self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument",
            {"source": f"Object.defineProperty(window, 'localStorage', {{ {refused} }})"},
        )
        try:
            self.open()
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
            self.open()

    def confirm(self) -> None:
        """Answer yes to what the page asks before it goes on."""
        self.driver.switch_to.alert.accept()

    def saving_to(self, folder: Path) -> Page:
        """The page, whose files are saved into this folder."""
        places = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", places)
        return self

    def violations(self, within: str | None = None) -> list[str]:
        """Violations of WCAG 2.1 A and AA that axe finds, on the page or in an element."""
        package = importlib.util.find_spec("selenium_axe_python")
        if package is None or package.origin is None:
            pytest.skip("needs the extra `test` (selenium-axe-python)")
        axe = Path(package.origin).parent / "axe-core" / "axe.min.js"
        self.driver.execute_script(axe.read_text(encoding="utf-8"))
        self.driver.set_script_timeout(60)
        violations = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "const only = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];"
            "axe.run(arguments[0] || document, {runOnly: only})"
            ".then((r) => done(r.violations.flatMap((v) =>"
            " v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`))));",
            within,
        )
        return list(violations)

    def requests(self) -> list[str]:
        """Addresses asked for since the last call, other than the page's own file."""
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "blob:", "file:", "chrome"))]

    def complaints(self) -> list[str]:
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
        ]


@pytest.fixture
def page(driver: Any, report: Path) -> Page:
    return fresh_page(driver, report)


@pytest.fixture
def real_page(driver: Any, small_run: Any) -> Page:
    """The report of the small trained run."""
    return fresh_page(driver, (small_run.folder / "report.html").resolve())


def saved_file(folder: Path) -> Path:
    """The YAML that a page saves into a folder, once all of it is there.

    The browser reserves the name by an empty file, and writes to another until it is whole.
    """
    for _ in range(600):  # half a minute, on a busy machine
        files = [path for path in folder.glob("*.yaml") if path.stat().st_size]
        if files and not list(folder.glob("*.crdownload")):
            return files[0]
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


def fresh_page(driver: Any, path: Path | str) -> Page:
    driver.get_log("performance")
    driver.get_log("browser")
    return Page(driver, path)
