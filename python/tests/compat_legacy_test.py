"""legacy=True against pictures that CorePulse itself drew with the built-in model (golden/corepulse_script.py)."""
import pathlib
import sys

import numpy as np
import pytest
from torch_stand_in import module_torch

HERE = pathlib.Path(__file__).parent
CHANGES = [("from diffusers import", "from corepulse.diffusers import"), ("from core_pulse import", "from corepulse.compat import"),
           ("Injector(pipe)", "Injector(pipe, legacy=True)")]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    text = (HERE / "golden" / "corepulse_script.py").read_text()
    for there, here in CHANGES:
        assert there in text
        text = text.replace(there, here)
    torch = module_torch()
    file = tmp_path_factory.mktemp("legacy") / "ours.npz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch", torch)
        patch.setattr(sys, "argv", ["script", "builtin", str(file)])
        for name in ("torchvision", "torchvision.transforms"):
            patch.setitem(sys.modules, name, torch)
        exec(compile(text, "corepulse_script.py", "exec"), {"__name__": "script"})
    return np.load(file)


@pytest.fixture(scope="module")
def published():
    return np.load(HERE / "golden" / "corepulse_script.npz")


@pytest.mark.parametrize("name", ["plain", "inject", "words", "regions", "redirect", "global", "sharpen", "smooth"])
def test_the_published_maths_draws_the_same(drawn, published, name):
    difference = np.abs(drawn[name].astype(int) - published[name])
    assert difference.max() <= 2 and (difference > 1).mean() < 0.01
    if name != "plain":
        changed = np.abs(published[name].astype(int) - published["plain"])
        assert changed.max() > 10, "a picture without an effect compares with everything"


def test_both_drew_the_same_pictures(drawn, published):
    assert set(drawn) == set(published)
