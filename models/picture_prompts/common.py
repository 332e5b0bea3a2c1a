"""Where things lie, on what they run, and pictures for the eye."""
import pathlib
import sys

import numpy as np
import torch
from PIL import Image

MODELS = pathlib.Path(__file__).resolve().parent.parent
BUILTIN = MODELS / "builtin"
sys.path += [str(MODELS / "judge"), str(BUILTIN / "training")]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SIDE = 128  # pixels of a picture, as the encoder sees it


def autocast():
    return torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda")


def show(rows, file):
    """Rows of pictures [3, H, W] in -1..1, all of one size."""
    pixels = torch.cat([torch.cat(list(row), 2) for row in rows], 1).float().cpu().clamp(-1, 1)
    Image.fromarray(np.ascontiguousarray(((pixels + 1) * 127.5).byte().permute(1, 2, 0).numpy())).save(file)
