"""The built-in model's VAE in plain PyTorch, so that the judge learns what passed through it.

The members carry the checkpoint's names.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

CHANNELS = (48, 96, 192, 192)
GROUPS = 16


class Resnet(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs, 1e-6), nn.GroupNorm(GROUPS, outputs, 1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.conv_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        skip = self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x
        return skip + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.group_norm = nn.GroupNorm(GROUPS, channels, 1e-6)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x):
        b, c, h, w = x.shape
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = (f(tokens)[:, None] for f in (self.to_q, self.to_k, self.to_v))
        seen = self.to_out[0](F.scaled_dot_product_attention(q, k, v)[:, 0])
        return x + seen.transpose(1, 2).reshape(b, c, h, w)


class Middle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(channels, channels) for _ in range(2)])
        self.attentions = nn.ModuleList([Attention(channels)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Resize(nn.Module):
    """Half the size (padded right and below, as Diffusers does) or twice."""

    def __init__(self, channels, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(channels, channels, 3, stride=2 if down else 1, padding=0 if down else 1)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.down else F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    def __init__(self, inputs, outputs, depth, resize):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(inputs if i == 0 else outputs, outputs) for i in range(depth)])
        if resize:
            setattr(self, resize, nn.ModuleList([Resize(outputs, resize == "downsamplers")]))
        self.resize = resize

    def forward(self, x):
        for resnet in self.resnets:
            x = resnet(x)
        return getattr(self, self.resize)[0](x) if self.resize else x


class Half(nn.Module):
    """The encoder or the decoder."""

    def __init__(self, encoder):
        super().__init__()
        widths = CHANNELS if encoder else CHANNELS[::-1]
        self.conv_in = nn.Conv2d(3 if encoder else 4, widths[0], 3, padding=1)
        levels = [Level(widths[max(i - 1, 0)], widths[i], 1 if encoder else 2,
                        ("downsamplers" if encoder else "upsamplers") if i < 3 else None) for i in range(4)]
        setattr(self, "down_blocks" if encoder else "up_blocks", nn.ModuleList(levels))
        self.mid_block = Middle(CHANNELS[-1])
        self.conv_norm_out = nn.GroupNorm(GROUPS, widths[-1], 1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 8 if encoder else 3, 3, padding=1)
        self.encoder = encoder

    def forward(self, x):
        x = self.conv_in(x)
        if not self.encoder:
            x = self.mid_block(x)
        for level in self.down_blocks if self.encoder else self.up_blocks:
            x = level(x)
        if self.encoder:
            x = self.mid_block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Autoencoder(nn.Module):
    """Pictures [B, 3, h, w] in -1..1 to latents [B, 4, h/8, w/8] (unscaled means) and back."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Half(True), Half(False)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(8, 8, 1), nn.Conv2d(4, 4, 1)

    def encode(self, image):
        return self.quant_conv(self.encoder(image))[:, :4]

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))


def load_autoencoder(file):
    model = Autoencoder()
    model.load_state_dict({name: value.float() for name, value in load_file(file).items()})
    return model.eval().requires_grad_(False)
