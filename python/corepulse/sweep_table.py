"""What a sweep left: a row for every cell, its pictures and sheets."""
from __future__ import annotations

import html
import importlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, Union, overload

import PIL.Image

from .errors import BadFile, InvalidRequest, NotFound
from .result import figure

MEASURED = ("seed", "seconds", "difference", "ssim", "outside_difference", "outside_ssim", "picture", "plain", "recipe")
SHOWN_ROWS = 12


def _lines(folder: pathlib.Path) -> list[dict[str, Any]]:
    file = folder / "cells.jsonl"
    if not file.is_file():
        more = "; its sweep has not ended: corepulse sweep --merge makes a table of what there is" if (
            folder / "journal.jsonl").is_file() else ""
        raise NotFound(f"[sweep] {folder} holds no cells.jsonl{more}")
    try:
        with open(file, encoding="utf-8", newline="\n") as text:  # str.splitlines() would cut texts at U+2028
            lines = [json.loads(line) for line in text]
        if all(isinstance(line, dict) and isinstance(line["labels"], dict) and isinstance(line["values"], dict) for line in lines):
            return lines
    except (ValueError, KeyError):
        pass
    raise BadFile(f"[sweep] {file} is no sweep's table; expected what `corepulse sweep` writes")


def _kind(value: Any) -> type | None:
    return None if value is None else float if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value)


def _plain_column(values: Sequence[Any]) -> bool:
    """Numbers, or texts, or truths: what a column of a data frame or of Parquet can be."""
    kinds = {_kind(value) for value in values} - {None}
    return len(kinds) <= 1 and kinds <= {float, str, bool}


def _axis_names(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Columns of what axes set: the axes', then fields that no axis is named as."""
    labels, values = (lines[0]["labels"], lines[0]["values"]) if lines else ({}, {})
    return [*labels, *(field for field in values if field not in labels)]


def _own_name(name: str, axes: Sequence[str]) -> str:
    """Of a column that no axis sets: axes keep their names."""
    while name in axes:
        name = f"cell {name}"
    return name


def _columns(lines: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """By name: what axes set, numbers as numbers and whatever is more by its label, then what was measured."""
    axes = _axis_names(lines)
    columns: dict[str, list[Any]] = {_own_name("cell", axes): [line["cell"] for line in lines]}
    if not lines:
        return columns
    labels, values = lines[0]["labels"], lines[0]["values"]
    for name in axes:
        found = [line["values"].get(name) for line in lines] if name in values else []
        if name in values and _plain_column(found):
            floats = any(isinstance(value, float) for value in found)
            columns[name] = [float(value) if floats and value is not None else value for value in found]
        elif name in labels:
            columns[name] = [line["labels"].get(name) for line in lines]
        else:
            columns[name] = [json.dumps(value) for value in found]
    for name in MEASURED:
        column = [line.get(name) for line in lines]
        if any(value is not None for value in column) or not name.startswith("outside"):
            columns[_own_name(name, axes)] = [json.dumps(v) for v in column] if name == "recipe" else column
    return columns


def _whole(values: Sequence[Any]) -> bool:
    """Numbers from 0 that 64 bits without a sign hold, and maybe nothing between them."""
    return all(value is None or (type(value) is int and 0 <= value < 2**64) for value in values) and any(
        value is not None for value in values)


class SweepTable(Sequence[dict[str, Any]]):
    """A list of rows, one for each cell that has a picture: `cell`, what the axes set, `seed`, `seconds`, `difference` and
    `ssim` to the plain picture (`outside_...`: outside all regions), `picture`, `plain`, `recipe` as JSON.
    """

    def __init__(self, folder: Union[str, "os.PathLike[str]"] = "sweep", notes: Sequence[str] = ()) -> None:
        self.folder = pathlib.Path(os.fspath(folder))
        self.notes = list(notes)
        lines = _lines(self.folder)
        self._axes, self._columns = _axis_names(lines), _columns(lines)

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def column(self, name: str) -> list[Any]:
        """Its values, row by row."""
        if name not in self._columns:
            raise InvalidRequest(f"[sweep] no column {name}; expected one of: {', '.join(self._columns)}")
        return list(self._columns[name])

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return {name: values[index] for name, values in self._columns.items()}

    def __len__(self) -> int:
        return len(self._columns[_own_name("cell", self._axes)])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def image(self, row: int) -> PIL.Image.Image:
        """The picture of a row."""
        return self._open(self._named(row, "picture"))

    def plain_image(self, row: int) -> PIL.Image.Image | None:
        """What it was compared with."""
        name = self._named(row, "plain")
        return self._open(name) if name else None

    @property
    def sheets(self) -> list[pathlib.Path]:
        """The pages of the contact sheet; none for a shard."""
        more = sorted(self.folder.glob("sheet-*.png"), key=lambda file: int(file.stem.partition("-")[2]))
        return [file for file in (self.folder / "sheet.png", *more) if file.is_file()]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame."""
        frame = importlib.import_module("pandas").DataFrame(self._columns)
        return frame.astype({name: "uint64" for name in self._unsigned() if None not in self._columns[name]})

    def to_arrow(self) -> Any:
        """A pyarrow.Table."""
        arrow = importlib.import_module("pyarrow")
        unsigned = self._unsigned()
        return arrow.table({name: arrow.array(values, arrow.uint64() if name in unsigned else None)
                            for name, values in self._columns.items()})

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        """For polars, DuckDB and whatever else reads Arrow's tables."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_parquet(self, file: Union[str, "os.PathLike[str]"], **options: Any) -> None:
        """Writes a Parquet file; options: pyarrow.parquet.write_table's."""
        importlib.import_module("pyarrow.parquet").write_table(self.to_arrow(), os.fspath(file), **options)

    def _unsigned(self) -> set[str]:
        """Columns of seeds, whatever this table's are, and others of numbers that a sign leaves no room for."""
        seeds = {"seed", _own_name("seed", self._axes)}
        return {name for name, values in self._columns.items()
                if _whole(values) and (name in seeds or max(value or 0 for value in values) >= 2**63)}

    def _named(self, row: int, name: str) -> Any:
        return self._columns[_own_name(name, self._axes)][row]

    def _open(self, name: str) -> PIL.Image.Image:
        with PIL.Image.open(self.folder / name) as picture:
            return picture.convert("RGB")

    def _repr_html_(self) -> str:
        sheets = "".join(figure(self._open(file.name), file.name) for file in self.sheets)
        names = [name for name in self._columns if name != _own_name("recipe", self._axes)]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        rows = "".join("<tr>" + "".join(f"<td>{html.escape(_shown(row[name]))}</td>" for name in names) + "</tr>"
                       for row in self[:SHOWN_ROWS])
        more = f"<p>and {len(self) - SHOWN_ROWS} more rows</p>" if len(self) > SHOWN_ROWS else ""
        return f"{sheets}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"

    def __repr__(self) -> str:
        return f"<SweepTable of {self.folder}: {len(self)} rows, {', '.join(self._columns)}>"


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
