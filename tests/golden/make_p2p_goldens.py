"""Writes tests/golden/p2p.safetensors and token_maps.json: prompt-to-prompt (Hertz 2022, arXiv 2208.01626) with
explicit P.

    python tests/golden/make_p2p_goldens.py      # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

Image 0 is drawn from the base prompt, the others from edited ones, all from the same noise. Only conditional rows are
edited; the unconditional ones see each its own picture alone. In every cross-attention, for each edit's row, over its
77 tokens
    P' = w G + (1 - w) P_edit,   G = gain * (P_base M)                                   (replace)
                                 G = gain * (P_base[:, map] a + P_edit (1 - a))           (refine)
with w [77] 1 for tokens within their window of steps, else 0, so gain (reweight, default 1) acts there only. In
self-attentions of at most `limit` tokens, in the steps of `self`, P' = P_base; values are always the row's own. Windows
are [first, last) in steps. M [77, 77] and map, a [77] are in token_maps.json, below.

Every run but the `right` one was compared once with Diffusers' community pipeline (examples/community/
pipeline_prompt2prompt.py@58eb52c; its AttentionReplace, AttentionRefine, AttentionReweight over one of them; its limit
of 256 and its one kind per batch overridden for `limit_*` and `two`): all final latents within 5e-7. So were all
`faithful` maps: equal. Windows are given in steps here since that pipeline takes fractions, of steps + 1 for cross- and
of steps for self-attention.

Token maps. `words`: how many tokens each word (between spaces) has. replace: as many words in both prompts; a word that
differs spreads the tokens of its counterpart evenly: 1 / (number of its own tokens) each, or one by one where the
numbers agree; all else one to one, in order. refine: the longest common subsequence of the tokens; a new token has a =
0; padding maps to the same position. `faithful` is what the community pipeline computes. Where it is faulty `right`
differs:
- it counts characters to find a word's tokens and loses its way (or raises) at letters beyond ASCII and at two spaces
  in a row: `faithful` has no replace map then;
- after the last differing word it maps position j to position j, although the words have moved if that word's numbers
  of tokens differ: right goes on with the shifted position (what would fall off the end stays at the last one, 76);
- refine maps the padding of an edit that became shorter to the base's last words: right takes base padding.

Form of the runs: method_runs.py. Names: README.md.
"""

import json

import torch

from families import PROMPTS
from make_component_goldens import EXACT, HERE, load
from method_runs import STEPS, Steps, difference, finish, merged, noise, out, require_effect, run, softmax, split

LENGTH = 77
BASE = PROMPTS[0]
DOG, REFINED = "a huge blue dog in a park at night", BASE.replace("in a park", "in a snowy park") + ", watercolor"
LONG = "a huge crocodile swim in a park at sunset"
PAIRS = [(BASE, BASE), (BASE, DOG), (BASE, "a small red dog in a park at sunset"), (BASE, LONG), (LONG, BASE),
         ("a cat", "a café"), ("a café on the beach", "a cat on the beach"),
         (BASE, "a small red cat in a park at midsummer"), ("a crocodile and a cat", "a cat and a crocodile"),
         ("a watermelon, a cat", "a crocodile, a cat"), ("a cat in a park", "a cat's hat: a park!"),
         (BASE, REFINED), (REFINED, BASE), (BASE, "a painting of a small red cat"),
         ("a cat", "the crocodile of a dragon"), ("a cat and a cat", "a cat and a red cat"), ("", "a cat"),
         ("a  cat", "a  dog")]


class Text:
    """A prompt as its tokens, and where its words lie in them."""

    def __init__(self, tokenizer, prompt):
        self.ids = tokenizer.encode(prompt)
        self.words = prompt.split(" ")
        self.counts = [len(tokenizer.encode(word)) - 2 for word in self.words]
        if sum(self.counts) != len(self.ids) - 2:
            raise ValueError(f"{prompt!r}: its words alone are other tokens")

    def places(self, index):
        """The positions of a word, 0 being the begin token."""
        first = 1 + sum(self.counts[:index])
        return list(range(first, first + self.counts[index]))

    def named(self, word):
        return [place for i, one in enumerate(self.words) if one == word for place in self.places(i)]


def replace_map(base, edit, faithful):
    """M [77, 77] (base token, edited token), or None where the numbers of words differ."""
    if len(base.words) != len(edit.words):
        return None
    if faithful and any(not (word and word.isascii()) for word in base.words + edit.words):
        return None
    matrix, i, j = torch.zeros(LENGTH, LENGTH), 1, 1
    matrix[0, 0] = 1
    changed = [n for n, pair in enumerate(zip(base.words, edit.words)) if pair[0] != pair[1]]
    for n in range(changed[-1] + 1 if changed else 0):
        source, target = base.places(n), edit.places(n)
        for one in source:
            if len(source) == len(target):
                matrix[one, target[one - source[0]]] = 1
            else:
                matrix[one, target] = 1 / len(target)
        i, j = i + len(source), j + len(target)
    while i < LENGTH and (j < LENGTH or not faithful):
        matrix[j if faithful else i, min(j, LENGTH - 1)] = 1
        i, j = i + 1, j + 1
    return matrix


def refine_map(base, edit, faithful):
    """(map [77], a [77]): the base token of every edited one, and whether it has one."""
    x, y = base.ids, edit.ids
    table = torch.zeros(len(x) + 1, len(y) + 1, dtype=torch.int64)
    for i in range(len(x)):
        for j in range(len(y)):
            table[i + 1, j + 1] = max(table[i, j + 1], table[i + 1, j], table[i, j] + (1 if x[i] == y[j] else -1))
    chosen, i, j = torch.full((LENGTH,), -1), len(x), len(y)
    while j > 0:
        # From the end: a new token if that loses nothing, else a token left out, else a pair.
        if i == 0 or table[i, j] == table[i, j - 1]:
            j -= 1
        elif table[i, j] == table[i - 1, j]:
            i -= 1
        else:
            i, j = i - 1, j - 1
            chosen[j] = i
    kept = (chosen >= 0).float()
    rest = torch.arange(len(y), LENGTH)
    chosen[len(y):], kept[len(y):] = rest if faithful else rest.clamp(min=len(x)), 1
    return chosen, kept


def window(bounds, steps=STEPS):
    return torch.tensor([float(bounds[0] <= step < bounds[1]) for step in range(steps)])


class Edit:
    """What replaces the cross-attention of one edited row; w [steps, 77]."""

    def __init__(self, tokenizer, base, case):
        self.base, self.edit = Text(tokenizer, base), Text(tokenizer, case["prompt"])
        faithful = case.get("faithful", True)
        self.matrix = replace_map(self.base, self.edit, faithful) if case["kind"] == "replace" else None
        self.chosen, self.kept = refine_map(self.base, self.edit, faithful)
        self.w = window(case["cross"])[:, None].repeat(1, LENGTH)
        for word, bounds in case.get("words", {}).items():
            self.w[:, self.edit.named(word)] = window(bounds)[:, None]
        self.gain = torch.ones(LENGTH)
        for word, gain in case.get("gains", {}).items():
            self.gain[self.edit.named(word)] = gain

    def __call__(self, base, own, step):
        if self.matrix is not None:
            new = base @ self.matrix.to(base.dtype)
        else:
            kept = self.kept.to(base.dtype)
            new = base[..., self.chosen] * kept + own * (1 - kept)
        w = self.w[step].to(base.dtype)
        return w * self.gain.to(base.dtype) * new + (1 - w) * own


class EditedAttention:
    """Every attention of a batch: unconditional rows, then as many conditional ones, the first of them the base."""

    def __init__(self, edits, case, steps):
        self.edits, self.case, self.steps = edits, case, steps

    def __call__(self, attn, x, encoder_hidden_states=None, attention_mask=None):
        context = x if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = split(attn, attn.to_q(x)), split(attn, attn.to_k(context)), split(attn, attn.to_v(context))
        p, first = softmax(q, k), len(x) // 2
        if encoder_hidden_states is not None:
            for n, edit in enumerate(self.edits):
                p[first + 1 + n] = edit(p[first], p[first + 1 + n], self.steps.now)
        elif self.case["self"][0] <= self.steps.now < self.case["self"][1] and x.shape[1] <= self.case["limit"]:
            p[first + 1:] = p[first]
        return out(attn, merged(p @ v))


REPLACE = {"kind": "replace", "prompt": DOG, "cross": [0, 8], "self": [0, 4], "limit": 256}
LONGER = REPLACE | {"prompt": LONG, "cross": [0, 6], "self": [0, 0]}
REFINE = REPLACE | {"kind": "refine", "prompt": REFINED}
# Each of one edit. `words` and `gains` name words of the edited prompt.
CASES = {"replace": REPLACE, "replace_long": LONGER, "replace_long_right": LONGER | {"faithful": False},
         "refine": REFINE, "window": REPLACE | {"cross": [2, 6], "self": [3, 7]},
         "cross_only": REPLACE | {"self": [0, 0]}, "self_only": REPLACE | {"cross": [0, 0]},
         "words": REPLACE | {"words": {"dog": [0, 3], "night": [2, 5]}},
         "reweight_replace": REPLACE | {"gains": {"dog": 2.0, "blue": 0.25}},
         "reweight_refine": REFINE | {"gains": {"snowy": 3.0, "cat": 0.5}},
         "limit_all": REPLACE | {"limit": 1024}, "limit_24": REPLACE | {"limit": 24}}
TWO = ("replace", "refine")  # `two`: both as edits of one base; they share `self` and `limit`


def computed(pipe, cases):
    steps, plain = Steps(pipe.unet), pipe.unet.attn_processors
    edits = [Edit(pipe.tokenizer, BASE, case) for case in cases]
    pipe.unet.set_attn_processor(EditedAttention(edits, cases[0], steps))
    found = run(pipe, images=1 + len(edits), prompt=[BASE, *(case["prompt"] for case in cases)], guidance_scale=5.0)
    pipe.unet.set_attn_processor(plain)
    steps.hook.remove()
    return found


def check_equal_prompts(pipe, plain):
    """An edit with all tokens equal is the plain run."""
    for kind in ("replace", "refine"):
        found = computed(pipe, [REPLACE | {"kind": kind, "prompt": BASE, "limit": 1024}])
        assert difference(found["latents/9"], plain["latents/9"][:1].expand(2, -1, -1, -1)) < 2e-6, kind


def sparse(matrix):
    """[base, edited, value] of all entries that are not 0."""
    if matrix is None:
        return None
    return [[*place, round(matrix[*place].item(), 7)] for place in matrix.nonzero().tolist()]


def token_maps(tokenizer):
    pairs = []
    for base, edit in PAIRS:
        one = {"base": base, "edit": edit}
        x, y = Text(tokenizer, base), Text(tokenizer, edit)
        one |= {"base_ids": x.ids, "edit_ids": y.ids, "base_words": x.counts, "edit_words": y.counts}
        for name, faithful in (("faithful", True), ("right", False)):
            chosen, kept = refine_map(x, y, faithful)
            one[name] = {"replace": sparse(replace_map(x, y, faithful)),
                         "refine": {"map": chosen.tolist(), "alpha": kept.int().tolist()}}
        pairs.append(one)
    return pairs


def main():
    pipe = load(HERE / "models" / "sd1")
    plain = run(pipe, images=4, prompt=[BASE, DOG, LONG, REFINED], guidance_scale=5.0)
    plain_of = dict(zip([BASE, DOG, LONG, REFINED], plain["latents/9"]))
    check_equal_prompts(pipe, plain)
    found = {name: computed(pipe, [case]) for name, case in CASES.items()}
    for name, case in CASES.items():
        latents = found[name]["latents/9"]
        assert difference(latents[0], plain_of[BASE]) < 2e-6, f"{name}: the base has moved"
        require_effect(name, {"latents/9": latents[1]}, {"latents/9": plain_of[case["prompt"]]})
    found["two"] = computed(pipe, [CASES[name] for name in TWO])
    tensors = {"noise": noise(), "timesteps": pipe.scheduler.timesteps, "sigmas": pipe.scheduler.sigmas}
    tensors |= {f"{name}/{key}": x for name, one in (found | {"plain": plain}).items() for key, x in one.items()
                if name in ("replace", "refine", "plain") or key.startswith("latents")}
    if not EXACT:
        lines = (json.dumps(pair, ensure_ascii=False) for pair in token_maps(pipe.tokenizer))
        (HERE / "token_maps.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    finish("make_p2p_goldens.py", "p2p.safetensors", tensors, base=BASE, runs=CASES, two=TWO,
           plain=[BASE, DOG, LONG, REFINED])


if __name__ == "__main__":
    main()
