"""A real browser without a window, for tests: Chromium, spoken to in its DevTools protocol through two pipes.

    with Browser(profile) as browser:
        browser.open(file)
        browser.ask("document.title")

https://chromedevtools.github.io/devtools-protocol/ has the methods. Over pipes (``--remote-debugging-pipe``) a message
is JSON with a zero byte after it, which takes no package and no port.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
LIMIT = 200.0
"""Seconds until an answer that has not come counts as never coming."""


def chromium() -> str | None:
    """Return where Chromium is; None where it is not installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A page in a browser of its own, which is gone when it is left.

    Parameters
    ----------
    profile : Path
        An empty folder for it.

    Attributes
    ----------
    requests : list of str
        Addresses that the page asked for.
    errors : list of str
        What its scripts failed with, and what it was kept from.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._sent, self._rest = 0, b""
        self.requests: list[str] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        there, self._write = os.pipe()
        self._read, back = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        flags += ["--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={self._profile}"]

        program = chromium()
        assert program is not None
        # Chromium reads from 3 and writes to 4, whatever numbers the pipes have here
        begin = f"import os, sys; os.dup2({there}, 3); os.dup2({back}, 4); os.execv(sys.argv[1], sys.argv[1:])"
        self._process = subprocess.Popen(
            [sys.executable, "-c", begin, program, *flags, "about:blank"],
            pass_fds=(there, back),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(there)
        os.close(back)
        os.set_blocking(self._read, False)
        page = next(one for one in self._call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session: str | None = None
        self._session = self._call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def open(self, file: Path, fragment: str = "") -> None:
        """Open a file, and wait until it has drawn itself."""
        self.visit(file.as_uri() + fragment)

    def visit(self, address: str) -> None:
        """Open an address, and wait until it has drawn itself."""
        self._call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page anew, and wait until it is there."""
        self.ask("globalThis.before = true")
        self._call("Page.reload")
        self.wait("globalThis.before === undefined && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """Return what an expression comes to in the page; its errors are raised."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a condition holds in the page."""
        until = time.monotonic() + LIMIT
        while not self.ask(condition):
            assert time.monotonic() < until, f"it never came to hold: {condition}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press a key, such as Tab, Enter or ArrowRight, where the focus is."""
        text = {"Enter": "\r"}.get(key, "")
        code = {"Tab": 9, "Enter": 13, "ArrowRight": 39, "ArrowLeft": 37}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self._call("Input.insertText", text=text)

    def look(self, width: int, *, dark: bool = False, height: int = 900, media: str = "") -> None:
        """Let the page be so wide, light or dark, on a screen or printed."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self, file: Path) -> None:
        """Write the whole page as a PNG file."""
        found = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(found["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        session = getattr(self, "_session", None)
        message = {"id": self._sent, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            for answer in self._messages():
                if answer.get("id") == self._sent:
                    assert "error" not in answer, answer["error"]
                    found: dict[str, Any] = answer["result"]
                    return found
                self._hear(answer)
            time.sleep(0.01)
        raise AssertionError(f"the browser does not answer {method}")

    def _messages(self) -> list[dict[str, Any]]:
        while True:
            try:
                self._rest += os.read(self._read, 1 << 20)
            except BlockingIOError:
                break
        *whole, self._rest = self._rest.split(b"\0")
        return [json.loads(one) for one in whole]

    def _hear(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
