"""`python -m tests.pictures`: the pages of the docs as pictures, taken anew from the demo.

`test_looks` keeps one of every page, theme and width as well, in the folder that NEXTMOVE_TEST_PICTURES names.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests import processes

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
IN_DOCS = processes.ROOT / "docs" / "images"
SHOWN = {
    "my-work": "/",
    "task-scheduling": "/automations/task-scheduling",
    "new-rule": "/automations/task-scheduling/new?template=hot-lead",
    "statistics": "/automations/stats",
    "sequences": "/automations/sequences",
    "jobs": "/automations/jobs",
    "activity": "/activity",
    "contacts": "/contacts",
    "board": "/tasks?as=board",
    "workload": "/team/workload",
    "performance": "/team/performance",
    "inbox": "/inbox",
    "notifications": "/settings/notifications",
    "team": "/settings/team",
}
FIRST = {
    "rule": "/automations/task-scheduling",
    "sequence": "/automations/sequences",
    "contact": "/contacts",
    "task": "/tasks?sort=due",
    "member": "/team/performance",
}
"""Pages of one: of the first that these pages lead to."""
DARK, ON_A_PHONE = ("my-work", "workload"), ("my-work", "task-scheduling", "contact")


def keep(page: Page, path: str, *, theme: str, width: int) -> None:
    """A picture of the page as it stands, when NEXTMOVE_TEST_PICTURES names a folder."""
    if folder := os.environ.get("NEXTMOVE_TEST_PICTURES"):
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"[{}]", "", path)).strip("-") or "my-work"
        page.screenshot(path=Path(folder) / f"{theme}-{width}" / f"{name}.png", full_page=True)


def _begin(page: Page) -> None:
    """What the demo leaves to be done: the first sequence, and a task that is completed, which starts some jobs."""
    page.goto("/automations/sequences")
    page.locator("form[action*='/ready/'] button").first.click()
    page.wait_for_load_state("load")
    page.goto("/?view=upcoming")
    page.locator("form[action$='/complete'] button").last.click()
    page.get_by_text("Completed:").wait_for()
    page.goto("/automations/jobs")
    page.get_by_text("Update user performance metrics").last.wait_for()


def _address(page: Page, name: str) -> str:
    if name in SHOWN:
        return SHOWN[name]
    page.goto(FIRST[name])
    first = page.locator("main :is([data-open], a[href^='/team/members/'])").first
    return first.get_attribute("href") or FIRST[name]


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium (apt-get install chromium).")
        return 1
    with tempfile.TemporaryDirectory(prefix="nextmove-pictures-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        with processes.serving(Path(folder), demo=True) as site:
            every = (*SHOWN, *FIRST)
            for theme, size, names in (("light", WIDE, every), ("dark", WIDE, DARK), ("light", PHONE, ON_A_PHONE)):
                context = browser.new_context(viewport=size, base_url=site.url)
                context.add_cookies([{"name": "theme", "value": theme, "url": site.url}])
                page = context.new_page()
                page.goto("/accounts/login/")
                page.fill("[name=login]", "admin")
                page.fill("[name=password]", "for the tests")
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url("**/")
                if (theme, size) == ("light", WIDE):
                    _begin(page)
                for name in names:
                    page.goto(_address(page, name))
                    if name == "my-work" and size == WIDE:
                        page.keyboard.press("j")
                        page.keyboard.press("Enter")
                    page.wait_for_load_state("networkidle")  # the dry run and the panel come after the rest
                    kind = "" if (theme, size) == ("light", WIDE) else f"-{'phone' if size == PHONE else theme}"
                    page.screenshot(path=IN_DOCS / f"{name}{kind}.png")
                    print(f"{name}{kind}.png")
                context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
