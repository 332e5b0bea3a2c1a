"""Writes tests/golden/prompts.safetensors and prompts.json: prompts in the syntax of other tools, as these encode them.

    python tests/golden/make_prompt_goldens.py      # torch 2.13, transformers 5.23, compel 2.5.1

compel computes for itself. A1111's and ComfyUI's arithmetic stands here as they document it, over transformers' encoders
and the tokens of the fragments that their examples give; README.md says which tensors there are.
"""

import contextlib
import io
import json
import os
from pathlib import Path

import compel
import torch
import transformers
from compel import Compel, ReturnedEmbeddingsType
from compel.prompt_parser import PromptParser
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).resolve().parent
CHUNK = 75

# What compel's documentation writes, and what its grammar takes for text.
COMPEL_SYNTAX = [
    "a cat playing with a ball++ in the forest", "a man++ with (red--) hair", "a tall (man (in a (red)0.5 hat)1.2)++ x",
    "(a cat, big. red)1.3 sits", '"a cat, sleeping"0.6 on a "red chair"++', "a (cat)1.2d", "a (cat)2 b", "a (cat)-1.5",
    "(cat).attend(1.4) here", "cat.attend(++) here", "(cat) .attend( 0.5 ), dog", "a, b,c,,d", "hi-res photo-", "c++, d",
    r"a \(literal\) cat\+ and \"quote\"", "unclosed (cat", "cat) dog", "(a=b)1.2", "()", '""', "", "   ", "cat+-", "-cat",
    "a.b++ c", "(a.b)++ c", "((cat)+)+", "(((cat)))", "a (very (very)+ big)1.1 cat, (small)0.7 dog", "1.5 (3)0.5 2",
    "(cat)++(dog)--", "été++ (日本)1.2", '"a (b)1.2 \\"c\\" d"0.9', "( cat )1.1", "(cat) 1.1", "it's a cat's++ toy",
    "a (cat)1. b", "a (cat).5 b", "a (cat)+ + b", "masterpiece+++, best quality++, (worst)----"]

# (text, weight) runs, None for BREAK, as A1111's prompt_parser documents its own examples.
A1111 = {
    "a (red cat:1.3) in a park": [("a ", 1), ("red cat", 1.3), (" in a park", 1)],
    "a ((cat)) [in] a park": [("a ", 1), ("cat", 1.1 * 1.1), (" ", 1), ("in", 1 / 1.1), (" a park", 1)],
    "a cat BREAK a (dog:0.5)": [("a cat", 1), None, ("a ", 1), ("dog", 0.5)],
}
COMFY = {
    "a (red cat:1.3) in a park": [("a ", 1), ("red cat", 1.3), (" in a park", 1)],
    "a (big (cat:0.5) here:1.2)": [("a ", 1), ("big ", 1.2), ("cat", 0.5), (" here", 1.2)],
    "a ((cat))": [("a ", 1), ("cat", 1.1 * 1.1)],
}
LONG = "a red cat in a park, a dog on a hill, a house by the sea. " * 7
COMPEL = ["a (cat)1.4 in a park", "a red cat, (big dog)0.5 in a park", "a cat++ (in a park)-- (dog)0.3",
          LONG, LONG + "(a red dog)1.3 (here)0.6", '("a red cat", "a (dog)1.3 in a (park)0.5, here", (a house)).and()']


def load(family):
    """(tokenizer, encoder, which hidden state) of every text encoder."""
    folder = HERE / "models" / family
    parts = [(CLIPTokenizer.from_pretrained(folder / "tokenizer"), CLIPTextModel.from_pretrained(folder / "text_encoder"))]
    if family == "sdxl":
        parts.append((CLIPTokenizer.from_pretrained(folder / "tokenizer_2"),
                      CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")))
    return [(tokenizer, encoder.eval().float()) for tokenizer, encoder in parts]


def by_compel(family, prompt):
    kind = ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED if family == "sdxl" \
        else ReturnedEmbeddingsType.LAST_HIDDEN_STATES_NORMALIZED
    parts = [Compel(tokenizer=t, text_encoder=e, returned_embeddings_type=kind, truncate_long_prompts=False)(prompt)
             for t, e in load(family)]
    return torch.cat(parts, dim=-1)


def hidden(family, encoder, ids):
    out = encoder(torch.tensor([ids]), output_hidden_states=True)
    return out.hidden_states[-2] if family == "sdxl" else out.last_hidden_state


def chunks_of(tokenizer, fragments):
    """[(ids, weights)] of 77 each; these examples are shorter than a chunk but for their BREAKs."""
    runs = [[]]
    for fragment in fragments:
        if fragment is None:
            runs.append([])
            continue
        text, weight = fragment
        runs[-1] += [(i, weight) for i in tokenizer(text, add_special_tokens=False).input_ids]
    chunks = []
    for run in runs:
        assert len(run) <= CHUNK
        rest = CHUNK - len(run)
        ids = [tokenizer.bos_token_id] + [i for i, _ in run] + [tokenizer.eos_token_id] + [tokenizer.pad_token_id] * rest
        chunks.append((ids, [1.0] + [w for _, w in run] + [1.0] * (rest + 1)))
    return chunks


def by_a1111(family, fragments):
    parts = []
    for tokenizer, encoder in load(family):
        out = []
        for ids, weights in chunks_of(tokenizer, fragments):
            z = hidden(family, encoder, ids)
            weighed = z * torch.tensor(weights)[None, :, None]
            out.append(weighed * (z.mean() / weighed.mean()))
        parts.append(torch.cat(out, dim=1))
    return torch.cat(parts, dim=-1)


def by_comfy(family, fragments):
    parts = []
    for tokenizer, encoder in load(family):
        empty = hidden(family, encoder, chunks_of(tokenizer, [])[0][0])
        (ids, weights), = chunks_of(tokenizer, fragments)
        z = hidden(family, encoder, ids)
        parts.append((z - empty) * torch.tensor(weights)[None, :, None] + empty)
    return torch.cat(parts, dim=-1)


def fragments_of(prompt):
    conjunction = PromptParser().parse_conjunction(prompt)
    assert len(conjunction.prompts) <= 1, prompt
    return [[f.text, f.weight] for p in conjunction.prompts for f in p.children]


def main():
    tensors, names = {}, {}
    for tool, prompts, make in (("compel", {p: p for p in COMPEL}, by_compel), ("a1111", A1111, by_a1111),
                                ("comfy", COMFY, by_comfy)):
        names[tool] = list(prompts)
        for family in ("sd1", "sdxl"):
            for n, what in enumerate(prompts.values()):
                with contextlib.redirect_stdout(io.StringIO()):
                    tensors[f"{tool}/{family}/{n}"] = make(family, what).contiguous()
    save_file(tensors, HERE / "prompts.safetensors",
              {"script": os.path.basename(__file__), "compel": "2.5.1", "torch": torch.__version__.split("+")[0],
               "transformers": transformers.__version__})
    syntax = [{"prompt": p, "fragments": fragments_of(p)} for p in COMPEL_SYNTAX]
    (HERE / "prompts.json").write_text(json.dumps({"prompts": names, "compel": syntax}, indent=1, ensure_ascii=False) + "\n")


main()
