"""Decodes every picture once and asks the teacher about it, into flat files that training maps into memory.

    python prepare.py --data ../shared/data --run RUN

Writes RUN/cache/pixels.u8 (pictures x 112 x 112 x 3, uint8), RUN/cache/teacher.i8 (pictures x 1001 quantised ImageNet
logits of MobileNet v2) and RUN/cache/features.u8 (pictures x 1280, the pooled values before them), row i being line i of
pictures.jsonl. About 6 minutes on two idle cores; finished files are left alone.
"""
import argparse
import io
import json
import multiprocessing
import os
import time

import numpy as np
from PIL import Image

SIDE = 112
TEACHER_CLASSES, TEACHER_FEATURES = 1001, 1280


def options_parser():
    """The two places that every part of the recipe is told: the data, and the folder of this training."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--run", default="training-run")
    return parser


def read_rows(data):
    with open(os.path.join(data, "pictures", "pictures.jsonl")) as lines:
        return [json.loads(line) for line in lines]


def decode_range(job):
    """Decodes rows first..<last into the pixel file. Tiny ImageNet (64x64) is enlarged to the common size."""
    data, path, first, last = job
    rows = read_rows(data)
    pixels = np.memmap(path, np.uint8, "r+", shape=(len(rows), SIDE, SIDE, 3))
    files = {}
    for i in range(first, last):
        row = rows[i]
        if row["shard"] not in files:
            files[row["shard"]] = open(os.path.join(data, "pictures", row["shard"]), "rb")
        file = files[row["shard"]]
        file.seek(row["offset"])
        picture = Image.open(io.BytesIO(file.read(row["length"]))).convert("RGB")
        if picture.size != (SIDE, SIDE):
            picture = picture.resize((SIDE, SIDE), Image.BICUBIC)
        pixels[i] = np.asarray(picture)


def teach_range(job):
    """Writes the teacher's logits and pooled features of rows first..<last. The model ends in a softmax; the tensors before
    it are read, because the 8-bit probabilities round nearly every class to zero. Returns the logits' (scale, zero point)."""
    data, pixel_path, teacher_path, feature_path, count, first, last = job
    from ai_edge_litert.interpreter import Interpreter

    model = os.path.join(data, "teachers", "tf2_mobilenet_v2_1.0_224_ptq.tflite")
    # Without this the runtime lets later operations overwrite earlier results.
    net = Interpreter(model, num_threads=1, experimental_preserve_all_tensors=True)
    net.allocate_tensors()
    source = net.get_input_details()[0]["index"]
    softmax = [op for op in net._get_ops_details() if op["op_name"] == "SOFTMAX"][0]
    logits = int(softmax["inputs"][0])
    details = {tensor["index"]: tensor for tensor in net.get_tensor_details()}
    pooled = [index for index, tensor in details.items() if list(tensor["shape"]) == [1, 1, 1, TEACHER_FEATURES]][-1]
    assert details[pooled]["quantization"][1] == -128, details[pooled]
    pixels = np.memmap(pixel_path, np.uint8, "r", shape=(count, SIDE, SIDE, 3))
    out = np.memmap(teacher_path, np.int8, "r+", shape=(count, TEACHER_CLASSES))
    features = np.memmap(feature_path, np.uint8, "r+", shape=(count, TEACHER_FEATURES))
    for i in range(first, last):
        big = Image.fromarray(pixels[i]).resize((224, 224), Image.BICUBIC)
        net.set_tensor(source, np.asarray(big)[None])
        net.invoke()
        out[i] = net.get_tensor(logits).reshape(-1)
        features[i] = net.get_tensor(pooled).reshape(-1).astype(np.int16) + 128  # never negative: they come out of a ReLU
    return details[logits]["quantization"]


def in_ranges(count, parts):
    edges = np.linspace(0, count, parts + 1).astype(int)
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:])]


def main():
    parser = options_parser()
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    cache = os.path.join(options.run, "cache")
    os.makedirs(cache, exist_ok=True)
    count = len(read_rows(options.data))

    with multiprocessing.Pool(options.processes) as pool:
        pixels = os.path.join(cache, "pixels.u8")
        if not os.path.exists(pixels):
            started, part = time.time(), pixels + ".part"
            np.memmap(part, np.uint8, "w+", shape=(count, SIDE, SIDE, 3)).flush()
            pool.map(decode_range, [(options.data, part, a, b) for a, b in in_ranges(count, 16)], 1)
            os.rename(part, pixels)
            print(f"decoded {count} pictures in {time.time() - started:.0f} s", flush=True)

        teacher, features = os.path.join(cache, "teacher.i8"), os.path.join(cache, "features.u8")
        if not (os.path.exists(teacher) and os.path.exists(features)):
            started, part, feature_part = time.time(), teacher + ".part", features + ".part"
            np.memmap(part, np.int8, "w+", shape=(count, TEACHER_CLASSES)).flush()
            np.memmap(feature_part, np.uint8, "w+", shape=(count, TEACHER_FEATURES)).flush()
            jobs = [(options.data, pixels, part, feature_part, count, a, b) for a, b in in_ranges(count, 32)]
            scale, zero = pool.map(teach_range, jobs, 1)[0]
            with open(os.path.join(cache, "teacher.json"), "w") as file:
                json.dump({"scale": scale, "zero": zero}, file)
            os.rename(feature_part, features)
            os.rename(part, teacher)
            print(f"teacher saw {count} pictures in {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
