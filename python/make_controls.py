"""Writes corepulse/controls.py, one dataclass for each kind of control that docs/recipe.schema.json lists.

    make_controls.py SCHEMA OUTPUT

The schema is what tests hold against the program: this is its translation, and no second list.
"""
import json
import keyword
import pathlib
import re
import sys

HEAD = '''"""Every kind of control as a dataclass with the recipe's fields. Made by make_controls.py from docs/recipe.schema.json.

docs/control.md says what each of them computes. A control is checked when it is made, by the code that reads recipes:
what is wrong is an InvalidRequest.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from ._control import Control, Curve, RegionLike, Window

'''
REFERENCES = {"curve": "Curve", "window": "Window", "region": "RegionLike"}
PLAIN = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}


def type_of(schema):
    if "$ref" in schema:
        return REFERENCES[schema["$ref"].rsplit("/", 1)[1]]
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if schema["type"] == "array":
        return f"Sequence[{type_of(schema['items'])}]"
    if schema["type"] == "object":
        return "Mapping[str, Any] | tuple[Any, ...]"
    return PLAIN[schema["type"]]


def shape_of(schema):
    """What becomes of a value on its way into a recipe: "curve", "window", "region", "items a,b", or nothing."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if schema.get("type") == "array" and schema["items"].get("type") == "object":
        return "items " + ",".join(schema["items"]["properties"])
    return None


def python_name(name):
    """Not a word of the language, and none that Control has."""
    return name + "_" if keyword.iskeyword(name) or name in ("self", "data") else name


def class_name(kind):
    return "".join(part.capitalize() for part in kind.split("_"))


def class_text(schema):
    properties = dict(schema["properties"])
    kind = properties.pop("kind")["const"]
    required = [name for name in schema["required"] if name != "kind"]
    first = next(iter(properties))
    lines = ["@dataclass(frozen=True, repr=False)", f"class {class_name(kind)}(Control):", f'    """The kind `{kind}` of docs/control.md.']
    told = [f"    {python_name(n)}: {s['description']}." for n, s in properties.items() if "description" in s]
    lines += ["", *told] if told else []
    lines += ['    """', f'    kind: ClassVar[str] = "{kind}"']
    shapes = {python_name(n): shape_of(s) for n, s in properties.items() if shape_of(s)}
    lines += [f"    _shapes: ClassVar[Mapping[str, str]] = {shapes!r}"]
    ordered = [first] + [n for n in properties if n in required and n != first]
    optional = False
    for name in ordered:  # by position: the first field and all that must be there
        kind_of_value = type_of(properties[name])
        if name not in required:
            optional = True
            lines.append(f"    {python_name(name)}: {kind_of_value} | None = None")
        elif optional:  # Python asks for a default behind a default; without a value the check complains
            lines.append(f'    {python_name(name)}: {kind_of_value} = cast("{kind_of_value}", None)')
        else:
            lines.append(f"    {python_name(name)}: {kind_of_value}")
    for name, value in properties.items():
        if name not in ordered:
            lines.append(f"    {python_name(name)}: {type_of(value)} | None = field(default=None, kw_only=True)")
    return kind, "\n".join(lines) + "\n"


def main():
    schema, output = map(pathlib.Path, sys.argv[1:])
    classes = [class_text(s) for s in json.loads(schema.read_text())["$defs"]["control"]["oneOf"]]
    names = "".join(f"{kind} = {class_name(kind)}\n" for kind, _ in classes)
    table = "".join(f'    "{kind}": {class_name(kind)},\n' for kind, _ in classes)
    listed = "".join(f'    "{name}",\n' for kind, _ in classes for name in (class_name(kind), kind))
    text = HEAD + "\n".join("\n" + text for _, text in classes)
    text += f"\n\n{names}\nKINDS: Mapping[str, type[Control]] = {{\n{table}}}\n\n__all__ = [\n    \"KINDS\",\n{listed}]\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(re.sub(r"[ \t]+$", "", text, flags=re.M))


if __name__ == "__main__":
    main()
