"""The encoder, and the adapter between what it sees and the UNet, under the names of the original files."""
import json

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from common import SIDE

from vocabulary import NOTHING, STYLES, TINTS

TOKENS = 4
# CLIP's, of red, green, blue.
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PATCH, PROJECTION = 8, 256  # a patch is one of the judge's cells


def clip_pixels(image):
    """[B, 3, SIDE, SIDE] in -1..1 as the encoder reads it."""
    mean, deviation = (torch.tensor(x, device=image.device)[:, None, None] for x in (MEAN, DEVIATION))
    return ((image + 1) / 2 - mean) / deviation


def positions(side, width):
    """Sines and cosines of rows and columns, where learning of positions begins: [side * side, width]."""
    frequencies = 1 / 100 ** (torch.arange(width // 4) / (width // 4))
    angles = torch.arange(side)[:, None] * frequencies
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    rows, columns = axis[:, None].expand(-1, side, -1), axis[None].expand(side, -1, -1)
    return torch.cat([rows, columns], 2).reshape(side * side, width)


class Encoder(nn.Module):
    """CLIP's vision encoder, small, with what it is trained by and what is thrown away: a class for the whole and for
    every patch."""

    def __init__(self, width=256, layers=6):
        super().__init__()
        config = CLIPVisionConfig(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
                                  num_attention_heads=width // 64, image_size=SIDE, patch_size=PATCH,
                                  projection_dim=PROJECTION, hidden_act="gelu")
        self.clip = CLIPVisionModelWithProjection(config)
        place = self.clip.vision_model.embeddings.position_embedding.weight.data
        place[1:] = 0.2 * positions(SIDE // PATCH, width)
        self.object, self.tint = nn.Linear(PROJECTION, NOTHING), nn.Linear(PROJECTION, len(TINTS))
        self.style, self.cell = nn.Linear(PROJECTION, len(STYLES)), nn.Linear(width, NOTHING + 1)
        self.clip.vision_model.encoder.layers[-2].register_forward_hook(self.keep)

    def keep(self, layer, given, result):
        self.patches = (result[0] if isinstance(result, tuple) else result)[:, 1:]

    def forward(self, image):
        """@return image_embeds [B, PROJECTION], and logits by name."""
        embeds = self.clip(pixel_values=clip_pixels(image)).image_embeds
        answers = {"object": self.object(embeds), "tint": self.tint(embeds), "style": self.style(embeds),
                   "cell": self.cell(self.patches).transpose(1, 2).unflatten(2, (SIDE // PATCH, -1))}
        return embeds, {name: answer.float() for name, answer in answers.items()}

    def save(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        config = {**self.clip.config.to_diff_dict(), "architectures": ["CLIPVisionModelWithProjection"],
                  "model_type": "clip_vision_model", "dtype": "float16"}
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        square = {"shortest_edge": SIDE}
        pictures = {"image_processor_type": "CLIPImageProcessor", "size": square, "resample": 3, "do_resize": True,
                    "crop_size": {"height": SIDE, "width": SIDE}, "do_center_crop": True, "do_rescale": True,
                    "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": DEVIATION,
                    "do_convert_rgb": True}
        (folder / "preprocessor_config.json").write_text(json.dumps(pictures, indent=2, sort_keys=True) + "\n")
        save_half(self.clip, folder / "model.safetensors")


def save_half(network, file):
    tensors = {name: value.half().contiguous().cpu() for name, value in network.state_dict().items()
               if not name.endswith("position_ids")}
    save_file(tensors, file, {"format": "pt"})


class Projection(nn.Module):
    """One vector to tokens."""

    def __init__(self, width):
        super().__init__()
        self.proj, self.norm = nn.Linear(PROJECTION, TOKENS * width), nn.LayerNorm(width)

    def forward(self, embeds):
        return self.norm(self.proj(embeds).unflatten(1, (TOKENS, -1)))


class Keys(nn.Module):
    """Of one cross-attention layer. They begin as what the layer has for words: a token that is like a word's is then
    read like one from the first step on."""

    def __init__(self, attention):
        super().__init__()
        width, channels = attention.to_k.in_features, attention.to_k.out_features
        self.to_k_ip, self.to_v_ip = (nn.Linear(width, channels, bias=False) for _ in range(2))
        self.to_k_ip.weight.data.copy_(attention.to_k.weight.data)
        self.to_v_ip.weight.data.copy_(0.6 * attention.to_v.weight.data)


class PictureAttention(nn.Module):
    """Of the states the last TOKENS are the picture's: what is found in them is added to what is found in the words."""

    def __init__(self, keys):
        super().__init__()
        self.keys, self.strength = keys, 1.0

    def forward(self, attention, x, encoder_hidden_states=None, **_):
        def heads(y):
            return y.unflatten(-1, (attention.heads, -1)).transpose(1, 2)

        words, picture = encoder_hidden_states[:, :-TOKENS], encoder_hidden_states[:, -TOKENS:]
        q = heads(attention.to_q(x))
        seen = F.scaled_dot_product_attention(q, heads(attention.to_k(words)), heads(attention.to_v(words)))
        if self.strength:
            k, v = (heads(F.linear(picture, m.weight.to(x.dtype))) for m in (self.keys.to_k_ip, self.keys.to_v_ip))
            seen = seen + self.strength * F.scaled_dot_product_attention(q, k, v)
        return attention.to_out[0](seen.transpose(1, 2).flatten(2))


class Adapter(nn.Module):
    """image_proj and ip_adapter, put into the UNet; layers are counted in the order of its modules, as the files do."""

    def __init__(self, unet):
        super().__init__()
        self.image_proj = Projection(unet.config.cross_attention_dim)
        self.ip_adapter, processors = nn.ModuleDict(), dict(unet.attn_processors)
        for number, name in enumerate(processors):
            if name.split(".")[-2] == "attn2":
                self.ip_adapter[str(number)] = Keys(unet.get_submodule(name.removesuffix(".processor")))
                processors[name] = PictureAttention(self.ip_adapter[str(number)])
        self.readers = [p for p in processors.values() if isinstance(p, PictureAttention)]
        unet.set_attn_processor(processors)

    def forward(self, embeds):
        return self.image_proj(embeds)

    def turn(self, strength):
        for reader in self.readers:
            reader.strength = strength
