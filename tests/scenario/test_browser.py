"""The pages in a real browser: headless Chromium, driven by playwright-core over `tests/browser/main_job.mjs`."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Launch

BROWSER = Path(__file__).resolve().parents[1] / "browser"
MISSING = [
    what
    for what, there in {
        "node": shutil.which("node"),
        "Chromium at /usr/bin/chromium": Path("/usr/bin/chromium").exists(),
        "playwright-core (cd tests/browser && npm ci)": (BROWSER / "node_modules" / "playwright-core").exists(),
    }.items()
    if not there
]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
async def test_a_customer_and_an_operator_meet_on_the_two_pages(launch: Launch, tmp_path: Path) -> None:
    client = await launch()
    ada = await client.operator("Ada")
    folder = os.environ.get("THREADLINE_SCREENSHOTS") or str(tmp_path)
    process = await asyncio.create_subprocess_exec(
        "node", "main_job.mjs", client.url, ada.token, folder, cwd=BROWSER, stdout=-1, stderr=-2
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
