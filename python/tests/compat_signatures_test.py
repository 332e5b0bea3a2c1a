"""corepulse.compat takes what CorePulse takes: compat_published.txt has every public signature of its last version."""
import ast
import importlib
import inspect
import pathlib

import pytest

import corepulse.compat as core_pulse

PUBLISHED = (pathlib.Path(__file__).parent / "compat_published.txt").read_text().splitlines()
MODULES = {
    "": "SimplePromptInjector AdvancedPromptInjector AttentionMapInjector SelfAttentionInjector MultiScaleInjector "
    "UnifiedAdvancedInjector UNetPatcher MaskedPromptInjector RegionalPromptInjector create_left_half_mask",
    "models": "BaseModelPatcher UNetPatcher UNetBlockMapper",
    "models.base": "BaseModelPatcher BlockIdentifier",
    "models.unet_patcher": "UNetBlockMapper AttentionMapConfig SelfAttentionConfig PromptInjectionProcessor UNetPatcher",
    "prompt_injection": "BasePromptInjector TokenMask TokenAnalyzer MaskedPromptEncoder MaskFactory create_circle_mask",
    "prompt_injection.advanced": "AdvancedPromptInjector LocationBasedInjector MultiPromptInjector",
    "prompt_injection.attention": "AttentionMapInjector",
    "prompt_injection.base": "BasePromptInjector PromptInjectionConfig",
    "prompt_injection.masking": "TokenMask TokenAnalyzer MaskedPromptEncoder MaskedPromptInjector",
    "prompt_injection.multi_scale": "MultiScaleInjector",
    "prompt_injection.self_attention": "SelfAttentionInjector enhance_left_right_interaction",
    "prompt_injection.simple": "SimplePromptInjector BlockSpecificInjector inject_content_prompt inject_style_prompt",
    "prompt_injection.spatial": "MaskFactory RegionalPromptInjector create_center_circle_mask create_vertical_strip_mask",
    "prompt_injection.unified": "UnifiedAdvancedInjector",
    "utils": "detect_model_type create_quick_injector inject_and_generate get_available_blocks",
    "utils.helpers": "validate_injection_config quick_inject auto_detect_model demonstrate_content_style_split",
    "utils.logger": "set_core_pulse_debug_level",
    "utils.tokenizer": "find_token_indices",
}


def found(name):
    at = core_pulse
    for part in name.split("."):
        at = getattr(at, part, None) or getattr(core_pulse.models, part)
    return at


def published(line):
    """Names, defaults by name, of "name(a, b=1)"."""
    arguments = ast.parse("def " + line.replace(line[: line.index("(")], "f", 1) + ": pass").body[0].args
    names = [a.arg for a in arguments.args]
    values = [ast.literal_eval(d) for d in arguments.defaults]
    return names, dict(zip(names[len(names) - len(values) :], values)), arguments.vararg, arguments.kwarg


@pytest.mark.parametrize("line", PUBLISHED, ids=lambda line: line.split("(")[0])
def test_names_order_and_defaults(line):
    names, defaults, more, named = published(line)
    own = [p for n, p in inspect.signature(found(line.split("(")[0])).parameters.items() if n != "self"]
    by_position = [p for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in by_position] == names
    for p in by_position:
        assert p.name not in defaults or p.default == defaults[p.name], p
    assert {p.kind for p in own} - {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY} == (
        {inspect.Parameter.VAR_POSITIONAL} if more else set()
    ) | ({inspect.Parameter.VAR_KEYWORD} if named else set())
    assert all(p.default is not p.empty for p in own if p.kind is p.KEYWORD_ONLY)  # what is more may be left out


@pytest.mark.parametrize("module", MODULES)
def test_modules_hold_what_they_held(module):
    there = importlib.import_module("corepulse.compat" + (f".{module}" if module else ""))
    for name in MODULES[module].split():
        assert hasattr(there, name), name


def test_everything_can_be_imported_at_once():
    names = {}
    exec("from corepulse.compat import *", names)
    assert set(core_pulse.__all__) <= set(names)
    assert len(set(core_pulse.__all__)) == len(core_pulse.__all__)
