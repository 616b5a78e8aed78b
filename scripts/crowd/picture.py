"""Plots and bar charts as PNG files, drawn with Pillow, which the server needs anyway. Knows numbers and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = "#1f2937", "#e5e7eb", "#ffffff"
COLOURS = ("#2563eb", "#7c3aed", "#9ca3af", "#6b7280", "#d97706", "#059669")
TWICE = 2
"""Everything is drawn at twice its size, for sharp screens."""

Point = tuple[float, float]


class Sheet:
    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * TWICE, height * TWICE), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(self, x: float, y: float, words: str, size: int = 13, anchor: str = "lm", colour: str = INK) -> None:
        font = ImageFont.load_default(size * TWICE)
        self._draw.text((x * TWICE, y * TWICE), words, colour, font, anchor)

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        box = [x * TWICE, y * TWICE, (x + max(1.0, width)) * TWICE, (y + height) * TWICE]
        self._draw.rounded_rectangle(box, 3 * TWICE, colour)

    def line(self, points: Sequence[Point], colour: str, width: int = 2) -> None:
        self._draw.line([(x * TWICE, y * TWICE) for x, y in points], colour, width * TWICE, "curve")

    def save(self, path: Path) -> None:
        self.image.save(path, optimize=True)


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value / 1e3:.3g} k" if value >= 1e4 else f"{value:,.4g}"


def plot(sheet: Sheet, left: float, top: float, title: str, points: Sequence[Point],
         marks: Sequence[tuple[float, str]], width: float = 380, height: float = 220) -> None:
    """One curve; the x axis shows the marks."""
    most = round_up(max([y for _, y in points] or [1]))
    end = max([x for x, _ in points] + [x for x, _ in marks])
    sheet.text(left, top - 18, title, 14)
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        sheet.line([(left, y), (left + width, y)], FAINT, 1)
        sheet.text(left - 8, y, short(most * share), 12, "rm")
    for x, words in marks:
        sheet.text(left + width * x / end, top + height + 14, words, 12, "mm")
    sheet.line([(left + width * x / end, top + height * (1 - y / most)) for x, y in points], COLOURS[0])


def load_plot(path: Path, title: str, over_time: Sequence[float], slice_seconds: float,
              percentiles: Sequence[Point]) -> None:
    """Deliveries over time, and latency up to the slowest of ten thousand."""
    sheet = Sheet(960, 340)
    sheet.text(24, 24, title, 16)
    seconds = [(at * slice_seconds, value) for at, value in enumerate(over_time)]
    end = max(1.0, len(over_time) * slice_seconds)
    quarters = [end * quarter / 4 for quarter in range(5)]
    plot(sheet, 80, 80, "deliveries a second, over time in s", seconds, [(at, f"{at:.3g}") for at in quarters])
    nines = [(float(step), value) for step, (_, value) in enumerate(percentiles)]
    plot(sheet, 550, 80, "latency in ms, by percentile", nines,
         [(0, "0"), (10, "90"), (20, "99"), (30, "99.9"), (40, "99.99")])
    sheet.save(path)


def bar_chart(path: Path, title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> None:
    """One group of bars under another, each with a scale of its own."""
    rows = sum(len(bars) + 2 for _, bars in groups)
    sheet = Sheet(860, 50 + rows * 22)
    sheet.text(24, 24, title, 16)
    names = sorted({name for _, bars in groups for name, _ in bars})
    y = 60.0
    for words, bars in groups:
        sheet.text(24, y, words, 14)
        longest = max([value for _, value in bars] or [1.0]) or 1.0
        for name, value in bars:
            y += 22
            sheet.text(150, y, name, 13, "rm")
            sheet.bar(160, y - 8, 560 * value / longest, 16, COLOURS[names.index(name) % len(COLOURS)])
            sheet.text(168 + 560 * value / longest, y, short(value), 12)
        y += 44
    sheet.save(path)
