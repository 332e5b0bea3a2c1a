"""Sweeps in Python: the program's own, and a table that data frames, Arrow and Parquet take."""
import importlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import corepulse

MODEL = pathlib.Path(__file__).parents[2] / "tests" / "golden" / "models" / "small"
SMALL = dict(model=MODEL, prompt="a cat in a park", num_inference_steps=1, width=64, height=64, device="cpu")
DRAGON = [corepulse.inject("a dragon")]
AXES = {"where": ["input:0", "middle:0"], "strength": "0.5..1:2"}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("sweep") / "out"


@pytest.fixture(scope="module")
def table(out):
    return corepulse.sweep(**SMALL, controls=DRAGON, axes=AXES, out=out)


def test_it_leaves_what_the_program_leaves(table, out, program, tmp_path):
    command = [program, "sweep", "-m", MODEL, "-p", "a cat in a park", "--steps", "1", "-W", "64", "-H", "64", "--inject", "a dragon",
               "--axis", "where=input:0,middle:0", "--axis", "strength=0.5,1", "-o", tmp_path / "p", "-q", "--device", "cpu"]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("cells/000003.png", "sheet.png"):
        assert np.array_equal(np.asarray(PIL.Image.open(out / name)), np.asarray(PIL.Image.open(tmp_path / "p" / name)))


def test_rows_are_dicts_with_numbers_as_numbers(table):
    assert len(table) == 4 and len(list(table)) == 4
    assert [(row["where"], row["strength"]) for row in table] == [("input:0", 0.5), ("input:0", 1.0), ("middle:0", 0.5), ("middle:0", 1.0)]
    assert all(0 < row["difference"] < 1 for row in table) and table.column("cell") == [0, 1, 2, 3]
    assert json.loads(table[0]["recipe"])["prompt"] == "a cat in a park"
    assert table[1:3][0]["cell"] == 1 and table[-1]["cell"] == 3
    with pytest.raises(corepulse.InvalidRequest, match="expected one of: cell, strength, where"):
        table.column("wher")


def test_pictures_and_sheets_show_themselves(table, out):
    assert table.image(3).size == (64, 64) and table.plain_image(3).size == (64, 64)
    assert not np.array_equal(table.image(3), table.plain_image(3))
    assert table.sheets == [out / "sheet.png"]
    shown = table._repr_html_()
    assert shown.count("<tr>") == 5 and "data:image/png" in shown and "middle:0" in shown


def test_data_frames_arrow_and_parquet(table, out, tmp_path):
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    frame = table.to_pandas()
    assert list(frame.columns) == table.columns and frame.strength.dtype == float
    assert frame.groupby("where").difference.mean().shape == (2,)
    table.to_parquet(tmp_path / "t.parquet")
    read = arrow.read_table(tmp_path / "t.parquet")
    assert read.equals(table.to_arrow()) and read.column("strength").to_pylist() == [0.5, 1.0, 0.5, 1.0]
    for name in ("u.parquet", "u.csv", "u.jsonl"):
        subprocess.run([sys.executable, "-m", "corepulse.table", out, tmp_path / name], check=True)
    assert pandas.read_parquet(tmp_path / "u.parquet").equals(frame)
    assert pandas.read_csv(tmp_path / "u.csv").strength.tolist() == frame.strength.tolist()
    assert len((tmp_path / "u.jsonl").read_text().splitlines()) == 4
    wrong = subprocess.run([sys.executable, "-m", "corepulse.table", out, tmp_path / "u.txt"], capture_output=True, text=True)
    assert wrong.returncode == 1 and ".parquet" in wrong.stderr and "Traceback" not in wrong.stderr


def test_it_goes_on_and_shards_are_merged(table, out, tmp_path):
    seen = []
    whole = dict(SMALL, controls=DRAGON, axes=AXES)
    with pytest.raises(corepulse.Cancelled):
        corepulse.sweep(**whole, out=tmp_path / "s", progress=lambda at: seen.append(at.label) or len(seen) < 2)
    assert seen == ["where input:0, strength 0.5", "where input:0, strength 1"]
    with pytest.raises(corepulse.NotFound, match="has not ended"):
        corepulse.SweepTable(tmp_path / "s")
    with pytest.raises(corepulse.InvalidRequest):
        corepulse.sweep(**whole, out=tmp_path / "s")
    again = corepulse.sweep(**whole, out=tmp_path / "s", resume=True, progress=lambda at: seen.append(at.label))
    assert len(seen) == 4 and again.column("difference") == table.column("difference")
    for i in range(2):
        shard = corepulse.sweep(**whole, out=tmp_path / str(i), shard=(i, 2))
        assert len(shard) == 2 and shard.sheets == []
    merged = corepulse.merge_sweeps([tmp_path / "0", tmp_path / "1"], tmp_path / "all")
    assert merged.column("recipe") == again.column("recipe")


def test_axes_of_every_sort():
    def cells(**axes):
        return [cell["recipe"] for cell in corepulse.sweep_cells(prompt="a {animal}", controls=DRAGON, **axes)]

    found = cells(axes={"controls[0].when": [corepulse.when.sigma(15, 3), "always"], "controls[0].region": [corepulse.circle(0.5, 0.5, 0.2)]})
    assert len(found) == 2 and found[0]["controls"][0]["when"] == {"sigma": [15, 3]} and "region" in found[1]["controls"][0]
    found = cells(axes={("sampler", "steps"): [("euler", 20), ("heun", 10)], "guidance": np.linspace(1, 7, 3), "{animal}": ["cat", "dog"]})
    assert len(found) == 12 and found[-1]["steps"] == 10 and found[-1]["guidance"] == 7 and found[-1]["prompt"] == "a dog"
    assert len(cells(axes=["seed=1..3", {"field": "steps", "from": 10, "to": 20, "count": 3}])) == 9
    assert [r["strength"] for r in (c["controls"][0] for c in cells(axes={"strength": {"from": 0, "to": 0.5, "count": 2}}))] == [0, 0.5]


@pytest.mark.parametrize("wrong, message", [
    (dict(axes={"strength": "0.5,7"}), "strength 7"),
    (dict(axes={"seed": 3}), "a list of them"),
    (dict(axes={("steps", "seed"): [(1, 2, 3)]}), "tuples of 2"),
    (dict(), "nothing changes"),
    (dict(axes={"seed": "1..3"}, num_inference_step=3), "num_inference_steps"),
    (dict(axes={"seed": "1..3"}, output_type="np"), "output_type"),
    (dict(axes={"seed": "1..3"}, shard="3"), "no shard"),
    (dict(spec={"version": 1, "recipe": {}, "axes": []}, axes={"seed": "1..3"}), "beside"),
])
def test_what_is_wrong_is_said_before_anything_is_drawn(wrong, message, tmp_path):
    told = {} if "spec" in wrong else dict(SMALL, controls=DRAGON)
    told.pop("device", None)
    with pytest.raises(corepulse.InvalidRequest, match=message):
        corepulse.sweep(**told, **wrong, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_spec_is_a_file_or_what_it_holds(tmp_path):
    spec = {"version": 1, "recipe": {"version": 1, "model": str(MODEL), "prompt": "a cat", "steps": 1, "width": 64, "height": 64},
            "axes": [{"field": "seed", "values": [1, 2]}, {"field": "guidance", "values": [1, {"ramp": [0, 1, 0.2, 3]}], "labels": ["one", "ramp"]}]}
    spec["axes"].pop()
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    tables = [corepulse.sweep(given, out=tmp_path / str(i), device="cpu") for i, given in enumerate((spec, tmp_path / "spec.json"))]
    assert tables[0].column("recipe") == tables[1].column("recipe") and tables[0].column("plain") == [None, None]


def test_a_column_of_mixed_values_has_their_labels():
    columns = importlib.import_module("corepulse.sweep_table")._columns
    line = dict(seed=1, seconds=0.5, difference=0, ssim=1, recipe={})
    rows = [dict(line, cell=i, labels={"when": label, "picture": "x"}, values={"when": value}) for i, (label, value) in
            enumerate([("always", "always"), ("sigma 15..3", {"sigma": [15, 3]})])]
    found = columns(rows)
    assert found["when"] == ["always", "sigma 15..3"] and found["picture"] == ["x", "x"] and "cell picture" in found
    assert "plain" in found and "outside_ssim" not in found


def folder_of(tmp_path, values, name="x", **more):
    """A table of a cell for each of an axis's values, as the program writes it."""
    line = dict(seed=1, seconds=0.5, difference=0, ssim=1, recipe={"prompt": "a cat"})
    rows = [dict(line, cell=i, picture=f"cells/{i:06}.png", labels={name: str(value)}, values={name: value},
                 **{field: each[i] for field, each in more.items()}) for i, value in enumerate(values)]
    (tmp_path / "cells.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return corepulse.SweepTable(tmp_path)


def test_a_text_with_line_separators_is_one_text(tmp_path):
    texts = [f"a cat{separator}a dog" for separator in "\u2028\u2029\x85\x0c\x1c"]
    assert folder_of(tmp_path, texts, "prompt").column("prompt") == texts


def test_reading_a_column_takes_time_as_its_length(tmp_path):
    looks = 0

    class Counted(int):
        @property
        def __class__(self):  # what isinstance asks where type() is not enough
            nonlocal looks
            looks += 1
            return int

    line = dict(seed=1, seconds=0.5, difference=0, ssim=1, recipe={}, labels={"x": "1"})
    importlib.import_module("corepulse.sweep_table")._columns([dict(line, cell=i, values={"x": Counted(i)}) for i in range(1000)])
    assert looks < 20_000


def test_seeds_are_whole_up_to_the_largest(tmp_path):
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    seeds = [3, 2**63, 2**64 - 1]
    table = folder_of(tmp_path, seeds, "seed", **{"seed": seeds})
    table.to_parquet(tmp_path / "t.parquet")
    for name in ("seed", "cell seed"):
        assert table.to_arrow().column(name).to_pylist() == seeds and table.to_arrow().schema.field(name).type == arrow.uint64()
        assert table.to_pandas()[name].tolist() == seeds
    assert pandas.read_parquet(tmp_path / "t.parquet").equals(table.to_pandas())
    other = folder_of(tmp_path, [2**63, None], "n")
    assert other.to_arrow().column("n").to_pylist() == [2**63, None] and other.to_arrow().schema.field("seed").type == arrow.uint64()
    assert other.to_pandas().seed.dtype == "uint64"


@pytest.mark.parametrize("name", ["cell", "picture", "cell picture"])
def test_an_axis_keeps_its_name_and_a_column_of_that_name_gets_another(tmp_path, name):
    table = folder_of(tmp_path, ["a", "b"], name)
    assert len(table) == 2 and table.column(name) == ["a", "b"]
    assert table.column("cell cell" if name == "cell" else "cell") == [0, 1]
    assert table.column("cell picture" if name == "picture" else "picture") == ["cells/000000.png", "cells/000001.png"]
    (tmp_path / "cells").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "cells" / "000001.png")
    assert table.image(1).size == (8, 8)
