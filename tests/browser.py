"""A headless Chromium for tests of pages, spoken to through pipes: no driver and no port."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
                None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe")
CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text(encoding="utf-8")


class Browser:
    """One window; `events` are what it told since the page was opened."""

    def __init__(self, profile: Path):
        reading, self.writing = os.pipe()
        self.reading, writing = os.pipe()
        # Chromium reads commands from its descriptor 3 and answers into 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{reading} 4>&{writing}', CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(reading, writing), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(reading)
        os.close(writing)
        self.rest, self.number, self.session, self.events = b"", 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def close(self):
        """End the browser."""
        os.close(self.writing)
        self.process.terminate()
        self.process.wait()
        os.close(self.reading)

    def ask(self, method, **parameters):
        """The answer to a command; events that come before it are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self):
        while b"\0" not in self.rest:
            piece = os.read(self.reading, 1 << 16)
            assert piece, "the browser has ended"
            self.rest += piece
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def open(self, path, *, width=1280, height=900, dark=False, media=""):
        """Show a file and wait until it is loaded."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", media=media,
                 features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def value(self, expression):
        """What a piece of JavaScript gives."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def said(self):
        """Messages of the console and of the browser about the page."""
        wanted = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event.get("method") in wanted]

    def fetched(self):
        """Addresses that were asked for, without those that hold what they name."""
        urls = [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def faint(self):
        """Texts whose contrast to what lies behind them is below 4.5, as WCAG 2 wants it, with that contrast."""
        self.ask("Emulation.setDeviceMetricsOverride", width=self.value("innerWidth"), deviceScaleFactor=1,
                 height=min(30_000, self.value("document.documentElement.scrollHeight") + 10), mobile=False)
        return [(text, contrast) for text, contrast in self.value(CONTRASTS) if contrast < 4.5]

    def screenshot(self, path):
        """Write a PNG of the whole page."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        Path(path).write_bytes(base64.b64decode(data))
