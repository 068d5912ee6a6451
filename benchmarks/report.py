"""The table, and the files of a run: results.json, figures.png, and the table in README.md."""

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks import chart

Row = dict[str, Any]
SIZES = ("MB", "bytes/event")
"""Units of what is no time."""
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
HEADINGS = ("work", "ours min / median", "peer", "peer min / median", "ratio", "target", "met?")


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table, aligned so that it is read in a terminal too."""
    lines = [HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def written(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([written(HEADINGS), written(tuple("-" * width for width in widths)), *map(written, lines[1:])])


def conditions(found: dict[str, Any]) -> str:
    """Return what the figures were taken on, as Markdown lines."""
    machine = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    load = ", ".join(f"{work} {before} to {after}" for work, (before, after) in _loads(found).items())
    return f"\n{machine}. Load before and after (1: one core busy): {load}. Taken in {found['seconds']} s."


def rows_of(found: dict[str, Any]) -> list[Row]:
    return [row for work in found["works"].values() for row in work["rows"]]


def save(folder: Path, found: dict[str, Any]) -> None:
    """Write the results, and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(_rounded(found), indent=1) + "\n")
    chart.draw(rows_of(found), found["machine"], folder / "figures.png")


def update(readme: Path, found: dict[str, Any]) -> None:
    """Put the table in its place in a README."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{table(rows_of(found))}\n{conditions(found)}\n{END}{after}")


def _cells(row: Row) -> tuple[str, ...]:
    target = row["target"]
    return (
        row["work"],
        f"{_figures(row['ours'])} {row['unit']}",
        row["peer_name"],
        _figures(row["peer"]),
        ratio(row),
        target["text"] if target else "",
        ("yes" if target["met"] else "NO") if target else "",
    )


def ratio(row: Row) -> str:
    """Return how we compare, best against best: "6.1x faster", or "1.15x the time"."""
    if row["rate"]:
        return f"{1 / min(row['ours']):.3g} M events/s"
    less_is = "as much" if row["unit"] in SIZES else "the time"
    more_is = "less" if row["unit"] in SIZES else "faster"
    speed: float = row["speed"]
    return f"{speed:.3g}x {more_is}" if speed >= 1 else f"{1 / speed:.3g}x {less_is}"


def _figures(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{min(values):.3g} / {statistics.median(values):.3g}"


def _loads(found: dict[str, Any]) -> dict[str, list[float]]:
    return {name: work["load"] for name, work in found["works"].items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
