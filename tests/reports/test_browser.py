"""The page in a real browser: Chromium, driven by chromedriver over WebDriver's own protocol.

Skipped where either is not installed; nothing but the standard library speaks to them.
"""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmkit.reports.facts import RunFacts
from lmkit.reports.run_page import render

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with chromedriver here"),
]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1200,900",
)  # fmt: skip
HOSTILE = "</script><script>document.title='taken'</script><img src=http://x.example/a.png>"
DETAILS = [
    {"title": "Matrix", "view": "matrix", "columns": ["gold", HOSTILE], "rows": [[HOSTILE, 3]]},
    {"title": "Reliability", "view": "line", "columns": ["confidence", "accuracy", "ideal"],
     "rows": [[0.1, 0.2, 0.1], [0.9, 0.8, 0.9]]},
    {"title": HOSTILE, "view": "texts", "columns": ["text"], "rows": [[HOSTILE * 30]]},
]  # fmt: skip
LINES = [
    *({"step": step, "loss": 2 / step, "learning_rate": 0.1, "grad_norm": 1.0}
      for step in range(1, 3000)),
    {"step": 2999, "eval_loss": 0.5, "eval_accuracy": 0.7},
]  # fmt: skip


class Page:
    """A browser with the page open."""

    def __init__(self, port: int, path: Path, profile: Path) -> None:
        self.root = f"http://127.0.0.1:{port}/session"
        chrome = {"binary": BROWSER, "args": [*OPTIONS, f"--user-data-dir={profile}"]}
        wanted = {
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self.ask("", {"capabilities": {"alwaysMatch": wanted}})
        self.root += f"/{made['sessionId']}"
        self.ask("/url", {"url": path.as_uri()})

    def ask(self, where: str, content: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            self.root + where,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
            method="DELETE" if content is None else "POST",
        )
        with DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script: str) -> Any:
        """The value of a script, once the figures are drawn."""
        waiting = f"""
            const done = arguments[arguments.length - 1];
            const look = () => document.documentElement.dataset.figures
                ? done((() => {{ {script} }})()) : setTimeout(look, 20);
            look();"""
        return self.ask("/execute/async", {"script": waiting, "args": []})

    def log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/se/log", {"type": kind})
        return found

    def emulate(self, command: str, **parameters: Any) -> None:
        self.ask("/goog/cdp/execute", {"cmd": f"Emulation.{command}", "params": parameters})


SAMPLE = {
    "step": 4, "sample": 0, "given": "once upon", "text": "<img src=http://x.example/>",
    "wanted": "a time",
}  # fmt: skip


@pytest.fixture
def page(made_run, tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "report.html"
    run = made_run(details={"details": DETAILS}, lines=LINES)
    run.samples.write_text(json.dumps(SAMPLE) + "\n")
    path.write_text(render(RunFacts.of(run)), encoding="utf-8")
    with subprocess.Popen(
        [str(DRIVER), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as driver:
        assert driver.stdout is not None
        told = next(line for line in driver.stdout if "successfully on port" in line)
        try:
            opened = Page(int(told.split("on port ")[1].strip(" .\n")), path, tmp_path / "profile")
            yield opened
            opened.ask("", None)
        finally:
            driver.terminate()


def test_the_page_in_a_browser(page: Page) -> None:
    # every figure is drawn: its canvas holds ink
    assert page.run("return document.documentElement.dataset.figures") == "5"
    inked = page.run("""
        return [...document.querySelectorAll("canvas")].map((canvas) => {
            const {width, height} = canvas;
            const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            return pixels.filter((value, at) => at % 4 === 3 && value > 0).length;
        });""")
    assert len(inked) == 5
    assert min(inked) > 500

    shown = "return document.querySelector('section[aria-labelledby=samples]').innerText"
    assert all(word in page.run(shown) for word in ("once upon", SAMPLE["text"], "a time"))

    # nothing of the data acted, nothing was asked of the network, nothing was complained of
    assert page.run("return document.title") == "run: lmkit report"
    assert page.run("return document.images.length") == 0
    events = [json.loads(entry["message"])["message"] for entry in page.log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and not event["params"]["documentURL"].startswith("chrome")  # the tab before the page
    ]
    assert [url.split(":")[0] for url in asked] == ["file"]
    assert page.log("browser") == []

    # values by the pointer, and by the keys
    place = page.run("""
        const box = document.querySelector("#plot-1 .u-over").getBoundingClientRect();
        scrollTo({top: scrollY + box.top - 200, behavior: "instant"});
        const {left, top, width, height} =
            document.querySelector("#plot-1 .u-over").getBoundingClientRect();
        return {x: Math.round(left + width / 2), y: Math.round(top + height / 2)};""")
    legend = "return [...document.querySelectorAll('#plot-1 .u-value')].map((e) => e.textContent)"
    assert set(page.run(legend)) == {"-"}
    move = {"type": "pointerMove", "duration": 0, "origin": "viewport", **place}
    pointer = {"type": "pointer", "id": "mouse", "actions": [move]}
    page.ask("/actions", {"actions": [pointer]})
    step, loss, _ = page.run(legend)
    assert float(loss) == pytest.approx(2 / int(step.replace(",", "")), rel=0.01)
    said = page.run("""
        const plot = document.getElementById("plot-1");
        plot.focus();
        plot.dispatchEvent(new KeyboardEvent("keydown", {key: "End"}));
        return document.getElementById("said").textContent;""")
    assert said == "step 2,999: training 6.669e-4, validation 0.5"

    # dark, on paper, and on a phone
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert page.run(ground) == "rgb(255, 255, 255)"
    page.emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.run(ground) == "rgb(20, 23, 26)"
    page.emulate("setEmulatedMedia", media="print", features=[])
    assert page.run(ground) == "rgb(255, 255, 255)"
    assert page.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
    page.emulate("setEmulatedMedia", media="", features=[])
    page.emulate(
        "setDeviceMetricsOverride", width=360, height=700, deviceScaleFactor=2, mobile=True
    )
    assert page.run("return document.documentElement.scrollWidth") <= 360
    assert page.log("browser") == []
