"""What a foreign Python, emulated, does with the wheel installed in a folder: try_wheel.py FOLDER."""
import site
import sys

site.addsitedir(sys.argv[1])
import mlx.core as mx  # noqa: E402
import numpy  # noqa: E402

import corepulse  # noqa: E402

assert corepulse.__file__.startswith(sys.argv[1]), corepulse.__file__
print(corepulse.version())
pipe = corepulse.Pipeline.from_pretrained("builtin", dtype="f32")
dragon = corepulse.inject("a dragon", where="content", gain_k=2, gain_v=2)
print(pipe.explain("a cat in a park", controls=[dragon]))
picture = pipe("a cat in a park", controls=[dragon], num_inference_steps=2, height=64, width=64, output_type="mx").images
assert isinstance(picture, mx.array), f"{type(picture)} is not MLX's array"
seen = numpy.array(picture)
assert seen.shape == (1, 64, 64, 3) and numpy.isfinite(seen).all() and seen.std() > 0.05, (seen.shape, seen.std())
print(f"drew {seen.shape}, numbers of mean {seen.mean():.4f} and deviation {seen.std():.4f}")
