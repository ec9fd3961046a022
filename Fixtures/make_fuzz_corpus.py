"""Small valid safetensors and JSON files whose changed copies the fuzz tests feed to the readers: Fixtures/fuzz.

    python Fixtures/make_fuzz_corpus.py
"""
import json
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz")


def safetensors(name, header, size):
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    text = text.encode()
    with open(os.path.join(FOLDER, "safetensors", name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(i * 7 % 251 for i in range(size)))


def tensor(kind, shape, start, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def main():
    for kind in ("safetensors", "json"):
        os.makedirs(os.path.join(FOLDER, kind), exist_ok=True)
    safetensors("empty", {}, 0)
    safetensors("metadata", {"__metadata__": {"format": "pt", "note": "a \\ \" \u00e9"}, "a": tensor("F32", [], 0, 4)}, 4)
    safetensors("types", {"f32": tensor("F32", [2, 3], 0, 24), "f16": tensor("F16", [3], 24, 30), "bf16": tensor("BF16", [1, 1, 2], 30, 34),
                          "i64": tensor("I64", [1], 34, 42), "u8": tensor("U8", [3], 42, 45), "f8": tensor("F8_E4M3", [2], 45, 47),
                          "bool": tensor("BOOL", [1], 47, 48)}, 48)
    safetensors("nothing", {"none": tensor("F32", [0, 5], 0, 0), "some": tensor("F16", [2, 2], 0, 8), "end": tensor("I8", [0], 8, 8)}, 8)
    safetensors("spaces", '{ "b" : {"shape": [2],\n "data_offsets": [0, 8], "dtype": "F32"} , "c": {"dtype":"F4","shape":[4],"data_offsets":[8,10]}}   ', 10)
    layers = {}
    for index in range(6):
        for part, (start, end, shape) in {"weight": (0, 16, [2, 4]), "bias": (16, 20, [2])}.items():
            layers[f"model.layers.{index}.{part}"] = tensor("F16", shape, index * 20 + start, index * 20 + end)
    safetensors("layers", layers, 120)

    def write(name, text):
        with open(os.path.join(FOLDER, "json", name + ".json"), "w", encoding="utf-8") as file:
            file.write(text)

    write("config", json.dumps({"model_type": "clip", "projection_dim": 24, "vision_config": {"hidden_size": 40, "layer_norm_eps": 1e-05},
                                "text_config": {"vocab_size": 420, "bos_token_id": None}, "torch_dtype": "float32", "tie": True}, indent=2))
    write("numbers", "[0, -0, 1, -1.5, 2e3, 2E+3, 2e-3, 0.1, 123456789012345678, 1e308, 9007199254740993, 0e0, -0.0e-0]")
    write("strings", r'["", "a", "\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20ac\ud83d\ude00", "é€😀", "\u0000", "\ud83d\ude00\ud83d\ude00"]')
    write("nested", "[" * 40 + '{"a":[{}, [], [[]], null, true, false]}' + "]" * 40)
    write("tokenizer", json.dumps({"version": "1.0", "added_tokens": [{"id": 0, "content": "<|endoftext|>", "special": True}],
                                   "model": {"type": "BPE", "vocab": {"a": 0, "b</w>": 1, "ab</w>": 2, "\u0120x": 3}, "merges": [["a", "b</w>"], ["a", "x"]]}},
                                  ensure_ascii=False))
    write("index", json.dumps({"metadata": {"total_size": 1234}, "weight_map": {"a.weight": "model-00001-of-00002.safetensors",
                                                                                 "b.weight": "model-00002-of-00002.safetensors"}}))


if __name__ == "__main__":
    main()
