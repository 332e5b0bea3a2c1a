"""Manipulations of attention as controls: of words that the picture reads, and of parts of it that it looks at."""
from __future__ import annotations

from typing import Any

from .. import controls
from .._control import Control
from ..errors import InvalidRequest
from ._masks import RegionData, inverted
from ._windows import number

INTERACTIONS = ("enhance", "suppress", "redirect", "sharpen", "smooth")


def _scale(value: float, legacy: bool) -> float:
    found = number(value, "attention_scale")
    if found < 0 and not legacy:
        raise InvalidRequest(f"[attention_scale] {found:g}; expected 0 (not looked at) or more; negative ones belong to "
                             "legacy=True, which multiplies logits")
    return found


def word_control(phrase: str, scale: float, legacy: bool, **common: Any) -> Control:
    """Attention to the phrase's tokens times `scale`, the rest adjusted; legacy: their logits, of its first occurrence."""
    if legacy and common.get("occurrence") is None:
        common["occurrence"] = 1
    made: Control = controls.reweight(
        phrase, scale=_scale(scale, legacy), mode="corepulse" if legacy else None, **common
    )
    return made


def look_controls(
    interaction: str, source: RegionData | None, target: RegionData | None, scale: float, legacy: bool, **common: Any
) -> list[Control]:
    """What pixels of `source` make of `target`; None is everywhere."""
    if interaction not in INTERACTIONS:
        raise InvalidRequest(f"[interaction_type] unknown {interaction!r}; expected one of: {', '.join(INTERACTIONS)}")
    scale = _scale(scale, legacy)
    if interaction in ("sharpen", "smooth") and target is not None:
        raise InvalidRequest(
            f"[target_region] {interaction} is of everything that a pixel looks at; expected a source_region or none"
        )
    if interaction == "redirect" and target is None:
        raise InvalidRequest("[target_region] missing; expected the part that redirect turns attention to")
    if legacy:
        return _published(interaction, source, target, scale, common)
    common["rows"] = common.get("rows") or "both"
    if interaction == "smooth":
        return [controls.smooth(strength=scale, region=source, **common)]
    if target is None:
        return [_sharper(scale, source, common)]
    made: list[Control] = [controls.attend(target, scale=scale, region=source, **common)]
    if interaction == "redirect":
        made.append(controls.attend(inverted(target), scale=0.5, region=source, **common))
    return made


def _sharper(scale: float, source: RegionData | None, common: dict[str, Any]) -> Control:
    """All logits times a number are a temperature."""
    if scale <= 0:
        raise InvalidRequest(f"[attention_scale] {scale:g} without a target_region; expected more than 0: above 1 sharpens")
    made: Control = controls.temperature(1 / scale, attention="self", region=source, **common)
    return made


def _published(
    interaction: str, source: RegionData | None, target: RegionData | None, scale: float, common: dict[str, Any]
) -> list[Control]:
    """Where it was well defined: two regions or none."""
    if (source is None) != (target is None) or (interaction in ("sharpen", "smooth") and source is not None):
        raise InvalidRequest(
            f"[source_region] published maths has {interaction} with two regions or none (sharpen, smooth: none); expected "
            "such, or legacy=False"
        )
    if interaction == "smooth":
        return [controls.smooth(strength=scale, region=source, mode="corepulse", **common)]
    kind = interaction if interaction in ("redirect", "sharpen") else None
    made: Control = controls.attend(
        target, scale=scale, interaction=kind, region=source, mode="corepulse", **common  # type: ignore[arg-type]
    )
    return [made]
