"""Writes tests/golden/resize.safetensors: what Pillow makes of a picture by the filters beside Lanczos.

    python tests/golden/make_resize_goldens.py   # pillow 13.0, numpy 2.4, safetensors 0.8

README.md names the tensors; init.safetensors has Lanczos.
"""

from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC}


def main():
    # No value of noise is where a mistake would not show; none is the black that Pillow pads with.
    source = Image.fromarray(np.random.default_rng(5).integers(1, 256, (23, 31, 3), np.uint8))
    tensors = {"source": source}
    for name, filter in FILTERS.items():
        for size in ((20, 16), (48, 40), (12, 32), (73, 29)):
            where = f"{size[0]}x{size[1]}"
            tensors[f"{name}/stretch/{where}"] = source.resize(size, filter)
            tensors[f"{name}/crop/{where}"] = ImageOps.fit(source, size, filter)
            tensors[f"{name}/pad/{where}"] = ImageOps.pad(source, size, filter)
    save_file({k: np.array(v) for k, v in tensors.items()}, HERE / "resize.safetensors",
              {"script": "tests/golden/make_resize_goldens.py", "pillow": PIL.__version__})


if __name__ == "__main__":
    main()
