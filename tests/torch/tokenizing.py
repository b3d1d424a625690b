"""Token ids of text beside the tokenizers package: byte-pair encodings trained here, with the normalizers, pre-tokenizers
and added tokens that the families come with (and every other one that is read), over a corpus of many scripts and code,
and over random strings.

usage: tokenizing.py ENCODE_TEXT DIRECTORY [--strings N] [--only CASE]
       tokenizing.py --golden FILE    writes the small tokenizers and ids that the unit tests read
"""
import argparse
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

PARAGRAPHS = [
    "The router saw 1,234 tokens; it's said they'll drop 5.6% — don't WE'VE I'M you'd she'll O'Neil's?\n",
    "Une façade naïve coûte très cher à l'été; Zürich, Łódź, İstanbul ve ığüşöç, smörgåsbord, Ærø, ﬁne ﬂow Straße.\n",
    "Маршрутизатор выбирает двух экспертов из шестидесяти четырёх. Съешь ещё этих мягких булок, ёжик!\n",
    "Ο δρομολογητής διαλέγει τους ειδικούς. ΟΔΥΣΣΕΥΣ, Ὀδυσσεύς, ἄνθρωπος· ποῦ;\n",
    "يختار الموجه خبيرين من كل طبقة، والأرقام ١٢٣٤٥٦ ليست أرقاما لاتينية. مُحَمَّدٌ\n",
    "הנתב בוחר שני מומחים לכל אסימון. בְּרֵאשִׁית בָּרָא, ‏שלום‎\n",
    "राउटर हर टोकन के लिए दो विशेषज्ञ चुनता है। संख्याएँ १२३४५ और क्षत्रिय ज्ञान\n",
    "เราเตอร์เลือกผู้เชี่ยวชาญสองคนสำหรับแต่ละโทเค็น ๑๒๓๔ น้ำ ที่ กำ\n",
    "路由器为每个词元选择两位专家。今天天气很好，共有１２３４个，〇一二三。漢字カタカナ混じり。\n",
    "라우터는 토큰마다 전문가 두 명을 고른다. 한글 자모 ᄒᆞᆫ글 각 각\n",
    "ルーターはトークンごとに二人の専門家を選ぶ。ｶﾞｷﾞｸﾞ ㍿ ㌔ が か゛ が\n",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 ❤️ 🇩🇪🇯🇵 1️⃣ ☃ 😀😃😄 ½ ² Ⅷ ① ꙳ ㊙\n",
    "e\u0301 a\u0308\u0323 a\u0323\u0308 q\u0307\u0323 \u0301alone Z\u0351\u036b\u0343a\u0300\u0316l\u030f\u0333g\u0325o \u212b \u2126 \u1e9b\u0323\n",
    "tabs\t\tand\ttabs   spaces    five     \n\n\n  \r\n\r\nlines\r\n \r \n\t \u00a0nbsp\u2003em\u3000ideographic\u200bzero\u200dwidth\ufeffbom\u0085nel\u2028ls\u180e\n",
    "control \x00\x01\x02\x1b[31m\x7f\x80\x9f end\n",
    "१ ٣ 二 ၅ ᠕ ໖ 𝟘𝟙𝟚 𝐀𝐁𝐜 ｆｕｌｌ ＷＩＤＴＨ 𒀀𒀁 𐍈 𞤀𞤁 ꦲꦤ ሀሁሂ ქართული Ქ հայերեն\n",
    "int main(){return a[i]->b<<2 != 0xFF ? x&&y : !z;} // <|endoftext|> <|end|>  word<|mask|>  [INST] </s><s>  \n",
]


def corpus():
    files = sorted(glob.glob(os.path.join(ROOT, "src", "stats", "*.cpp")))[:25] + sorted(glob.glob(os.path.join(HERE, "*.py")))
    code = ""
    for file in files:
        with open(file, encoding="utf-8", newline="") as opened:
            code += opened.read()
    return "".join(PARAGRAPHS) * 4 + code


# The pre-tokenizers of published tokenizer.json files.
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
LLAMA_3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")  # and GLM-4
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = "|".join([rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?",
                  r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", SPACES])  # gpt-oss, Llama 4, MiniMax
DEEPSEEK_3 = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
              "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
              "\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]
DEEPSEEK_2 = ["[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳΑ-Ρа-яА-Я]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-퟿]+", r"\p{N}+"]


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, use_regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps, key="pretokenizers"):
    return {"type": "Sequence", key: list(steps)}


def added(content, special=False, **flags):
    return {"content": content, "special": special, "normalized": not special, "single_word": False, "lstrip": False, "rstrip": False, **flags}


END = added("<|endoftext|>", True)
LLAMA = sequence({"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, key="normalizers")
SENTENCE = [added("<unk>", True), added("<s>", True), added("</s>", True)]


def metaspace(scheme="always", split_too=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split_too}


# name: normalizer, pre_tokenizer, added tokens, flags of the model
CASES = {
    "olmoe": ({"type": "NFC"}, byte_level(use_regex=True), [END] + [added(" " * n) for n in range(24, 1, -1)], {}),
    "gpt2, prefix": (None, byte_level(True, True), [END], {}),
    "qwen": ({"type": "NFC"}, sequence(split(QWEN), byte_level()), [END], {}),
    "llama 3, glm": (None, sequence(split(LLAMA_3), byte_level()), [END], {"ignore_merges": True}),
    "gpt-oss, llama 4": (None, sequence(split(O200K), byte_level()), [END], {}),
    "deepseek 3": (sequence(key="normalizers"), sequence(*[split(p) for p in DEEPSEEK_3], byte_level()), [END], {}),
    "deepseek 2": (None, sequence(*[split(p) for p in DEEPSEEK_2], byte_level()), [END], {}),
    "granite": (None, sequence({"type": "Digits", "individual_digits": True}, byte_level(use_regex=True)), [END], {}),
    "mixtral": (LLAMA, None, SENTENCE, {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}),
    "mixtral, new": (None, metaspace("first", False), SENTENCE, {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}),
    "phi": (LLAMA, None, SENTENCE + [added("<|end|>", True, rstrip=True), added("<|mask|>", True, lstrip=True, rstrip=True)],
            {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}),
    "white space, taken twice": (LLAMA, None, SENTENCE + [added(" ", True, lstrip=True, rstrip=True), added("\n ", True, rstrip=True),
                                                          added("tokens", single_word=True, lstrip=True)],
                                 {"byte_fallback": True, "unk_token": "<unk>"}),
    "metaspace": (None, metaspace(), SENTENCE + [added("tokens", single_word=True), added("[INST]", lstrip=True)], {"unk_token": "<unk>"}),
    "unknown, fused": (None, metaspace("never"), SENTENCE, {"unk_token": "<unk>", "fuse_unk": True}),
    "without unknown": (None, {"type": "Whitespace"}, [added("Token", single_word=True)], {}),
    "nfkc": (sequence({"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, key="normalizers"),
             sequence({"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}), [END, added("ÉTÉ"), added("ﬁne")], {}),
    "nfd": ({"type": "NFD"}, byte_level(use_regex=True), [added("é", single_word=True)], {}),
    "nfkd": ({"type": "NFKD"}, sequence({"type": "Digits", "individual_digits": False}, byte_level()), [], {}),
    "replace": (sequence({"type": "Replace", "pattern": {"Regex": r"\s{2,}|\p{^Han}{7}"}, "content": "▁"}, key="normalizers"), metaspace("first"), SENTENCE,
                {"unk_token": "<unk>"}),
}
for BEHAVIOR in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
    for INVERT in (False, True):
        CASES[f"split {BEHAVIOR}{' inverted' if INVERT else ''}"] = (
            None, sequence(split(r"\w|\d*$|^\W", BEHAVIOR, INVERT), split(" ", BEHAVIOR, INVERT, "String"), byte_level()), [END], {})
    CASES[f"punctuation {BEHAVIOR}"] = (None, sequence({"type": "Punctuation", "behavior": BEHAVIOR}, byte_level()), [END], {})


def train(name, text, path, size=2600):
    """Writes a tokenizer.json whose merges were learnt under the case's own normalizer and pre-tokenizer."""
    normalizer, pre_tokenizer, tokens, flags = CASES[name]
    empty = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "post_processor": None, "decoder": None,
             "normalizer": normalizer, "pre_tokenizer": pre_tokenizer or metaspace(),
             "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                       "fuse_unk": False, "byte_fallback": False, "vocab": {}, "merges": []}}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(empty))
    bytewise = "ByteLevel" in json.dumps(pre_tokenizer)
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if flags.get("byte_fallback") else []
    first = [token["content"] for token in tokens[:3]] if flags.get("unk_token") else []
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=first + fallback, limit_alphabet=size // 9,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if bytewise else [])
    tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
    trained = json.loads(tokenizer.to_str())
    trained["pre_tokenizer"] = pre_tokenizer
    trained["model"].update(flags)
    if name == "llama 3, glm":  # older files
        trained["model"]["merges"] = [" ".join(merge) for merge in trained["model"]["merges"]]
    vocab = trained["model"]["vocab"]
    trained["added_tokens"], unused = [], len(vocab)
    for token in tokens:
        known = vocab.get(token["content"])
        trained["added_tokens"].append({"id": unused if known is None else known, **token})
        unused += known is None
    with open(path, "w", encoding="utf-8") as file:
        json.dump(trained, file, ensure_ascii=False)


def assigned():
    return [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]


def younger():
    """Characters that Unicode has added or changed since the package's own tables: of normal forms (Unicode 9), of punctuation."""
    forms = {name: getattr(normalizers, name)() for name in ("NFC", "NFD", "NFKC", "NFKD")}
    punctuation = pre_tokenizers.Punctuation("removed")
    out = set()
    for char in assigned():
        marked = "a\u0345" + char + "\u0334" if unicodedata.combining(char) else char
        if any(form.normalize_str(marked) != unicodedata.normalize(name, marked) for name, form in forms.items()):
            out.add(char)
        ours = unicodedata.category(char)[0] == "P" or char in "$+<=>^`|~"
        if ours == bool(punctuation.pre_tokenize_str(char)):
            out.add(char)
    return out


def random_strings(count, seed, without):
    """Strings of few and of many scripts, of what pre-tokenizers look at, and of pieces of the corpus."""
    draw = random.Random(seed)
    everything = [char for char in assigned() if char not in without]
    classes = {}
    for char in everything:
        classes.setdefault(unicodedata.category(char), []).append(char)
    marks = classes["Mn"] + [chr(code) for code in range(0x1100, 0x1200)]
    telling = list(" \t\n\r\v\f\u0085\u00a0\u2003\u3000'\"-_/.,!?ſKsStTreVEmlLd0123٣½ⅧaAéßΣσςİıǅあ漢가") + [
        "\r\n", "  ", "'s", "'RE", "'ll", "<|endoftext|>", "<|end|>", "<|mask|>", "<s>", "</s>", "[INST]", "tokens", "▁", "Token", "É", "été", "ﬁne"]
    text = "".join(PARAGRAPHS)
    for _ in range(count):
        kind = draw.random()
        length = draw.choice((1, 2, 3, 5, 8, 13, 40))
        if kind < 0.35:
            yield "".join(draw.choice(telling) for _ in range(length))
        elif kind < 0.5:
            yield "".join(draw.choice(telling if draw.random() < 0.4 else marks) for _ in range(length))
        elif kind < 0.65:
            yield "".join(draw.choice(classes[draw.choice(sorted(classes))]) for _ in range(length))
        elif kind < 0.8:
            block = draw.randrange(0, len(everything) - 64)
            yield "".join(everything[block + draw.randrange(64)] if draw.random() < 0.8 else draw.choice(telling) for _ in range(length))
        else:
            start = draw.randrange(len(text))
            yield text[start:start + 4 * length] + draw.choice(telling) + text[start // 2:start // 2 + length]


def encode(binary, path, texts):
    frames = b"".join(struct.pack("<I", len(data)) + data for data in (text.encode() for text in texts))
    out = subprocess.run([binary, path], input=frames, capture_output=True, check=False)
    if out.returncode != 0:
        sys.exit(f"{path}: {out.stderr.decode()}")
    ids, at = [], 0
    while at < len(out.stdout):
        (count,) = struct.unpack_from("<I", out.stdout, at)
        ids.append(list(struct.unpack_from(f"<{count}i", out.stdout, at + 4)))
        at += 4 + 4 * count
    assert len(ids) == len(texts), (path, len(ids), len(texts))
    return ids


def write_golden(path):
    out = []
    for name in ("qwen", "gpt-oss, llama 4", "deepseek 3", "mixtral", "metaspace", "nfkc"):
        with tempfile.NamedTemporaryFile() as file:
            train(name, "".join(PARAGRAPHS), file.name, 330)
            reference = tokenizers.Tokenizer.from_file(file.name)
            tokenizer = json.load(file)
        texts = ["", *PARAGRAPHS, " " * 300 + "e" * 300, " the tokens"]
        out.append({"name": name, "tokenizer": tokenizer, "texts": texts,
                    "ids": [reference.encode(text, add_special_tokens=False).ids for text in texts]})
    with open(path, "w", encoding="ascii") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("directory", nargs="?")
    parser.add_argument("--golden")
    parser.add_argument("--strings", type=int, default=1000, help="random strings for each case")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    if arguments.golden:
        return write_golden(arguments.golden)
    text = corpus()
    young = younger()
    print(f"Unicode {unicodedata.unidata_version}; {len(young)} characters are younger than the package's tables, and left out where these matter")
    tokens = strings = wrong = 0
    for number, name in enumerate(CASES):
        if arguments.only and arguments.only != name:
            continue
        path = os.path.join(arguments.directory, f"tokenizer-{number}.json")
        by_tables = any(f'"{word}' in json.dumps(CASES[name][:2]) for word in ("NF", "Punctuation"))
        train(name, text, path)
        reference = tokenizers.Tokenizer.from_file(path)
        texts = [text, *text.splitlines(keepends=True)[:400], *PARAGRAPHS, "", " ", *random_strings(arguments.strings, number, young if by_tables else ())]
        theirs = [found.ids for found in reference.encode_batch(texts, add_special_tokens=False)]
        differ = 0
        for said, own, other in zip(texts, encode(arguments.binary, path, texts), theirs):
            tokens += len(other)
            if own != other:
                differ += 1
                if differ <= 3:
                    place = next((i for i, (a, b) in enumerate(zip(own, other)) if a != b), min(len(own), len(other)))
                    print(f"{name}: {said[:80]!r}: at token {place}: {own[place:place + 6]}, and of the package {other[place:place + 6]}: "
                          f"{[reference.id_to_token(token) for token in other[place:place + 6]]}")
        strings += len(texts)
        wrong += differ
        print(f"{name:32} {len(texts):6} texts, {differ} differ")
    print(f"{strings} texts of {tokens} tokens under {len(CASES)} tokenizers; {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
