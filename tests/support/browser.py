"""Opens a page in a headless Chromium and reads back what became of it. No other browser is driven."""

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGE_S = 120
VIRTUAL_MS = 30_000  # of the page's own clock, so that what it awaits is over


def chromium() -> str:
    """Its path; the test is skipped by name where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


def dump(page: Path, profile: Path, *, fragment: str = "", dark: bool = False) -> str:
    """The document as the browser has it after its scripts have run."""
    command = [
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--window-size=1440,900",
        f"--virtual-time-budget={VIRTUAL_MS}", "--dump-dom", f"{page.as_uri()}{fragment}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=PAGE_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
