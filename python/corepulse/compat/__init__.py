"""CorePulse's classes and functions over corepulse's engine: `import corepulse.compat as core_pulse`.

    import corepulse, corepulse.compat as core_pulse

    pipeline = corepulse.Pipeline.from_pretrained("builtin")
    with core_pulse.UNetPatcher(pipeline) as patcher:
        patcher.add_injection(block="middle:0", prompt="a dragon", weight=2.0, sigma_start=15.0, sigma_end=0.0)
        result = pipeline("a cat in a park", num_inference_steps=30)

Everything becomes controls, and stands in the result's recipe. docs/corepulse.md says class by class what differs.
"""
from . import models as _models
from . import prompt_injection as _prompt_injection
from . import utils as _utils
from .models import *  # noqa: F403
from .prompt_injection import *  # noqa: F403
from .utils import *  # noqa: F403

__all__: list[str] = []
__all__ += _models.__all__
__all__ += _prompt_injection.__all__
__all__ += _utils.__all__
