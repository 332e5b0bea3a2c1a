"""Names of the original single files (LDM, OpenCLIP) for the tensors of a Diffusers folder.

Written from the mapping tables alone, in the direction Diffusers -> LDM, so that the C++ renaming (LDM -> Diffusers) is
checked against something else than itself. Every function takes the names of a folder's tensors and returns
{LDM name: Source}; a name without a rule is a KeyError. Plain Python: tests/full uses it without any package.
"""

import re
from collections import namedtuple

# How one LDM tensor is made of named Diffusers tensors: "same" (one, as it is), "as_conv" (a matrix as a 1x1
# convolution), "transposed" (a matrix), "joined" (several along the first dimension).
Source = namedtuple("Source", "how names")

RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
UNET_TOP = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
            "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
            "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
VAE_TOP = {"conv_in": "conv_in", "conv_out": "conv_out", "conv_norm_out": "norm_out"}
VAE_RESNET = {"norm1": "norm1", "conv1": "conv1", "norm2": "norm2", "conv2": "conv2", "conv_shortcut": "nin_shortcut"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP_LAYER = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
                   "self_attn.out_proj": "attn.out_proj"}
OPEN_CLIP_TOP = {"embeddings.token_embedding.weight": "token_embedding.weight",
                 "embeddings.position_embedding.weight": "positional_embedding",
                 "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias"}


def split_leaf(name):
    """'a.b.weight' -> ('a.b', '.weight')."""
    stem, leaf = name.rsplit(".", 1)
    return stem, "." + leaf


def unet_block(stem, layers, attention_levels):
    """The LDM path of one module in down_blocks, mid_block or up_blocks."""
    if m := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv", stem):
        return f"input_blocks.{(int(m[1]) + 1) * (layers + 1)}.0.op"
    if m := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv", stem):
        slot = 2 if int(m[1]) in attention_levels else 1
        return f"output_blocks.{int(m[1]) * (layers + 1) + layers}.{slot}.conv"
    if m := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", stem):
        if m[1] == "attentions":
            return f"middle_block.1.{m[3]}"
        return f"middle_block.{2 * int(m[2])}.{RESNET[m[3]]}"
    m = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", stem)
    position = int(m[2]) * (layers + 1) + int(m[4])
    block = f"input_blocks.{1 + position}" if m[1] == "down" else f"output_blocks.{position}"
    return f"{block}.0.{RESNET[m[5]]}" if m[3] == "resnets" else f"{block}.1.{m[5]}"


def unet_to_ldm(names, layers):
    attention_levels = {int(m[1]) for n in names if (m := re.match(r"up_blocks\.(\d+)\.attentions", n))}
    out = {}
    for name in names:
        stem, leaf = split_leaf(name)
        path = UNET_TOP[stem] if stem in UNET_TOP else unet_block(stem, layers, attention_levels)
        out["model.diffusion_model." + path + leaf] = Source("same", [name])
    return out


def vae_block(stem, levels):
    side, rest = stem.split(".", 1)  # encoder | decoder
    if rest in VAE_TOP:
        return f"{side}.{VAE_TOP[rest]}"
    if m := re.fullmatch(r"mid_block\.resnets\.(\d)\.(.+)", rest):
        return f"{side}.mid.block_{int(m[1]) + 1}.{VAE_RESNET[m[2]]}"
    if m := re.fullmatch(r"mid_block\.attentions\.0\.(.+)", rest):
        return f"{side}.mid.attn_1.{VAE_ATTENTION[m[1]]}"
    m = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(.+)", rest)
    level = int(m[2]) if m[1] == "down" else levels - 1 - int(m[2])
    if r := re.fullmatch(r"resnets\.(\d+)\.(.+)", m[3]):
        return f"{side}.{m[1]}.{level}.block.{r[1]}.{VAE_RESNET[r[2]]}"
    if m[3] not in ("downsamplers.0.conv", "upsamplers.0.conv"):
        raise KeyError(stem)
    return f"{side}.{m[1]}.{level}.{m[1]}sample.conv"


def vae_to_ldm(names, levels):
    out = {}
    for name in names:
        stem, leaf = split_leaf(name)
        path = stem if stem in ("quant_conv", "post_quant_conv") else vae_block(stem, levels)
        # The original files attend by 1x1 convolutions.
        matrix = ".attn_1." in path and not path.endswith(".norm") and leaf == ".weight"
        out["first_stage_model." + path + leaf] = Source("as_conv" if matrix else "same", [name])
    return out


def clip_to_ldm(names, prefix):
    """CLIP-L keeps its Hugging Face names; `names` are without `text_model.`."""
    return {f"{prefix}text_model.{name}": Source("same", [name]) for name in names}


def open_clip_to_ldm(names, prefix):
    """`names` are without `text_model.`; query, key and value become one matrix, the projection is transposed."""
    out = {}
    for name in names:
        if name in OPEN_CLIP_TOP:
            out[prefix + OPEN_CLIP_TOP[name]] = Source("same", [name])
        elif name == "text_projection.weight":
            out[prefix + "text_projection"] = Source("transposed", [name])
        elif m := re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.[qkv]_proj\.(weight|bias)", name):
            parts = [f"encoder.layers.{m[1]}.self_attn.{p}_proj.{m[2]}" for p in "qkv"]
            out[f"{prefix}transformer.resblocks.{m[1]}.attn.in_proj_{m[2]}"] = Source("joined", parts)
        else:
            m = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
            path = f"transformer.resblocks.{m[1]}.{OPEN_CLIP_LAYER[m[2]]}.{m[3]}"
            out[prefix + path] = Source("same", [name])
    return out
