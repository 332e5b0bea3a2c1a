"""The notebooks of docs/notebooks run from the first cell to the last, and what their cells end with shows itself."""
import ast
import json
import pathlib
import re

import PIL.Image
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "docs" / "notebooks"


def shown(value):
    """What a notebook's page makes of a value, as IPython asks for it."""
    for name in ("_repr_html_", "_repr_png_"):
        if getattr(value, name, None) is not None and (made := getattr(value, name)()):
            return made
    return repr(value)


def run(source, names):
    """As IPython does: the last expression's value, if the cell ends with one."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("name", ["first_steps", "what_the_blocks_do", "edit_a_picture"])
def test_a_notebook_runs(name):
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]
    names, pictures = {}, 0
    for cell in cells:
        if cell["cell_type"] == "code":
            value = run(re.sub("num_inference_steps=1.", "num_inference_steps=4", "".join(cell["source"])), names)
            made = shown(value)
            pictures += isinstance(value, PIL.Image.Image) or isinstance(made, bytes) or made.count("<img")
            assert made != "False"
    assert pictures >= 3


def test_they_are_what_the_script_writes(tmp_path):
    script = (FOLDER / "make_notebooks.py").read_text()
    copy = tmp_path / "make_notebooks.py"
    copy.write_text(script)
    names = {"__name__": "__main__", "__file__": str(copy)}
    exec(compile(script, str(copy), "exec"), names)
    for file in tmp_path.glob("*.ipynb"):
        assert file.read_text() == (FOLDER / file.name).read_text()
