"""What a recipe's controls would do: blocks by steps, as text, in colours of a terminal, or as a notebook's table."""
from __future__ import annotations

import html
import json
from typing import Any

from . import _core
from ._names import whole
from ._probe import check_name
from .errors import InvalidRequest

# Colours by a control's number, light enough to read black text on.
COLOURS = ("#f4a6a0", "#a8cdf0", "#b5dfb0", "#f6d58e", "#d3b6ea", "#a9e1dc", "#f3b9d6", "#cfcfa0")


class Explanation:
    """Printed, it is the program's own table; `data` is the same for programs (docs/control.md, "explain --json")."""

    def __init__(self, recipe: str) -> None:
        self.text, data, found = _core.explain(recipe)
        self.data: dict[str, Any] = json.loads(data)
        self.recipe: dict[str, Any] = json.loads(found)

    @property
    def controls(self) -> list[dict[str, Any]]:
        """Of each control: index, title, state (acts, neutral, disabled), the layers and calls it acts at."""
        return list(self.data["controls"])

    def acting(self, block: str, step: int) -> list[int]:
        """Numbers of the controls that act in a block at a call of the UNet."""
        rows = {str(row["block"]): row["acting"] for row in self.data["blocks"]}
        check_name("explain", block, list(rows))
        if not 0 <= whole("explain", step) < len(rows[block]):
            raise InvalidRequest(f"[explain] no call {step}; expected 0..{len(rows[block]) - 1}")
        return list(rows[block][step])

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        calls = self.data["calls"]
        heads = "".join(f'<th title="sigma {call["sigma"]:.3g}">{call["step"]}</th>' for call in calls)
        rows = "".join(self._row(row) for row in self.data["blocks"])
        legend = "".join(f"<li>{_badge(c['index'])} {html.escape(c['title'])}: {c['state']}</li>" for c in self.controls)
        return (
            f'<table style="border-collapse:collapse"><tr><th>block</th><th>grid</th>{heads}</tr>{rows}</table>'
            f'<ul style="list-style:none;padding-left:0">{legend}</ul>'
        )

    def _row(self, row: dict[str, Any]) -> str:
        cells = ""
        for call, acting in zip(self.data["calls"], row["acting"]):
            titles = html.escape("\n".join(self._title(i) for i in acting))
            hover = f'title="{row["block"]}, step {call["step"]}, sigma {call["sigma"]:.3g}\n{titles}"'
            cells += f'<td style="border:1px solid #ddd;min-width:1.2em;text-align:center" {hover}>'
            cells += "".join(_badge(i) for i in acting) + "</td>"
        return f'<tr><th style="text-align:left">{row["block"]}</th><td>{_grid(row)}</td>{cells}</tr>'

    def _title(self, index: int) -> str:
        return next((f"[{index}] {c['title']}" for c in self.controls if c["index"] == index), f"[{index}]")

    def __rich_console__(self, console: Any, options: Any) -> Any:
        """For rich, where it is installed: print(explanation) of rich.print."""
        from rich.markup import escape  # type: ignore[import-not-found,unused-ignore]
        from rich.table import Table  # type: ignore[import-not-found,unused-ignore]

        table = Table(title="which control acts where", show_edge=False)
        for name in ("block", "grid", *(str(call["step"]) for call in self.data["calls"])):
            table.add_column(name)
        for row in self.data["blocks"]:
            table.add_row(row["block"], _grid(row), *("".join(_rich(i) for i in acting) for acting in row["acting"]))
        yield table
        for control in self.controls:
            yield f"{_rich(control['index'])} {escape(control['title'])}: {control['state']}"


def _grid(row: dict[str, Any]) -> str:
    return f"{row['width']}x{row['height']}"


def _badge(index: int) -> str:
    return f'<span style="background:{COLOURS[index % len(COLOURS)]};color:#000;padding:0 .3em">{index}</span>'


def _rich(index: int) -> str:
    return f"[black on {COLOURS[index % len(COLOURS)]}]{index}[/]"
