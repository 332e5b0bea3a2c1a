"""All injectors and masks."""
from .advanced import AdvancedPromptInjector, LocationBasedInjector, MultiPromptInjector
from .attention import AttentionMapInjector
from .base import BasePromptInjector, PromptInjectionConfig
from .masking import MaskedPromptEncoder, MaskedPromptInjector, TokenAnalyzer, TokenMask
from .multi_scale import MultiScaleInjector
from .self_attention import (
    SelfAttentionInjector,
    enhance_left_right_interaction,
    enhance_top_bottom_interaction,
    improve_composition_coherence,
)
from .simple import BlockSpecificInjector, SimplePromptInjector, inject_content_prompt, inject_style_prompt
from .spatial import *  # noqa: F403
from .spatial import __all__ as _spatial
from .unified import UnifiedAdvancedInjector, UnifiedInjector

__all__ = [
    "AdvancedPromptInjector",
    "AttentionMapInjector",
    "BasePromptInjector",
    "BlockSpecificInjector",
    "LocationBasedInjector",
    "MaskedPromptEncoder",
    "MaskedPromptInjector",
    "MultiPromptInjector",
    "MultiScaleInjector",
    "PromptInjectionConfig",
    "SelfAttentionInjector",
    "SimplePromptInjector",
    "TokenAnalyzer",
    "TokenMask",
    "UnifiedAdvancedInjector",
    "UnifiedInjector",
    "enhance_left_right_interaction",
    "enhance_top_bottom_interaction",
    "improve_composition_coherence",
    "inject_content_prompt",
    "inject_style_prompt",
]
__all__ += _spatial
