"""The node of integrations/comfyui, called as ComfyUI calls nodes, against the true server."""
import contextlib
import importlib.util
import json
import os
import pathlib
import sys
import types
import unittest
from unittest import mock

from server_case import SMALL, ServerCase, main

try:
    import numpy
    import PIL.Image  # noqa: F401
except ImportError:  # requirements.txt has them
    numpy = None

NODE = pathlib.Path(__file__).parents[2] / "integrations/comfyui/corepulse_node.py"


class Interrupted(Exception):
    pass


def comfyui(bars, interrupted=lambda: False):
    """The modules that a node finds in ComfyUI: as much of them as it may use."""
    class Tensor(numpy.ndarray):
        def cpu(self):
            return self

    class ProgressBar:
        def __init__(self, total):
            bars.append([total])

        def update_absolute(self, value, total=None):
            bars[-1].append(value)

    def throw_exception_if_processing_interrupted():
        if interrupted():
            raise Interrupted

    torch = types.ModuleType("torch")
    torch.from_numpy = lambda array: array.view(Tensor)
    comfy, utils, management = (types.ModuleType(name) for name in ("comfy", "comfy.utils", "comfy.model_management"))
    utils.ProgressBar = ProgressBar
    management.throw_exception_if_processing_interrupted = throw_exception_if_processing_interrupted
    return {"torch": torch, "comfy": comfy, "comfy.utils": utils, "comfy.model_management": management}


@unittest.skipUnless(numpy, "no numpy and Pillow: pip install -r tests/server/requirements.txt")
class NodeTest(ServerCase):
    @contextlib.contextmanager
    def loaded(self, *arguments, **environment):
        """The node's class, as ComfyUI finds it."""
        here = {"COREPULSE_SERVER": f"http://127.0.0.1:{self.server.port}", **environment}
        with mock.patch.dict(sys.modules, comfyui(*arguments)), mock.patch.dict(os.environ, here):
            spec = importlib.util.spec_from_file_location("corepulse_node", NODE)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            (name, node), = module.NODE_CLASS_MAPPINGS.items()
            self.assertIn(name, module.NODE_DISPLAY_NAME_MAPPINGS)
            yield node

    def run_node(self, node, **given):
        """Inputs that a workflow leaves out have their defaults, if they are required; outputs are as declared."""
        inputs = node.INPUT_TYPES()
        values = {name: rest[0]["default"] for name, (_, *rest) in inputs["required"].items()}
        self.assertLessEqual(set(given), {*inputs["required"], *inputs["optional"]})
        out = getattr(node(), node.FUNCTION)(**{**values, **given})
        self.assertEqual(len(out), len(node.RETURN_TYPES))
        image, recipe = out
        self.assertEqual((image.ndim, image.shape[3], image.dtype), (4, 3, numpy.float32))
        self.assertTrue(0 <= image.min() and image.max() <= 1)
        return image, json.loads(recipe)

    def test_a_recipe_becomes_an_image(self):
        bars = []
        with self.loaded(bars) as node:
            image, recipe = self.run_node(node, recipe=json.dumps(SMALL), seed=7)
            self.assertEqual((image.shape, recipe["seeds"], recipe["prompt"]), ((1, 64, 64, 3), [7], SMALL["prompt"]))
            self.assertTrue(all(bar[-1] <= bar[0] for bar in bars), bars)  # some may be over before it listens
            again, _ = self.run_node(node, recipe=json.dumps(recipe), seed=7)
            self.assertTrue((again == image).all())
            _, other = self.run_node(node, recipe=json.dumps(SMALL), seed=7, prompt="an owl")
            self.assertEqual(other["prompt"], "an owl")
            # A picture of another node, and where it is drawn anew.
            mask = numpy.zeros((1, 64, 64), numpy.float32).view(type(image))
            mask[:, :, :32] = 1
            mixed, recipe = self.run_node(node, recipe=json.dumps(SMALL), seed=8, image=image, mask=mask, strength=1.0)
            self.assertEqual(recipe["init"]["strength"], 1)
            self.assertTrue((mixed[:, :, 40:] == image[:, :, 40:]).all())
            self.assertFalse((mixed[:, :, :24] == image[:, :, :24]).all())

    def test_its_example_is_a_recipe(self):
        with self.loaded([]) as node:
            example = json.loads(node.INPUT_TYPES()["required"]["recipe"][1]["default"])
        self.assertEqual(self.server.ask("POST", "/v1/explain", {"recipe": example}).status, 200)

    def test_what_is_wrong_is_said(self):
        with self.loaded([]) as node:
            for recipe, word in ({**SMALL, "stpes": 2}, "steps"), ({**SMALL, "model": "/etc/passwd"}, "passwd"):
                with self.assertRaisesRegex(RuntimeError, word):
                    self.run_node(node, recipe=json.dumps(recipe))
            with self.assertRaises(ValueError):
                self.run_node(node, recipe="[]")
        with self.loaded([], COREPULSE_SERVER="http://127.0.0.1:1") as node, self.assertRaisesRegex(RuntimeError, "corepulse serve"):
            self.run_node(node)

    def test_an_interrupted_run_ends_its_job(self):
        bars, jobs = [], []

        def interrupted():
            if bars:
                jobs.extend(job["id"] for job in self.server.ask("GET", "/v1/jobs").json["jobs"])
            return bool(bars)

        with self.loaded(bars, interrupted) as node, self.assertRaises(Interrupted):
            self.run_node(node, recipe=json.dumps({**SMALL, "steps": 1000}))
        self.assertEqual([self.server.wait(id)["state"] for id in jobs], ["cancelled"])



if __name__ == "__main__":
    main()
