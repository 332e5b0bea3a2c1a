"""The patcher, its configurations, the names of blocks."""
from .base import BaseModelPatcher, BlockIdentifier
from .block_mapper import UNetBlockMapper
from .unet_patcher import AttentionMapConfig, PromptInjectionProcessor, SelfAttentionConfig, UNetPatcher

__all__ = [
    "AttentionMapConfig",
    "BaseModelPatcher",
    "BlockIdentifier",
    "PromptInjectionProcessor",
    "SelfAttentionConfig",
    "UNetBlockMapper",
    "UNetPatcher",
]
