"""Decodes every picture once and asks the teacher about it, into flat files that training maps into memory.

    python prepare.py --data ../shared/data --run RUN

Writes RUN/cache/pixels.u8 (pictures x 112 x 112 x 3, uint8) and RUN/cache/teacher.i8 (pictures x 1001 quantised
ImageNet logits of MobileNet v2), row i being line i of pictures.jsonl. About 5 minutes on two cores; a finished
file is left alone.
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
    """Writes the teacher's logits of rows first..<last. The model ends in a softmax; the tensor before it is read,
    because the 8-bit probabilities round nearly every class to zero."""
    data, pixel_path, teacher_path, count, first, last = job
    from ai_edge_litert.interpreter import Interpreter

    model = os.path.join(data, "teachers", "tf2_mobilenet_v2_1.0_224_ptq.tflite")
    # Without this the runtime lets the softmax overwrite the logits.
    net = Interpreter(model, num_threads=1, experimental_preserve_all_tensors=True)
    net.allocate_tensors()
    source = net.get_input_details()[0]["index"]
    softmax = [op for op in net._get_ops_details() if op["op_name"] == "SOFTMAX"][0]
    logits = int(softmax["inputs"][0])
    pixels = np.memmap(pixel_path, np.uint8, "r", shape=(count, SIDE, SIDE, 3))
    out = np.memmap(teacher_path, np.int8, "r+", shape=(count, TEACHER_CLASSES))
    for i in range(first, last):
        big = Image.fromarray(pixels[i]).resize((224, 224), Image.BICUBIC)
        net.set_tensor(source, np.asarray(big)[None])
        net.invoke()
        out[i] = net.get_tensor(logits).reshape(-1)
    for tensor in net.get_tensor_details():
        if tensor["index"] == logits:
            return tensor["quantization"]


def in_ranges(count, parts):
    edges = np.linspace(0, count, parts + 1).astype(int)
    return [(int(a), int(b)) for a, b in zip(edges, edges[1:])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--run", default="training-run")
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

        teacher = os.path.join(cache, "teacher.i8")
        if not os.path.exists(teacher):
            started, part = time.time(), teacher + ".part"
            np.memmap(part, np.int8, "w+", shape=(count, TEACHER_CLASSES)).flush()
            jobs = [(options.data, pixels, part, count, a, b) for a, b in in_ranges(count, 32)]
            scale, zero = pool.map(teach_range, jobs, 1)[0]
            with open(os.path.join(cache, "teacher.json"), "w") as file:
                json.dump({"scale": scale, "zero": zero}, file)
            os.rename(part, teacher)
            print(f"teacher saw {count} pictures in {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
