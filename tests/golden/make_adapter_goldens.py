"""Writes tests/golden/adapters/: small files of LoRA and its kin for the tiny models, and what they change.

    python tests/golden/make_adapter_goldens.py     # torch 2.13, diffusers 0.42.1, peft 0.21.2, lycoris-lora 4.1.3; no network

Diffusers and PEFT load the files of their kinds, LyCORIS makes and merges its own; what they add to a layer's weight is
kept in expected.safetensors as `<case>/<reading and strength>/<network>.<tensor>`, float32, every seventh number of it. Its metadata
`cases` names each case's model. The numbers in the files are random.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import DiffusionPipeline
from diffusers.training_utils import _collate_lora_metadata
from lycoris.functional.general import weight_decompose
from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ldm_names import unet_to_ldm

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "adapters"
STRIDE = 7
torch.set_num_threads(1)
torch.manual_seed(17)
diffusers.utils.logging.disable_progress_bar()

UNET = {
    "sd1": ["conv_in", "down_blocks.0.attentions.0.proj_in", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "down_blocks.0.downsamplers.0.conv",
            "mid_block.resnets.1.conv2", "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.0.proj",
            "up_blocks.3.resnets.0.conv_shortcut", "down_blocks.1.resnets.0.time_emb_proj"],
    "sdxl": ["down_blocks.1.attentions.0.proj_in", "down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q",
             "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_v", "down_blocks.1.resnets.0.conv1",
             "down_blocks.0.downsamplers.0.conv", "mid_block.attentions.0.transformer_blocks.2.ff.net.2",
             "up_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0", "up_blocks.0.upsamplers.0.conv",
             "add_embedding.linear_1", "time_embedding.linear_2"]}
LINEAR = [name for name in UNET["sd1"] if "attn" in name or "ff" in name]
TEXT = [f"text_model.encoder.layers.0.{name}" for name in ("self_attn.q_proj", "self_attn.out_proj", "mlp.fc1")]


def load(family):
    return DiffusionPipeline.from_pretrained(HERE / "models" / family, torch_dtype=torch.float32, safety_checker=None,
                                             requires_safety_checker=False)


def normal(*shape, scale=0.5):
    return torch.randn(shape) * scale


def factors(module, rank):
    """(down, up) of a linear layer or a convolution, as kohya's trainer shapes them."""
    weight = module.weight
    if weight.ndim == 2:
        return normal(rank, weight.shape[1]), normal(weight.shape[0], rank)
    return normal(rank, *weight.shape[1:]), normal(weight.shape[0], rank, 1, 1)


def networks(pipe):
    return {name: getattr(pipe, name) for name in ("unet", "text_encoder", "text_encoder_2") if hasattr(pipe, name)}


def peft_changes(pipe):
    """What the adapters that PEFT holds add, by network and tensor."""
    changes = {}
    for network, model in networks(pipe).items():
        for name, module in model.named_modules():
            if not isinstance(module, LoraLayer) or not module.lora_A:
                continue
            adapter = next(iter(module.lora_A))
            before = module.get_base_layer().weight.detach().clone()
            if adapter in module.lora_magnitude_vector:
                module.double().merge(adapter_names=[adapter])
                change = module.get_base_layer().weight.detach() - before.double()
            else:
                change = module.get_delta_weight(adapter)
            if network != "unet" and not name.startswith("text_model."):
                name = "text_model." + name
            changes[f"{network}.{name}.weight"] = change.detach().float()
            bias = module.lora_B[adapter].bias
            if bias is not None:
                changes[f"{network}.{name}.bias"] = bias.detach() * module.scaling[adapter]
    return changes


def by_diffusers(family, tensors, metadata=None):
    """What Diffusers makes of a file; all of its layers must have been found."""
    pipe = load(family)
    with tempfile.TemporaryDirectory() as folder:
        save_file(tensors, Path(folder) / "adapter.safetensors", metadata)
        pipe.load_lora_weights(folder, weight_name="adapter.safetensors")
    changes = peft_changes(pipe)
    expected = sum("down." in name or "lora_A" in name for name in tensors)
    assert sum(name.endswith(".weight") for name in changes) == expected, (expected, sorted(changes))
    return changes


def module_of(pipe, network, name):
    model = getattr(pipe, network)
    if network != "unet" and not hasattr(model, "text_model"):
        name = name.removeprefix("text_model.")
    return model.get_submodule(name)


def kohya_file(family, rename=lambda name: name, text={}, dtype=torch.float16, without=()):
    """Each layer has another rank; alphas are equal, as Diffusers 0.42.1 loses an attention's own."""
    pipe, tensors = load(family), {}
    layers = [("lora_unet_", rename(name), "unet", name) for name in UNET[family] if name not in without]
    layers += [(prefix, name, network, name) for prefix, network in text.items() for name in TEXT]
    for i, (prefix, spelled, network, name) in enumerate(layers):
        rank = 1 + i % 4
        down, up = factors(module_of(pipe, network, name), rank)
        key = prefix + spelled.replace(".", "_")
        tensors |= {f"{key}.lora_down.weight": down.to(dtype), f"{key}.lora_up.weight": up.to(dtype)}
        tensors[f"{key}.alpha"] = torch.tensor(2.5).to(dtype)
    return tensors


def ldm(family):
    names = load_file(HERE / "models" / family / "unet" / "diffusion_pytorch_model.safetensors")
    table = {source.names[0].rsplit(".", 1)[0]: path.removeprefix("model.diffusion_model.").rsplit(".", 1)[0]
             for path, source in unet_to_ldm(names, 1 if family == "sdxl" else 2).items()}
    return lambda name: table[name]


def peft_pipe(family, **settings):
    """A pipeline with PEFT's adapters of random numbers, of every kind of layer."""
    pipe = load(family)
    texts = [name for name in networks(pipe) if name != "unet"]
    for network, targets in [("unet", UNET[family])] + [(name, ["q_proj", "fc1"]) for name in texts]:
        patterns = settings if network == "unet" else {}
        getattr(pipe, network).add_adapter(peft.LoraConfig(**({"r": 3, "lora_alpha": 5, "target_modules": targets} | patterns)))
    for model in networks(pipe).values():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                with torch.no_grad():
                    parameter.copy_(parameter.abs() * 1.25 if "magnitude" in name else normal(*parameter.shape))
    return pipe


def saved(pipe, settings):
    """As Diffusers saves PEFT's adapters: its names, and the settings in the metadata."""
    layers = {name: get_peft_model_state_dict(model) for name, model in networks(pipe).items()}
    with tempfile.TemporaryDirectory() as folder:
        arguments = {("unet_lora_layers" if name == "unet" else f"{name}_lora_layers"): state
                     for name, state in layers.items()}
        if settings:
            arguments |= _collate_lora_metadata(networks(pipe))
        type(pipe).save_lora_weights(folder, **arguments)
        file = Path(folder) / "pytorch_lora_weights.safetensors"
        with safe_open(file, "pt") as opened:
            return load_file(file), opened.metadata()


def with_peft(family, settings=True, **config):
    pipe = peft_pipe(family, **config)
    tensors, metadata = saved(pipe, settings)
    return family, tensors, metadata, {1.0: by_diffusers(family, tensors, metadata)}


def old_diffusers():
    """Attention processors of the UNet, layers of the text encoder: as Diffusers 0.14 to 0.22 wrote them."""
    pipe, tensors = load("sd1"), {}
    for name in LINEAR[:3]:
        stem, leaf = name.replace("to_out.0", "to_out").rsplit(".", 1)
        down, up = factors(pipe.unet.get_submodule(name), 2)
        tensors |= {f"unet.{stem}.processor.{leaf}_lora.down.weight": down, f"unet.{stem}.processor.{leaf}_lora.up.weight": up}
    for name in TEXT[:2]:
        down, up = factors(module_of(pipe, "text_encoder", name), 2)
        tensors |= {f"text_encoder.{name}.lora_linear_layer.down.weight": down,
                    f"text_encoder.{name}.lora_linear_layer.up.weight": up}
    return "sd1", tensors, None, {1.0: by_diffusers("sd1", tensors)}


def kohya(family, *args, **more):
    tensors = kohya_file(family, *args, **more)
    return family, tensors, {"ss_network_module": "networks.lora"}, {1.0: by_diffusers(family, tensors)}


def weights(module, strength, reading):
    """What LyCORIS merges, of weight and bias."""
    before = module.org_module[0].weight
    if isinstance(module, (LohaModule, LokrModule)):
        # Their get_diff_weight of 4.1.3 is scaled twice; what they train is scaled once.
        change = module.get_weight(before.shape).reshape(before.shape)
        after = before + change * strength
        if module.wd:
            after = weight_decompose(before + change, module.dora_scale, strength, module.wd_on_out)
        bias = None
    else:
        after, bias = module.get_merged_weight(strength, before.shape)
        change = module.get_diff_weight(1, before.shape)[0] if reading else None
    if reading == "comfyui":
        axes = tuple(range(1, before.ndim))
        normed, axes = (before, axes) if module.wd_on_out else (before + change, (0, *axes[1:]))
        norm = (normed ** 2).sum(dim=axes, keepdim=True).sqrt()
        after = before + strength * ((before + change) * module.dora_scale / norm - before)
    return after - before, None if bias is None else bias - module.org_module[0].bias


def made_by_lycoris(modules, dtype=torch.float32, prefix="lora_unet_", strengths=()):
    """modules: [(class, layer of sd1's UNet, dim, alpha, arguments)]. strengths: [(reading, strength)]."""
    unet, tensors, changes = load("sd1").unet, {}, {}
    for cls, name, dim, alpha, arguments in modules:
        layer = unet.get_submodule(name)
        module = cls(name, layer, 1.0, dim, alpha, **arguments)
        with torch.no_grad():
            for key, parameter in module.named_parameters():
                drawn = normal(*parameter.shape).to(dtype).float()
                parameter.copy_((parameter * 1.25 + 0.1 * drawn).to(dtype).float() if "dora" in key or "rescale" in key else drawn)
            state = module.custom_state_dict() if hasattr(module, "custom_state_dict") else module.state_dict()
            state = {"diff": module.weight, "diff_b": module.bias} if cls is FullModule else state
            for key, value in (state or module.state_dict()).items():
                tensors[f"{prefix}{name.replace('.', '_')}.{key}"] = value.clone().to(dtype if value.is_floating_point() else value.dtype)
            if "OFT" not in cls.__name__:  # whose inverse is float32
                module.double(), layer.double()
            for reading, strength in strengths:
                change, bias = weights(module, strength, reading)
                label = f"{reading} {strength}".strip()
                changes.setdefault(label, {})[f"unet.{name}.weight"] = change.float()
                if bias is not None:
                    changes[label][f"unet.{name}.bias"] = bias.float()
    return "sd1", tensors, None, changes


class BlockDiagonals:
    """What PEFT's CUDA extension does, without which it makes no BOFT of several stages."""

    @staticmethod
    def apply(blocks):
        return torch.stack([torch.block_diag(*stage) for stage in blocks])


def merged(module):
    """What merging a PEFT layer adds to its weight and bias."""
    base = module.get_base_layer()
    before = {name: parameter.detach().clone() for name, parameter in base.named_parameters()}
    module.merge(adapter_names=["default"])
    return {name: base.get_parameter(name).detach() - value for name, value in before.items()}


def peft_kind(config, stages=1):
    """LoHa and others as PEFT saves them: a folder with the settings beside the file."""
    if stages > 1:
        peft.tuners.boft.layer.get_fbd_cuda = lambda: True
        peft.tuners.boft.layer.FastBlockDiag = BlockDiagonals
    unet = load("sd1").unet
    model = peft.get_peft_model(unet, config)
    changes = {}
    for name, parameter in model.named_parameters():
        if any(part in name for part in ("hada_", "lokr_", "oft_R", "boft_s", "ia3_l")):
            with torch.no_grad():
                around = 1 if "boft_s" in name or "ia3_l" in name else 0
                parameter.copy_(around + normal(*parameter.shape, scale=0.3 if "oft" in name else 0.5))
    with torch.no_grad():
        if config.peft_type in ("LOHA", "LOKR"):
            for name, module in model.base_model.model.named_modules():
                if hasattr(module, "get_delta_weight"):
                    changes[f"unet.{name}.weight"] = module.get_delta_weight("default")
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        settings = json.loads((Path(folder) / "adapter_config.json").read_text())
        tensors = load_file(Path(folder) / "adapter_model.safetensors")
    # The tests' files lie side by side, so the settings go into the metadata; PEFT's own place has a test of its own.
    wanted = ["peft_type", "r", "alpha", "rank_pattern", "alpha_pattern"]
    if config.peft_type not in ("LOHA", "LOKR"):
        wanted += ["peft_version", "use_cayley_neumann", "num_cayley_neumann_terms", "coft", "eps", "feedforward_modules"]
    kept = {key: settings[key] for key in wanted if key in settings}
    if not changes:  # merging may change what is stored
        for name, module in model.base_model.model.named_modules():
            if isinstance(module, BaseTunerLayer):
                for leaf, change in merged(module).items():
                    if change.abs().max() > 0:
                        changes[f"unet.{name}.{leaf}"] = change
    return "sd1", tensors, {"lora_adapter_metadata": json.dumps(kept)}, {1.0: changes}


ONE, BLENDED = [("", 1.0)], [("", 1.0), ("lycoris", 0.6), ("comfyui", 0.6)]
PROJ, Q, OUT, DOWN, CONV, FF, SHORT = (UNET["sd1"][i] for i in (1, 2, 3, 5, 6, 7, 8))
DORA = {"weight_decompose": True}
IN = DORA | {"wd_on_out": False}

CASES = {
    "locon": lambda: made_by_lycoris([(LoConModule, Q, 3, 2, {}), (LoConModule, DOWN, 2, 5, {}), (LoConModule, PROJ, 2, 1, {}),
                                      (LoConModule, CONV, 3, 2, {"use_tucker": True}),
                                      (LoConModule, OUT, 4, 2, {"rs_lora": True})], torch.float16, strengths=ONE),
    "loha": lambda: made_by_lycoris([(LohaModule, Q, 3, 2, {}), (LohaModule, DOWN, 2, 5, {}),
                                     (LohaModule, CONV, 3, 2, {"use_tucker": True})], torch.bfloat16, strengths=ONE),
    "lokr": lambda: made_by_lycoris([(LokrModule, Q, 1, 2, {"factor": 4}), (LokrModule, OUT, 100, 1e10, {"factor": 4}),
                                     (LokrModule, FF, 1, 3, {"decompose_both": True}), (LokrModule, DOWN, 2, 3, {"factor": 2}),
                                     (LokrModule, CONV, 2, 3, {"factor": 2, "use_tucker": True}),
                                     (LokrModule, SHORT, 1, 2, {"unbalanced_factorization": True}),
                                     (LokrModule, "conv_in", 1, 2, {"full_matrix": True})], strengths=ONE),
    "dora": lambda: made_by_lycoris([(LoConModule, Q, 3, 2, DORA), (LoConModule, FF, 3, 2, IN), (LoConModule, DOWN, 2, 5, DORA),
                                     (LoConModule, SHORT, 2, 5, IN), (LohaModule, OUT, 3, 2, DORA)],
                                    torch.float16, strengths=BLENDED),
    "dokr": lambda: made_by_lycoris([(LokrModule, Q, 1, 2, DORA | {"factor": 4}), (LokrModule, CONV, 2, 3, IN | {"factor": 2})],
                                    strengths=[("", 1.0), ("lycoris", 0.6)]),
    "full": lambda: made_by_lycoris([(FullModule, "conv_in", 1, 1, {}), (FullModule, OUT, 1, 1, {}),
                                     (NormModule, "conv_norm_out", 1, 1, {}),
                                     (NormModule, FF.rsplit(".", 4)[0] + ".norm1", 1, 1, {})], strengths=ONE),
    "glora": lambda: made_by_lycoris([(GLoRAModule, FF, 3, 2, {}), (GLoRAModule, DOWN, 2, 3, {}), (GLoRAModule, PROJ, 2, 3, {})],
                                     strengths=ONE, prefix="lycoris_"),
    "oft": lambda: made_by_lycoris([(DiagOFTModule, Q, 4, 1, {}), (DiagOFTModule, DOWN, 4, 1, {"constraint": 0.01}),
                                    (ButterflyOFTModule, OUT, 4, 1, {}), (ButterflyOFTModule, CONV, 6, 1, {"constraint": 0.5})],
                                   strengths=[("", 1.0), ("", 0.6)]),
    "oft_rescaled": lambda: made_by_lycoris([(DiagOFTModule, Q, 4, 1, {"rescaled": True}),
                                             (ButterflyOFTModule, DOWN, 4, 1, {"rescaled": True})], strengths=ONE),
    "ia3": lambda: made_by_lycoris([(IA3Module, Q, 1, 1, {}), (IA3Module, FF, 1, 1, {"train_on_input": True}),
                                    (IA3Module, DOWN, 1, 1, {}), (IA3Module, CONV, 1, 1, {"train_on_input": True})],
                                   strengths=[("", 1.0), ("", 0.6)]),
    "peft_dora": lambda: with_peft("sd1", use_dora=True),
    "peft_loha": lambda: peft_kind(peft.LoHaConfig(r=3, alpha=5, target_modules=[Q, DOWN, CONV],
                                                   use_effective_conv2d=True, alpha_pattern={Q: 2})),
    "peft_lokr": lambda: peft_kind(peft.LoKrConfig(r=2, alpha=5, target_modules=[Q, DOWN, FF], decompose_both=True,
                                                   use_effective_conv2d=True)),
    "peft_oft": lambda: peft_kind(peft.OFTConfig(oft_block_size=8, target_modules=[Q, DOWN, FF], init_weights=False)),
    "peft_coft": lambda: peft_kind(peft.OFTConfig(r=3, oft_block_size=0, coft=True, eps=0.5, target_modules=[Q, PROJ],
                                                  use_cayley_neumann=False)),
    "peft_oft_shared": lambda: peft_kind(peft.OFTConfig(oft_block_size=4, block_share=True, num_cayley_neumann_terms=7,
                                                        target_modules=[OUT, SHORT])),
    "peft_boft": lambda: peft_kind(peft.BOFTConfig(boft_block_size=4, target_modules=[Q, DOWN])),
    "peft_boft_stages": lambda: peft_kind(peft.BOFTConfig(boft_block_size=2, boft_n_butterfly_factor=3,
                                                          target_modules=[Q, CONV]), stages=3),
    "peft_ia3": lambda: peft_kind(peft.IA3Config(target_modules=[Q, FF, PROJ, DOWN, SHORT, OUT], feedforward_modules=[FF, DOWN])),
    "kohya_sd1": lambda: kohya("sd1", text={"lora_te_": "text_encoder"}),
    "kohya_sdxl_ldm": lambda: kohya("sdxl", ldm("sdxl"), {"lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2"},
                                    torch.bfloat16),
    "kohya_sdxl_diffusers": lambda: kohya("sdxl", dtype=torch.float32, without=["add_embedding.linear_1"]),
    "diffusers_old": old_diffusers,
    "peft": lambda: with_peft("sd1", settings=False),
    "peft_settings": lambda: with_peft("sdxl", rank_pattern={"down_blocks.1.resnets.0.conv1": 2},
                                       alpha_pattern={"attn1.to_q": 1.5, "time_embedding.linear_2": 9}),
    "peft_rslora": lambda: with_peft("sd1", use_rslora=True, lora_bias=False),
}


def write(name, tensors, metadata):
    file = FOLDER / f"{name}.safetensors"
    save_file(tensors, file, metadata)
    file.chmod(0o644)


def main():
    FOLDER.mkdir(exist_ok=True)
    expected, cases = {}, {}
    for case in sys.argv[1:] or CASES:
        make = CASES[case]
        torch.manual_seed(len(case))
        family, tensors, metadata, changes = make()
        tensors = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
        write(case, tensors, metadata)
        cases[case] = family
        for strength, values in changes.items():
            assert values, case
            for name, value in values.items():
                assert value.abs().max() > 1e-4 and value.isfinite().all(), (case, name)
                expected[f"{case}/{strength}/{name}"] = value.detach().flatten()[::STRIDE].clone()
        print(case, len(tensors), {strength: len(values) for strength, values in changes.items()})
    if sys.argv[1:]:
        return  # a look at some cases: the others' values are not there
    versions = {name: version(name) for name in ("torch", "diffusers", "peft", "lycoris-lora")}
    write("expected", expected,
          {"script": Path(__file__).name, "versions": json.dumps(versions), "cases": json.dumps(cases)})


if __name__ == "__main__":
    sys.exit(main())
