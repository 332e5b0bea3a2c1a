"""Writes full-size models with random float16 weights, each as Diffusers folder and as LDM single file.

For ./run test full:

    python tests/full/make_full_models.py FOLDER [sd15] [sd21] [sdxl]

FOLDER/sd15/ and FOLDER/sd15.safetensors, and so on: 4.3, 5.2 and 14 GB the pair. Needs Python's own library only;
seeded, so a second run writes the same bytes. A model that is there whole is kept. Never commit them.
"""

import gzip
import json
import math
import shutil
import sys
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))

from configs import model_index, scheduler_config, text_config, unet_config, vae_config
from ldm_names import clip_to_ldm, open_clip_to_ldm, unet_to_ldm, vae_to_ldm
from random_weights import RandomWeights, StoredTensors, write_safetensors
from shapes import (CLIP_L, LAYERS, OPEN_CLIP_BIGG, OPEN_CLIP_H, SD1, SD2, SDXL, VAE_CHANNELS, text_shapes, unet_shapes,
                    vae_shapes)

VOCABULARY = ROOT / "data" / "clip" / "bpe_simple_vocab_16e6.txt.gz"
END = "<|endoftext|>"
# Each part's published number of parameters: the proof that the formulas of shapes.py are right.
MODELS = {
    "sd15": dict(seed=15, unet=SD1, heads=8, native=512, scaling=0.18215, unet_count=859_520_964,
                 text=[(CLIP_L, "quick_gelu", 123_060_480, END)], scheduler=scheduler_config("PNDMScheduler")),
    "sd21": dict(seed=21, unet=SD2, heads=(5, 10, 20, 20), native=768, scaling=0.18215, unet_count=865_910_724,
                 text=[(OPEN_CLIP_H, "gelu", 340_387_840, "!")],
                 scheduler=scheduler_config("DDIMScheduler", prediction_type="v_prediction")),
    "sdxl": dict(seed=10, unet=SDXL, heads=(5, 10, 20), native=1024, scaling=0.13025, unet_count=2_567_463_684,
                 text=[(CLIP_L, "quick_gelu", 123_060_480, END), (OPEN_CLIP_BIGG, "gelu", 694_659_840, "!")],
                 scheduler=scheduler_config("EulerDiscreteScheduler", prediction_type="epsilon",
                                            timestep_spacing="leading", interpolation_type="linear")),
}
DECODER_COUNT = 49_490_199


def count(shapes):
    return sum(math.prod(shape) for shape in shapes.values())


def checked(shapes, expected, what):
    if count(shapes) != expected:
        raise AssertionError(f"{what}: {count(shapes):,} parameters; {expected:,} expected")
    return shapes


def part_shapes(model):
    """{part: {name: shape}} with every count checked."""
    decoder = {n: s for n, s in vae_shapes().items() if n.startswith(("decoder.", "post_quant_conv."))}
    checked(decoder, DECODER_COUNT, "VAE decoder")
    parts = {"unet": checked(unet_shapes(model["unet"]), model["unet_count"], "UNet"), "vae": vae_shapes()}
    for part, (text, _, expected, _) in zip(("text_encoder", "text_encoder_2"), model["text"]):
        parts[part] = checked(text_shapes(text), expected, part)
    return parts


def folder_name(part, name):
    """A tensor's name in the folder's file."""
    return f"text_model.{name}" if part.startswith("text_encoder") and not name.startswith("text_projection") else name


def part_file(folder, part):
    return folder / part / (("model" if part.startswith("text") else "diffusion_pytorch_model") + ".safetensors")


def write_json(file, fields):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(fields, indent=2) + "\n")


def write_tokenizer(folder, pad):
    """CLIP's own vocabulary as Hugging Face lays it out."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("\xa1"), ord("\xac") + 1), *range(ord("\xae"), 256)]
    others = [b for b in range(256) if b not in printable]
    symbols = [chr(b) for b in printable] + [chr(256 + n) for n in range(len(others))]
    merges = gzip.open(VOCABULARY, "rt", encoding="utf-8").read().split("\n")[1:49152 - 256 - 2 + 1]
    words = symbols + [s + "</w>" for s in symbols] + [m.replace(" ", "") for m in merges] + ["<|startoftext|>", END]
    assert len(words) == 49408
    special = dict(bos_token="<|startoftext|>", eos_token=END, unk_token=END, pad_token=pad)
    write_json(folder / "vocab.json", {word: n for n, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json",
               special | dict(tokenizer_class="CLIPTokenizer", model_max_length=77, do_lower_case=True))


def write_folder(folder, model, parts):
    write_json(folder / "unet" / "config.json", unet_config(model["unet"], model["heads"], model["native"] // 8))
    write_json(folder / "vae" / "config.json", vae_config(model["scaling"], model["native"]))
    write_json(folder / "scheduler" / "scheduler_config.json", model["scheduler"])
    for suffix, (text, activation, _, pad) in zip(("", "_2"), model["text"]):
        write_json(folder / f"text_encoder{suffix}" / "config.json", text_config(text, activation))
        write_tokenizer(folder / f"tokenizer{suffix}", pad)
    for part, shapes in parts.items():
        weights = RandomWeights(f"{model['seed']} {part}")
        write_safetensors(part_file(folder, part), {
            folder_name(part, n): ("F16", shape, weights.chunks(n, shape)) for n, shape in sorted(shapes.items())})
        print(f"  {part_file(folder, part)}: {count(shapes):,} parameters", flush=True)
    write_json(folder / "model_index.json", model_index(model["scheduler"]["_class_name"], len(model["text"]) > 1))


def ldm_tensor(stored, part, source):
    """(dtype, shape, bytes) of one LDM tensor made from the folder's."""
    names = [folder_name(part, n) for n in source.names]
    shape = stored.shape(names[0])
    if source.how == "transposed":
        return "F16", shape[::-1], stored.transposed(names[0])
    if source.how == "as_conv":
        shape += (1, 1)
    if source.how == "joined":
        shape = (len(names) * shape[0],) + shape[1:]
    return "F16", shape, (chunk for name in names for chunk in stored.chunks(name))


def text_sources(name, parts):
    """Per text encoder: (part, {LDM name: source})."""
    if name == "sd15":
        return [("text_encoder", clip_to_ldm(parts["text_encoder"], "cond_stage_model.transformer."))]
    if name == "sd21":
        return [("text_encoder", open_clip_to_ldm(parts["text_encoder"], "cond_stage_model.model."))]
    return [("text_encoder", clip_to_ldm(parts["text_encoder"], "conditioner.embedders.0.transformer.")),
            ("text_encoder_2", open_clip_to_ldm(parts["text_encoder_2"], "conditioner.embedders.1.model."))]


def unused_tensors(name):
    """What the original files hold besides: SD2's last text layer and projection, buffers of training."""
    positions = ("I64", (1, 77), [array("q", range(77)).tobytes()])
    scale = ("F16", (), [b"\x9a\x44"])  # 4.6
    products = ("F32", (1000,), [array("f", [0.5] * 1000).tobytes()])
    if name == "sd15":
        return {"cond_stage_model.transformer.text_model.embeddings.position_ids": positions,
                "alphas_cumprod": products}
    if name == "sdxl":
        return {"conditioner.embedders.0.transformer.text_model.embeddings.position_ids": positions,
                "conditioner.embedders.1.model.logit_scale": scale}
    last = text_shapes(OPEN_CLIP_H | dict(layers=24, projection=1024))
    last = {n: s for n, s in last.items() if n.startswith(("encoder.layers.23.", "text_projection."))}
    weights, out = RandomWeights("unused"), {"alphas_cumprod": products, "cond_stage_model.model.logit_scale": scale}
    for ldm_name, source in open_clip_to_ldm(last, "cond_stage_model.model.").items():
        shape = last[source.names[0]]
        shape = (len(source.names) * shape[0],) + shape[1:]
        out[ldm_name] = ("F16", shape, weights.chunks(ldm_name, shape))
    return out


def write_single_file(file, name, folder, parts):
    sources = [("unet", unet_to_ldm(parts["unet"], LAYERS)), ("vae", vae_to_ldm(parts["vae"], len(VAE_CHANNELS)))]
    tensors = unused_tensors(name)
    for part, renamed in sources + text_sources(name, parts):
        stored = StoredTensors(part_file(folder, part))
        tensors |= {ldm_name: ldm_tensor(stored, part, source) for ldm_name, source in renamed.items()}
    partial = file.with_suffix(".partial")
    write_safetensors(partial, tensors)
    partial.rename(file)  # A single file under its name is whole, and so is the folder it was made from.
    print(f"  {file}: {len(tensors)} tensors, {file.stat().st_size / 1e9:.2f} GB", flush=True)


def make(target, name):
    model, folder, file = MODELS[name], target / name, target / f"{name}.safetensors"
    parts = part_shapes(model)
    if file.exists():
        print(f"{name}: kept")
        return
    needed = 4 * sum(count(shapes) for shapes in parts.values()) * 1.01
    free = shutil.disk_usage(target).free
    if free < needed:
        sys.exit(f"{target}: {needed / 1e9:.1f} GB needed for {name}, {free / 1e9:.1f} GB free")
    print(f"{name}: {sum(count(shapes) for shapes in parts.values()):,} parameters", flush=True)
    write_folder(folder, model, parts)
    write_single_file(file, name, folder, parts)


def main():
    unknown = [n for n in sys.argv[2:] if n not in MODELS]
    if len(sys.argv) < 2 or unknown:
        sys.exit(__doc__ + "".join(f"\nno such model: {n}" for n in unknown))
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        make(target, name)


if __name__ == "__main__":
    main()
