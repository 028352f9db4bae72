"""Checks a training report in Chromium, at the widths of a phone, a tablet, a desktop and on paper. See report_page.sh.

Usage: report_page.py CHROMIUM REPORT.HTML FOLDER
Writes a screenshot of each width and a PDF to FOLDER. Exits with 1 if a check fails.
"""

import pathlib
import sys

from playwright.sync_api import Page, sync_playwright

# The last one is 1280 px at a zoom of 200 %.
WIDTHS = [320, 390, 768, 1280, 640]
MIN_TEXT_PIXELS = 11
MIN_TEXT_WIDTH = 390
PHONE_HEIGHT = 844
# Images of docs/: name, selector, and whether the image ends with the element.
IMAGES = [
    ("report-summary", "main > section:first-child"),
    ("report-scores", "figure:has(#roc-title)"),
    ("report-features", "figure:has(#importance-title)"),
]

# Each returns a list of faults.
SIDEWAYS = """() => {
    const excess = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return excess > 0 ? [`the page is ${excess} px too wide`] : [];
}"""
TABLES = """() => [...document.querySelectorAll('table')].flatMap(table => {
    const region = table.parentElement, hint = region.previousElementSibling, name = table.caption.innerText;
    const scrolls = region.scrollWidth > region.clientWidth, shown = getComputedStyle(hint).display !== 'none';
    const faults = [];
    if (scrolls !== shown) faults.push(`${name}: scrolls ${scrolls}, hint shown ${shown}`);
    if (scrolls && region.tabIndex !== 0) faults.push(`${name}: the keyboard cannot scroll it`);
    for (const cell of table.querySelectorAll('th, td'))
        if (cell.scrollWidth > cell.clientWidth + 1) faults.push(`${name}: text leaves its cell: ${cell.innerText}`);
    return faults;
})"""
CANDIDATES = """height => [...document.querySelectorAll('[aria-labelledby=candidates] table')]
    .filter(table => table.offsetHeight > height)
    .map(table => `${table.caption.innerText}: ${table.offsetHeight} px, a screen has ${height} px`)"""
CHARTS = """least => [...document.querySelectorAll('svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent.trim(), text.getBoundingClientRect(),
        parseFloat(getComputedStyle(text).fontSize) * scale]);
    const title = svg.querySelector('title').textContent;
    return texts.flatMap(([text, at, size], n) => {
        const faults = [];
        if (size < least) faults.push(`${title}: ${size} px: ${text}`);
        if (at.left < box.left - 1 || at.right > box.right + 1 || at.bottom > box.bottom + 1)
            faults.push(`${title}: leaves the chart: ${text}`);
        for (const [other, b] of texts.slice(0, n))
            if (at.left < b.right && b.left < at.right && at.top + 4 * scale < b.bottom - 4 * scale && b.top + 4 * scale < at.bottom - 4 * scale)
                faults.push(`${title}: "${text}" over "${other}"`);
        return faults;
    });
})"""
CUT = """() => [...document.querySelectorAll('.scroll, pre, svg, table')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => `cut on paper: ${e.innerText?.slice(0, 60)}`)"""
KEYBOARD = """() => {
    const table = document.activeElement.querySelector?.('table');
    return table ? table.caption.innerText : null;
}"""


def faults(page: Page, width: int) -> list[str]:
    found = page.evaluate(SIDEWAYS) + page.evaluate(TABLES)
    found += page.evaluate(CHARTS, MIN_TEXT_PIXELS if width >= MIN_TEXT_WIDTH else 0)
    if width == MIN_TEXT_WIDTH:
        found += page.evaluate(CANDIDATES, PHONE_HEIGHT)
    return [f"{width} px: {fault}" for fault in found]


def main() -> int:
    chromium, report, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": PHONE_HEIGHT})
            page.goto(report.resolve().as_uri())
            found += faults(page, width)
            page.screenshot(path=folder / f"{width}.png", full_page=True)
            page.close()

        page = browser.new_page(viewport={"width": 900, "height": 1000}, device_scale_factor=1.5)
        page.goto(report.resolve().as_uri())
        for name, selector in IMAGES:
            page.locator(selector).screenshot(path=folder / f"{name}.png")
        tables = page.locator("table").count()
        focused = set()
        for _ in range(200):
            page.keyboard.press("Tab")
            focused.add(page.evaluate(KEYBOARD))
        if len(focused - {None}) != tables:
            found.append(f"the keyboard reaches {len(focused - {None})} of {tables} tables")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / "dark.png", full_page=True)
        # The width of A4 without margins.
        page.set_viewport_size({"width": 688, "height": 1000})
        page.emulate_media(media="print", color_scheme="light")
        found += page.evaluate(CUT)
        page.pdf(path=folder / "report.pdf", format="A4", prefer_css_page_size=True)
        browser.close()
    print("\n".join(found) if found else "no fault found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
