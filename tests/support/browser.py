"""Drive the installed Chromium over WebDriver, which is JSON over HTTP: no client needed.

https://www.w3.org/TR/webdriver2/ names the paths; those under `goog` and `se` are
ChromeDriver's, for the DevTools protocol and the logs.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "apt-get install chromium chromium-driver"
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": " "}
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the specification's name of a reference


class Browser:
    """Hold one session; made by `browser()`."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client, self._session = client, session

    @classmethod
    def begin(cls, client: httpx.Client) -> Self:
        profile = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        wanted = {
            "goog:chromeOptions": {"args": profile, "binary": BROWSER},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = _value(client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}))
        return cls(client, made["sessionId"])

    def end(self) -> None:
        self._client.delete(f"/session/{self._session}")

    def open(self, url: str) -> None:
        """Load a page; return when it and all it asks for are there."""
        self._post("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, whatever its policy; return its value."""
        return self._post("execute/sync", {"script": script, "args": arguments})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, on whatever has the focus."""
        strokes = [
            {"type": kind, "value": KEYS.get(key, key)}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        self._post("actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def click(self, selector: str) -> None:
        """Click the first element that fits, as a pointer would."""
        found = self._post("element", {"using": "css selector", "value": selector})
        self._post(f"element/{found[_ELEMENT]}/click", {})

    def devtools(self, method: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self._post("goog/cdp/execute", {"cmd": method, "params": parameters})

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Set the window in CSS pixels; a phone has two device pixels for each and no mouse."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write what is shown, or the whole page, as PNG."""
        made = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(made["data"]))

    def printed(self) -> bytes:
        """Return the page printed as PDF."""
        return base64.b64decode(self.devtools("Page.printToPDF", printBackground=False)["data"])

    def errors(self) -> list[str]:
        """Return what the console said since the last call, warnings and errors."""
        return [entry["message"] for entry in self._log("browser") if entry["level"] != "INFO"]

    def requests(self) -> list[str]:
        """Return the URLs asked for since the last call, whether they were let through or not."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[Mapping[str, Any]]:
        return list(self._post("se/log", {"type": kind}))

    def _post(self, path: str, body: Any) -> Any:
        return _value(self._client.post(f"/session/{self._session}/{path}", json=body))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a driver and a browser of its own; end both."""
    assert BROWSER is not None, MISSING
    assert DRIVER is not None, MISSING
    with tempfile.TemporaryFile("w+") as log:
        command = [DRIVER, "--port=0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            found = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
            port = next(match[1] for match in found if match)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                page = Browser.begin(client)
                try:
                    yield page
                finally:
                    page.end()
        finally:
            process.terminate()
            process.wait(30)


def _value(response: httpx.Response) -> Any:
    value = response.json()["value"]
    assert response.is_success, f"{value['error']}: {value['message']}"
    return value
