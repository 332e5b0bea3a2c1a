"""Helpers."""
from .helpers import (
    auto_detect_model,
    create_quick_injector,
    demonstrate_content_style_split,
    detect_model_type,
    get_available_blocks,
    inject_and_generate,
    quick_inject,
    validate_injection_config,
)
from .logger import set_core_pulse_debug_level
from .tokenizer import find_token_indices

__all__ = [
    "auto_detect_model",
    "create_quick_injector",
    "demonstrate_content_style_split",
    "detect_model_type",
    "find_token_indices",
    "get_available_blocks",
    "inject_and_generate",
    "quick_inject",
    "set_core_pulse_debug_level",
    "validate_injection_config",
]
