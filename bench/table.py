"""One row of the table that every bench program returns, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: what was measured, ours and the baseline in words, and whether the bar holds."""

    id: str
    what: str
    ours: str
    baseline: str
    ratio: str
    bar: str
    holds: bool


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table that reads well in a terminal and in Markdown."""
    head = ("", "what", "ours", "baseline", "ratio", "bar", "holds")
    cells = [head] + [
        (row.id, row.what, row.ours, row.baseline, row.ratio, row.bar, "yes" if row.holds else "NO")
        for row in rows
    ]
    widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
