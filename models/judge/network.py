"""The judge: what is where in a picture. About 5.8 million numbers."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from vocabulary import BACKGROUNDS, EFFECTS, NOTHING, STYLES, TINTS

GROUPS = 16


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, channels), nn.GroupNorm(GROUPS, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Judge(nn.Module):
    """[B, 3, 256, 256] in -1..1 -> logits: cell [B, 286, 16, 16], tint [B, 11, 16, 16], scene [B, 25], style [B, 5],
    effect [B, 5]. Four levels of 64x64, 32x32, 16x16 and 8x8; the cells read the last two."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 48, 4, stride=4)
        self.level0 = nn.Sequential(Residual(48), Residual(48))
        self.down0 = nn.Conv2d(48, 96, 2, stride=2)
        self.level1 = nn.Sequential(Residual(96), Residual(96))
        self.down1 = nn.Conv2d(96, 192, 2, stride=2)
        self.level2 = nn.Sequential(Residual(192), Residual(192), Residual(192))
        self.down2 = nn.Conv2d(192, 256, 2, stride=2)
        self.level3 = nn.Sequential(Residual(256), Residual(256))
        self.up = nn.Conv2d(256, 192, 1)
        self.merge = Residual(192)
        self.norm = nn.GroupNorm(GROUPS, 192)
        self.cell, self.tint = nn.Conv2d(192, NOTHING + 1, 1), nn.Conv2d(192, len(TINTS), 1)
        self.scene, self.style = nn.Linear(256, len(BACKGROUNDS)), nn.Linear(256, len(STYLES))
        self.effect = nn.Linear(256, len(EFFECTS))

    def forward(self, x):
        x = self.level1(self.down0(self.level0(self.stem(x))))
        x = self.level2(self.down1(x))
        whole = self.level3(self.down2(x))
        x = self.merge(x + F.interpolate(self.up(whole), scale_factor=2.0, mode="nearest"))
        x, whole = F.silu(self.norm(x)), whole.mean((2, 3))
        return {"cell": self.cell(x), "tint": self.tint(x), "scene": self.scene(whole), "style": self.style(whole),
                "effect": self.effect(whole)}
