"""Writes tests/golden/embeddings/ and embeddings.safetensors: textual inversion, as Diffusers reads it, and a prompt of
its own for SDXL's second text encoder.

    python tests/golden/make_embedding_goldens.py      # torch 2.13, diffusers 0.42.1, transformers 5.23

The vectors are the embeddings of words that the model knows, a little moved: as large as those that training finds.
"""

import json
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).resolve().parent
FOLDER = HERE / "embeddings"
# File: (its tensors' form, vectors).
SD1 = {"redcat": ("emb_params", 3), "my-style": ("<my-style>", 1)}
SDXL = {"big_dog": ("clip", 2)}
PROMPTS = {"sd1": ["a redcat in a park", "my-style, a house by redcat", "redcat", "a dog in a hat, my-style"],
           "sdxl": ["a big_dog on a hill", "big_dog, a house"]}
# prompt, prompt_2, negative_prompt, negative_prompt_2
SECOND = [["a red cat in a park", "an oil painting", "a dog", "blurry"], ["a cat", None, "a dog", "a house on a hill"]]


def vectors(encoder, count, generator):
    table = encoder.get_input_embeddings().weight.float()
    words = torch.randint(300, 1500, (count,), generator=generator)
    return (table[words] + 0.3 * table.std() * torch.randn(count, table.shape[1], generator=generator)).contiguous()


def main():
    FOLDER.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(11)
    tensors = {}
    sd1 = StableDiffusionPipeline.from_pretrained(HERE / "models/sd1", safety_checker=None).to(torch.float32)
    for name, (key, count) in SD1.items():
        rows = vectors(sd1.text_encoder, count, generator)
        save_file({key: rows}, FOLDER / f"{name}.safetensors")
        sd1.load_textual_inversion({key: rows} if key != "emb_params" else {"emb_params": rows}, token=name)
    for n, prompt in enumerate(PROMPTS["sd1"]):
        tensors[f"sd1/{n}"] = sd1.encode_prompt(prompt, "cpu", 1, False)[0]
    sdxl = StableDiffusionXLPipeline.from_pretrained(HERE / "models/sdxl").to(torch.float32)
    for name, (_, count) in SDXL.items():
        state = {"clip_l": vectors(sdxl.text_encoder, count, generator), "clip_g": vectors(sdxl.text_encoder_2, count, generator)}
        save_file(state, FOLDER / f"{name}.safetensors")
        sdxl.load_textual_inversion(state["clip_l"], token=name, text_encoder=sdxl.text_encoder, tokenizer=sdxl.tokenizer)
        sdxl.load_textual_inversion(state["clip_g"], token=name, text_encoder=sdxl.text_encoder_2, tokenizer=sdxl.tokenizer_2)
    for n, prompt in enumerate(PROMPTS["sdxl"]):
        tensors[f"sdxl/{n}"] = sdxl.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)[0]
    for n, (prompt, second, negative, negative_second) in enumerate(SECOND):
        made = sdxl.encode_prompt(prompt, second, "cpu", 1, True, negative, negative_second)
        for name, tensor in zip(("prompt", "negative", "pooled", "negative_pooled"), made):
            tensors[f"second/{n}/{name}"] = tensor
    metadata = {"script": "make_embedding_goldens.py", "torch": torch.__version__, "diffusers": diffusers.__version__,
                "transformers": transformers.__version__, "prompts": json.dumps(PROMPTS), "second": json.dumps(SECOND)}
    save_file({name: t.contiguous() for name, t in tensors.items()}, HERE / "embeddings.safetensors", metadata)
    print({name: list(t.shape) for name, t in tensors.items()})


main()
