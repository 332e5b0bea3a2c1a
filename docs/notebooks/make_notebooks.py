"""Writes the four notebooks beside it. Their cells stand here as text, so that a change is a change of lines."""
import json
import pathlib

HERE = pathlib.Path(__file__).parent
NOTEBOOKS = {
    "first_steps": ["# First steps\nA model, a prompt, a seed. The built-in model is small and knows few words; any Stable Diffusion file does as well.",
'''import corepulse

pipe = corepulse.Pipeline.from_pretrained("builtin")
result = pipe("a cat in a park", seed=3, num_inference_steps=12)
result''',
"The middle block decides what the object is. It may read another prompt, while all else stays:",
'''dragon = corepulse.inject("a dragon", where="content", gain_k=2, gain_v=2)
pipe("a cat in a park", seed=3, num_inference_steps=12, controls=[dragon])''',
"What acts where, before anything is drawn:",
'''pipe.explain("a cat in a park", num_inference_steps=12, controls=[
    corepulse.inject("a dragon", where="content", when=corepulse.when.steps(2, 9)),
    corepulse.reweight("park", 0.3, where="composition", region="left half")])''',
"A run can be watched step by step:",
'''steps = pipe.steps("a cat in a park", seed=3, num_inference_steps=12)
previews = [step.preview for step in steps]
previews[2].resize((256, 256))''',
"A picture's file holds its recipe, and the recipe repeats it:",
'''import pathlib
import tempfile

import numpy as np

file = pathlib.Path(tempfile.mkdtemp(), "cat.png")
result.save(file)
again = pipe(recipe=file)
np.array_equal(np.asarray(again.images[0]), np.asarray(result.images[0]))'''],
    "what_the_blocks_do": ["# What the blocks do\nWhich block decides what? Let one after the other read another prompt, and look.",
'''import corepulse
from corepulse.result import figure

pipe = corepulse.Pipeline.from_pretrained("builtin")
blocks = [block["id"] for block in pipe.info["blocks"] if block["cross_layers"]]
blocks''',
'''def read_by(block):
    control = corepulse.inject("a dragon in the snow", where=block)
    return pipe("a cat in a park", seed=3, num_inference_steps=10, controls=[control])


class Sheet:
    def __init__(self, pictures):
        self.pictures = pictures

    def _repr_html_(self):
        return "".join(figure(picture, name) for name, picture in self.pictures.items())


pictures = {block: read_by(block).images[0] for block in blocks}
Sheet(pictures)''',
"How far is each from the plain picture?",
'''import numpy as np

plain = np.asarray(pipe("a cat in a park", seed=3, num_inference_steps=10).images[0], dtype=float)
{block: round(float(np.abs(np.asarray(picture) - plain).mean()), 1) for block, picture in pictures.items()}''',
"Where do they look while they read \"cat\"?",
'''watched = [corepulse.capture("cat", name=block, where=block) for block in blocks]
maps = pipe("a cat in a park", seed=3, num_inference_steps=10, controls=watched).heatmaps
Sheet({heat.name: heat.overlay() for heat in maps})''',
"And the whole attention of one layer at one step, head by head:",
'''whole = corepulse.Record("middle:0", "attention_map", "cross", when=corepulse.when.steps(3, 4))
seen = pipe("a cat in a park", seed=3, num_inference_steps=10, record=[whole]).recorded
{place.path: seen[place].shape for place in seen}  # rows, heads, pixels, tokens'''],
    "where_it_is_decided": ["# Where it is decided\nTwo prompts, one noise. Which block, at which steps, makes the cat a cat?",
'''import corepulse
from corepulse import Patch, Record, when

pipe = corepulse.Pipeline.from_pretrained("builtin")
steps = 8
run = dict(seed=3, num_inference_steps=steps, width=128, height=128)
cat = pipe("a cat in a park", **run, record=["middle:0"])
cat''',
"The network's numbers are there to be looked at: here what the middle block made, step by step.",
'''cat.recorded.stack("middle:0").shape  # steps, rows, height, width, channels''',
"They may stand in another run's place. A dog, whose middle block makes what the cat's did:",
'''pipe("a dog in a park", **run, patch=[Patch("middle:0", replace=cat.recorded)])''',
"Causal tracing does that with every block in every window of steps, and measures how much of the cat comes back (1: all of it).",
'''windows = [(first, first + 2) for first in range(0, steps, 2)]
trace = pipe.trace("a cat in a park", "a dog in a park", windows=windows, **run)
trace''',
"As a picture, to be saved by trace.save(\"trace.png\"):",
'''trace.picture()''',
"From two runs, a direction; along it any picture can be pushed, as far as one likes, in a part of it:",
'''dog = pipe("a dog in a park", **run, record=["middle:0"])
direction = (dog.recorded.stack("middle:0") - cat.recorded.stack("middle:0"))[:, 1].mean(axis=(0, 1, 2))
pipe("a cat in a park", **run, patch=[Patch("middle:0", add=direction, strength=2, rows="cond", when=when.steps(0, 1))])''',
"What the pixel in the middle looks at, in self-attention:",
'''seen = pipe("a cat in a park", **run, record=[Record("output:1.0#0", "attention_map", "self", when=when.steps(1, 2))]).recorded
seen.look_from("up_blocks.1.attentions.0", 1, 0.5, 0.5).round(2)''',
"And a single call of the UNet, for those who want no run at all:",
'''import numpy as np

noise = np.random.default_rng(0).standard_normal((1, 4, 16, 16), dtype=np.float32)
pipe.unet_call(noise * 10, sigma=10, prompt="a cat in a park", record=["middle:0"])'''],
    "edit_a_picture": ["# Edit a picture\nFrom a picture, another one: all of it, a part of it, or its words.",
'''import corepulse

pipe = corepulse.Pipeline.from_pretrained("builtin")
cat = pipe("a cat in a park", seed=3, num_inference_steps=12)
cat''',
"Drawn over with another prompt; the higher the strength, the less of it stays:",
'''pipe("a dog in a park", image=cat.images[0], strength=0.7, seed=3, num_inference_steps=12)''',
"Only a part, whose edge is soft. What is outside keeps its pixels:",
'''part = corepulse.circle(0.5, 0.55, 0.35).feather(0.05)
pipe("a dragon in a park", image=cat.images[0], mask_image=part, strength=0.9, seed=3, num_inference_steps=12)''',
"Or the same composition with another word (prompt-to-prompt): two pictures from one noise, the second looks as the first does.",
'''pair = pipe("a cat in a park", seed=[3, 3], num_inference_steps=12,
            controls=[corepulse.prompt_to_prompt("a dog in a park")])
pair''',
"Words that weigh less, in a half of the picture:",
'''pipe("a red cat in the snow at night", seed=3, num_inference_steps=12,
     controls=[corepulse.reweight("snow", 0.2, region="right half feather 0.1")])'''],
}


def cell(text, code):
    lines = text.splitlines(keepends=True)
    shared = {"metadata": {}, "source": lines}
    return {"cell_type": "code", "execution_count": None, "outputs": [], **shared} if code else {"cell_type": "markdown", **shared}


def is_code(text):
    """Prose starts with a heading or ends like a sentence."""
    return not text.startswith("#") and not text.endswith((":", ".", "?"))


def main():
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    for name, texts in NOTEBOOKS.items():
        cells = [{**cell(text, is_code(text)), "id": f"{name}-{i}".replace("_", "-")} for i, text in enumerate(texts)]
        notebook = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
        (HERE / f"{name}.ipynb").write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
