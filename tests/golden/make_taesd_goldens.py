#!/usr/bin/env python3
"""Makes taesd_model.safetensors and taesd.safetensors: a tiny random AutoencoderTiny, and what its decoder makes of latents.

    pip install torch==2.13.0 diffusers==0.42.1 safetensors==0.8.0
    python tests/golden/make_taesd_goldens.py
"""
import pathlib

import diffusers
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def main():
    torch.manual_seed(5)
    model = diffusers.AutoencoderTiny(encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8))
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * (0.1 if p.ndim == 1 else (1.2 / p[0].numel()) ** 0.5))
    # Of the encoder one layer is enough: it is left out.
    state = {k: v for k, v in model.state_dict().items() if k.startswith(("decoder.", "encoder.layers.0."))}
    notes = {"script": "make_taesd_goldens.py", "torch": torch.__version__, "diffusers": diffusers.__version__}
    save_file(state, HERE / "taesd_model.safetensors", notes)
    latents = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(6)) * 2
    with torch.no_grad():
        picture = model.decode(latents).sample
    save_file({"latents": latents, "picture": picture}, HERE / "taesd.safetensors", notes)
    print(picture.mean(), picture.std())


if __name__ == "__main__":
    main()
