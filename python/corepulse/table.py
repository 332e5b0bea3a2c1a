"""A sweep's table as a file of another kind.

    python -m corepulse.table FOLDER OUT.parquet    (or .csv, .jsonl, .arrow)
"""
from __future__ import annotations

import csv
import importlib
import json
import pathlib
import sys

from .errors import Error, InvalidRequest
from .sweep_table import SweepTable


def write_table(table: SweepTable, file: pathlib.Path) -> None:
    """By the file's extension; Parquet and Arrow's file format need pyarrow."""
    kind = file.suffix.lower()
    if kind == ".parquet":
        table.to_parquet(file)
    elif kind in (".arrow", ".feather"):
        importlib.import_module("pyarrow.feather").write_feather(table.to_arrow(), str(file))
    elif kind == ".csv":
        with open(file, "w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, table.columns)
            writer.writeheader()
            writer.writerows(table)
    elif kind == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    else:
        raise InvalidRequest(f"[table] {file}: the extension {kind!r}; expected .parquet, .arrow, .csv or .jsonl")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(str(__doc__).strip())
    try:
        write_table(SweepTable(sys.argv[1]), pathlib.Path(sys.argv[2]))
    except ModuleNotFoundError as missing:
        sys.exit(f"corepulse.table: {missing}; expected: pip install pyarrow")
    except (Error, OSError) as error:
        sys.exit(f"corepulse.table: {error}")


if __name__ == "__main__":
    main()
