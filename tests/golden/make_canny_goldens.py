"""Writes tests/golden/canny.safetensors: what OpenCV's Canny finds in two small pictures.

    python tests/golden/make_canny_goldens.py   # opencv-python-headless 5.0, numpy, safetensors; no network

`<n>/picture` uint8 [H, W, 3], and `<n>/<low>_<high>` uint8 [H, W], 255 on an edge, of cv2.Canny(picture, low, high).
"""

from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent


def pictures():
    """Shapes with soft and hard edges, and noise, which has gradients of every direction and many equal ones."""
    rows, columns = np.mgrid[0:40, 0:56].astype(np.float64)
    disc = 200 / (1 + np.exp(np.hypot(rows - 18, columns - 25) - 12))
    shapes = np.stack([disc, 4 * columns, np.where((rows > 8) & (rows < 30) & (columns > 30), 230, 40)], 2)
    noise = np.random.default_rng(3).integers(0, 256, (12, 15, 3))
    noise = np.kron(noise, np.ones((3, 3, 1)))
    return [np.clip(x, 0, 255).astype(np.uint8) for x in (shapes, noise)]


def main():
    tensors = {}
    for number, picture in enumerate(pictures()):
        tensors[f"{number}/picture"] = picture
        for low, high in ((100, 200), (50, 50), (20.5, 300), (0, 600)):
            edges = cv2.Canny(picture, low, high)
            print(number, low, high, int((edges > 0).sum()))
            tensors[f"{number}/{low}_{high}"] = edges
    save_file(tensors, HERE / "canny.safetensors", {"script": "tests/golden/make_canny_goldens.py", "opencv": cv2.__version__})


if __name__ == "__main__":
    main()
