"""Writes tokenizer.json.gz: texts of many scripts and the ids transformers' CLIPTokenizer gives them.

    python make_tokenizer_goldens.py      (transformers and tokenizers installed; no network)
"""
import gzip
import json
import pathlib
import random
import tempfile
import unicodedata

import tokenizers
import transformers
from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILTIN = ROOT / "models/builtin/tokenizer"
WORDS = """a an the of in on with photo portrait painting cat dog dragon castle forest mountain river night day
sunset neon city street woman man child robot spaceship ocean wave detailed masterpiece 8k highly cinematic lighting
bokeh f1.8 35mm oil watercolor ink sketch by greg rutkowski trending artstation unreal engine octane render volumetric
fog sharp focus intricate elegant smooth concept art illustration red blue green golden silver black white café naïve
jalapeño Zürich Gdańsk Ærø smörgåsbord übermensch antidisestablishmentarianism""".split()
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'Re", "'LL", "’s", "'x", "''s", "'"]
SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|StartOfText|>", "<|ENDOFTEXT|>", "<|endoftext", "<|endoftext|",
           "<", "|>", "<|", "startoftext", "endoftext", "</w>", "!", "!!"]
SPACES = [chr(c) for c in [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x2010),
                           0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF]]
EMOJI = ["😀", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇯🇵", "👍🏽", "🧑🏿‍🚀", "❤️", "☠︎", "1️⃣", "#️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🫠", "🐈‍⬛", "♀️"]
CASES = ["İstanbul", "ISTANBUL", "ıI", "ΣΊΣΥΦΟΣ", "ςΣ", "Straße STRASSE ẞ", "ǅ ǆ Ǆ", "ﬁﬂ ﬀ", "ÅÅÅ", "K", "Ω Ω", "ŉ",
         "ᾈ ᾀ", "Ꭰ ꭰ", "Ა ა", "Ⅷ ⅷ", "①②③", "²³¹", "½ ¼", "٣٤٥", "९८७", "一二三", "𝔘𝔫𝔦", "𝟙𝟚"]
SENTENCES = ["夜の東京、ネオンの雨", "美しい山の風景", "猫が好きです。", "中国山水画，水墨", "한국의 궁궐", "안녕하세요 세계",
             "красивый закат над морем", "όμορφο ηλιοβασίλεμα", "שלום עולם", "מְנוֹרָה", "مرحبا بالعالم", "الْعَرَبِيَّةُ", "สวัสดีชาวโลก",
             "नमस्ते दुनिया", "বাংলা ভাষা", "தமிழ் மொழி", "မြန်မာ", "ភាសាខ្មែរ", "ქართული ენა", "Հայերեն", "አማርኛ", "Tiếng Việt đẹp",
             "čeština žluťoučký kůň", "ᏣᎳᎩ", "ᐃᓄᒃᑎᑐᑦ", "བོད་སྐད", "ᠮᠣᠩᠭᠣᠯ", "𐎀𐎁𐎂", "ꦗꦮ", "ދިވެހި"]


def scalar_values():
    return [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def marks():
    return [chr(c) for c in scalar_values() if unicodedata.combining(chr(c))]


def english(r):
    parts = []
    for _ in range(r.randint(1, 24)):
        word = r.choice(WORDS)
        word = r.choice([word, word, word, word.upper(), word.capitalize(), word + r.choice(CONTRACTIONS),
                         f"({word}:{r.uniform(0, 2):.1f})", f"{word}-{r.choice(WORDS)}", f'"{word}"', word + "!!!"])
        parts.append(word + r.choice(["", "", "", ",", ".", ";", " --", "...", "\n", "?"]))
    return r.choice([" ", " ", "  ", ", "]).join(parts)


def from_pool(r, pool, most):
    return "".join(r.choice(pool) for _ in range(r.randint(1, most)))


def numbers(r):
    return r.choice([f"{r.randint(0, 10**r.randint(1, 18))}", f"{r.uniform(-1e3, 1e3):.3f}", f"{r.random():e}",
                     f"{r.randint(1, 31)}/{r.randint(1, 12)}/{r.randint(1900, 2100)}", f"0x{r.randint(0, 2**32):x}",
                     f"{r.randint(1, 99)}px x{r.randint(1, 9)}k", f"№{r.randint(1, 99)} §{r.randint(1, 9)}"])


def mark_soup(r, all_marks):
    text = ""
    for _ in range(r.randint(1, 4)):
        base = r.choice("aeiouyncsAEIOUNCSωбकกم가あ") if r.random() < 0.8 else r.choice(["", " ", "1", "!"])
        text += base + "".join(r.choice(all_marks) for _ in range(r.randint(0, 6)))
    return text


def windows(r):
    """One text from every 128 neighbouring code points; fewer where ideographs and syllables fill planes."""
    for start in range(0, 0x110000, 128):
        known = [chr(c) for c in range(start, start + 128) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
        uniform = 0x3400 <= start < 0xA000 or 0xAC00 <= start < 0xD7A4 or 0x17000 <= start < 0x18D00 or start >= 0x20000
        if known and (not uniform or start % 2048 == 0):
            yield from_pool(r, known, 8)
            yield " ".join(from_pool(r, known, 3) + r.choice("ab1,") for _ in range(3))


def long_texts(r):
    yield "a" * 16384
    yield "ab" * 8192
    yield "z" * 5000 + " " + "q" * 5000
    yield " " * 16384
    yield "!" * 16000
    yield "9" * 2000
    yield "e" + "\u0301" * 2000
    yield "a" + "\u0323\u0301" * 1000
    yield "가" * 2000
    yield "👩‍💻" * 300
    yield "<|endoftext|>" * 200
    yield "antidisestablishmentarianism" * 100
    for _ in range(4):
        yield " ".join(english(r) for _ in range(30))[:8000]


def all_texts():
    r = random.Random(20240611)
    all_marks = marks()
    jamo = [chr(c) for c in [*range(0x1100, 0x1113), *range(0x1160, 0x1176), *range(0x11A7, 0x11C3), 0xAC00, 0xAC01, 0xD7A3,
                             0x3131, 0xA960, 0xD7B0]]
    everything = [chr(c) for c in scalar_values()]
    controls = [chr(c) for c in [*range(0, 32), *range(127, 160), 0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x202A, 0x202E,
                                 0x2066, 0xFEFF, 0xFFFE, 0xFFFF, 0x1FFFF, 0xE000, 0x10FFFD, 0xE0001]]
    mix = CONTRACTIONS + SPECIAL + SPACES + EMOJI + WORDS[:30] + CASES
    yield from ["", " ", "a", "!", *WORDS, *CONTRACTIONS, *SPECIAL, *SPACES, *EMOJI, *CASES, *SENTENCES]
    yield from windows(r)
    yield from long_texts(r)
    for _ in range(1100):
        yield english(r)
    for _ in range(150):
        yield numbers(r)
        yield from_pool(r, [*EMOJI, " ", "\u200d", "\ufe0f"], 6)
        yield from_pool(r, jamo, 6)
        yield from_pool(r, [*controls, "a", "B", " "], 6)
        yield from_pool(r, SENTENCES, 2) + r.choice(SENTENCES)[:5]
        yield "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randint(10, 80)))
    for _ in range(600):
        yield mark_soup(r, all_marks)
        yield from_pool(r, mix, 8)
        yield from_pool(r, everything, 5)
        yield from_pool(r, [chr(c) for c in range(33, 127)], 16)


def clip_folder(folder):
    """vocab.json and merges.txt from the shipped vocabulary."""
    lines = gzip.open(ROOT / "data/clip/bpe_simple_vocab_16e6.txt.gz").read().decode().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(b) for b in printing] + [chr(256 + i) for i in range(256 - len(printing))]
    tokens = characters + [c + "</w>" for c in characters] + [m.replace(" ", "") for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")


def load(folder, files):
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return CLIPTokenizer.from_pretrained(folder)


def bare_ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def fnv(ids):
    h = 2166136261
    for i in ids:
        h = ((h ^ i) * 16777619) & 0xFFFFFFFF
    return h


def every_code_point(tokenizer):
    """A checksum per 256 code points: each between letters, and each among marks that NFC would reorder."""
    sums = []
    for start in range(0, 0x110000, 256):
        block = [chr(c) for c in range(start, start + 256) if not 0xD800 <= c < 0xE000]
        between = "".join(f"a{c}b " for c in block)
        among = "".join(f"x\u0345{c}\u0334{c}\u0301 " for c in block)
        sums.append(fnv(bare_ids(tokenizer, between) + bare_ids(tokenizer, among)))
    return sums


def token(content, normalized):
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False}


def folder_variants():
    """Ways in which published folders declare their special tokens."""
    plain = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    bos, eos = token("<|startoftext|>", True), token("<|endoftext|>", True)
    typed = {"bos_token": {"__type": "AddedToken", **bos}, "eos_token": {"__type": "AddedToken", **eos}}
    listed = {"0": {**token("!", False), "special": True}, "1554": {**bos, "special": True}, "1555": {**eos, "special": True}}
    yield {"tokenizer_config.json": plain}
    yield {"tokenizer_config.json": {**plain, "pad_token": "!"}}
    yield {"tokenizer_config.json": plain, "special_tokens_map.json": {"pad_token": "!"}}
    yield {"tokenizer_config.json": {**plain, **typed}}
    yield {"tokenizer_config.json": plain,
           "special_tokens_map.json": {"bos_token": bos, "eos_token": eos, "unk_token": eos, "pad_token": "!"}}
    yield {"tokenizer_config.json": {**plain, "added_tokens_decoder": listed, "pad_token": "!"},
           "special_tokens_map.json": {"pad_token": "<|endoftext|>"}}
    yield {"tokenizer_config.json": {**plain, "pad_token": "!", "model_max_length": 12},
           "added_tokens.json": {"<cat-toy>": 1556, "Two  Words": 1557, "<cat": 1558}}


VARIANT_TEXTS = ["hello! hi!!", "a <|endoftext|> b", "a <|EndOfText|>b", "<|startoftext|>!x <|StartOfText|>!", "", "!",
                 "a <cat-toy> <Cat-toy> <cat-to two words TWO \n WORDS <cat>", "a " * 80, "cat, " * 36 + "a dog"]


def variants():
    cases = []
    for files in folder_variants():
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            for name in ("vocab.json", "merges.txt"):
                (folder / name).write_bytes((BUILTIN / name).read_bytes())
            t = load(folder, files)
            ids = [t(x, padding="max_length", truncation=True)["input_ids"] for x in VARIANT_TEXTS]
            cases.append({"files": files, "pad": t.pad_token_id, "ids": ids})
    return cases


def main():
    with tempfile.TemporaryDirectory() as temporary:
        clip_folder(pathlib.Path(temporary))
        clip = load(pathlib.Path(temporary), {"tokenizer_config.json": {"model_max_length": 77}})
        exclamation = load(pathlib.Path(temporary), {"tokenizer_config.json": {"model_max_length": 77, "pad_token": "!"}})
    builtin = CLIPTokenizer.from_pretrained(BUILTIN)
    texts = list(dict.fromkeys(all_texts()))
    assert len(texts) >= 5000, len(texts)
    padded = [t for t in texts[::97]]
    golden = {
        "made_by": "make_tokenizer_goldens.py",
        "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
        "texts": texts,
        "clip": [bare_ids(clip, t) for t in texts],
        "builtin": [bare_ids(builtin, t) for t in texts],
        "padded": {"texts": padded,
                   "eos": [clip(t, padding="max_length", truncation=True)["input_ids"] for t in padded],
                   "exclamation": [exclamation(t, padding="max_length", truncation=True)["input_ids"] for t in padded]},
        "every_code_point": every_code_point(clip),
        "variant_texts": VARIANT_TEXTS,
        "variants": variants(),
    }
    text = json.dumps(golden, separators=(",", ":"), ensure_ascii=True)
    (HERE / "tokenizer.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(len(texts), "texts")


if __name__ == "__main__":
    main()
