"""The picture: one bar a row, on a logarithmic scale."""

from pathlib import Path
from typing import Any

Row = dict[str, Any]

MET, MISSED, SHOWN = "#2a6f97", "#c8553d", "#9dbfd4"
GOAL, INK, FAINT = "#1b1b1b", "#222222", "#888888"


def draw(rows: list[Row], machine: dict[str, str], path: Path) -> None:
    """Draw how many times as fast we are as each peer, with a mark where the target asks for a certain speed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    rows = [row for row in rows if row["unit"] not in ("MB", "bytes/event") and not row["rate"]]
    figure, axes = pyplot.subplots(figsize=(11, 0.42 * len(rows) + 1.8), layout="constrained")
    for place, row in enumerate(reversed(rows)):
        speed, goal = row["speed"], row["goal"]
        axes.barh(place, speed - 1, left=1, height=0.62, color=_color(row))
        if goal:
            axes.plot([goal, goal], [place - 0.42, place + 0.42], color=GOAL, linewidth=2)
        label = f"{speed:.2g}x" if speed < 10 else f"{speed:.0f}x"
        end = (max(speed, goal or 0, 1), place)
        axes.annotate(label, end, (5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(range(len(rows)), [f"{row['work']}\nvs {row['peer_name']}" for row in reversed(rows)], fontsize=8)
    axes.set_xscale("log")
    speeds = [value for row in rows for value in (row["speed"], row["goal"]) if value]
    axes.set_xlim(min(0.5, *speeds) * 0.9, max(speeds) * 1.6)
    axes.xaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=FAINT, linewidth=1)
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.01)
    axes.set_title(
        "eventfold: times as fast as each peer (mark: the target; dark: met, red: missed, light: no target)",
        loc="left",
        fontsize=11,
    )
    names = ("processor", "cores", "Python", "Django", "SQLite", "duckdb")
    axes.set_xlabel(", ".join(f"{name} {machine[name]}" for name in names), fontsize=7, color=FAINT, loc="left")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _color(row: Row) -> str:
    if row["target"] is None:
        return SHOWN
    return MET if row["target"]["met"] else MISSED
