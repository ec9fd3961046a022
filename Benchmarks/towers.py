"""imgvec's towers beside ONNX Runtime and OpenVINO, in one run: python3 towers.py TOWER_BENCH PICTURES [--work DIR] ...

TOWER_BENCH is the program of Benchmarks/TowerBench. PICTURES is a folder of JPEGs; 64 of them, cut to 224 x 224, are what
towers are fed and static quantisation is calibrated on (imgvec's ResNets cut them out of 256 x 256, before the clock runs; all its
figures hold normalising the pixels). The models have random weights (peers/export.py makes them in the
working folder when they are not there, which needs peers/requirements.txt); speed and numerical agreement are measured, not
what they know. All workers of a comparison are started first, then work in turn, a second each, for some rounds: every figure
is the median of its rounds. Peers get batches of 8 and so many threads inside a call; imgvec gives each thread a batch of 8 of its
own, as indexing does. With --clock cpu a rate is per second of processor time, times the threads: what a machine shared with
others would do if they were not there. Beside each speed stands the cosine of the vectors to ONNX Runtime's fp32 ones, lowest and mean.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
import export  # noqa: E402

# Each character is a token of the made-up vocabulary; with start and end there are 8.
TEXT = "abcdef"
BACKENDS = {
    "vit": ["imgvec fp32", "ort fp32", "openvino fp32", "imgvec int8", "ort int8", "openvino int8"],
    "rn18": ["imgvec fp32", "ort fp32", "openvino fp32", "imgvec int8", "ort int8", "openvino int8"],
    "rn50": ["imgvec fp32", "ort fp32", "openvino fp32", "imgvec int8", "ort int8", "openvino int8"],
    "text": ["imgvec fp32", "ort fp32", "ort fp32 padded", "openvino fp32"],
}


def peer(backend, model, threads, batch, folder, pictures, out):
    """A peer as a worker, with the protocol of tower-bench."""
    start = time.perf_counter()
    if model == "text":
        vocabulary = json.loads((folder / "clip" / "vocab.json").read_text())
        ids = [49406] + [vocabulary[c] for c in TEXT[:-1]] + [vocabulary[TEXT[-1] + "</w>"], 49407]
        ids += [49407] * (77 - len(ids)) if "padded" in backend else []
        inputs = np.array([ids], "i8")
    else:
        inputs = export.normalised(pictures, model)
    library, numbers = backend.split()[:2]
    if library == "ort":
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        name = f"{model}.onnx" if numbers == "fp32" else f"{model}.int8.onnx"
        session = ort.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])

        def run(x):
            return session.run(None, {"x": x})[0]
    else:
        import openvino as ov
        read = ov.Core().read_model(folder / f"{model}.{'ov' if numbers == 'fp32' else 'ov8'}.xml")
        read.reshape([batch if model != "text" else 1] + list(inputs.shape[1:]))
        # Without this hint OpenVINO would compute "fp32" in bfloat16 where the processor has it.
        compiled = ov.Core().compile_model(
            read, "CPU",
            {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})

        def run(x):
            return compiled(x)[0]
    chunks = [inputs[i:i + batch] for i in range(0, len(inputs), batch)]
    np.concatenate([run(c) for c in chunks]).astype("f4").tofile(out)
    print(json.dumps({"first": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        done, number, begin, used = 0, 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - begin < float(line):
            done += len(run(chunks[number % len(chunks)]))
            number += 1
        print(json.dumps({"items": done, "seconds": time.perf_counter() - begin,
                          "cpu": time.process_time() - used}), flush=True)


class Worker:
    def __init__(self, program, backend, model, threads, batch, work):
        self.out = work / f"{model}-{backend.replace(' ', '-')}.f32"
        folder, pictures = work / "models", work / "pictures.u8"
        if backend.startswith("imgvec"):
            path = folder / ("clip" if model in ("vit", "text") else f"{model}.safetensors")
            kind = ["text"] if model == "text" else ["pictures"]
            command = [program, path, *kind, backend.split()[1], threads, 1 if model == "text" else batch,
                       TEXT if model == "text" else pictures, 224, self.out]
            if model.startswith("rn"):
                command[6:8] = work / "pictures256.u8", 256
        else:
            command = [sys.executable, __file__, "--peer", backend, model, threads, batch, folder, pictures, self.out]
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.first = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.out.stem} ended with {self.process.wait()}")
        return json.loads(line)

    def work(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer()

    def vectors(self):
        values = np.fromfile(self.out, "f4").astype("f8").reshape(-1, {"rn18": 512, "rn50": 2048}.get(
            self.out.stem.split("-")[0], 512))
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def cut(folder, work):
    from PIL import Image
    pictures = []
    for path in sorted(folder.glob("*.jp*g"))[:64]:
        picture = Image.open(path).convert("RGB")
        factor = 256 / min(picture.size)
        width, height = (max(256, round(side * factor)) for side in picture.size)
        picture = picture.resize((width, height), Image.BICUBIC)
        left, top = (width - 256) // 2, (height - 256) // 2
        pictures.append(np.asarray(picture.crop((left, top, left + 256, top + 256))))
    np.stack(pictures).tofile(work / "pictures256.u8")
    np.stack(pictures)[:, 16:240, 16:240].tofile(work / "pictures.u8")


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    flags = next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split()
    return {"processor": model, "cores": os.cpu_count(), "vnni": "avx512_vnni" in flags, "system": platform.platform(),
            "versions": {name: metadata.version(name) for name in ("onnxruntime", "openvino", "nncf", "onnx", "numpy")}}


def compare(options, model, threads):
    workers = {b: Worker(options.program, b, model, threads, options.batch, options.work) for b in BACKENDS[model]}
    rates = {backend: [] for backend in workers}
    for round_number in range(options.rounds + 1):
        for backend, worker in workers.items():
            done = worker.work(options.seconds if round_number else options.seconds / 4)
            if round_number:
                seconds = done["cpu"] / threads if options.clock == "cpu" else done["seconds"]
                rates[backend].append(done["items"] / seconds)
    truth = workers["ort fp32"].vectors()
    rows = []
    for backend, worker in workers.items():
        cosines = (worker.vectors() * truth).sum(1)
        rows.append({"model": model, "threads": threads, "backend": backend, "per_second": statistics.median(rates[backend]),
                     "rounds": rates[backend], "first_seconds": worker.first["first"],
                     "cosine_min": float(cosines.min()), "cosine_mean": float(cosines.mean())})
        worker.end()
    return rows


def show(rows):
    rate = {row["backend"]: row["per_second"] for row in rows}
    for row in rows:
        numbers = row["backend"].split()[1]
        ratios = [f"{name.split()[0]}{' padded' if 'padded' in name else ''} x{rate[row['backend']] / value:.2f}"
                  for name, value in rate.items() if not name.startswith("imgvec") and name.split()[1] == numbers]
        print(f"{row['model']:5s} {row['threads']:3d} {row['backend']:16s} {row['per_second']:9.2f}/s  "
              f"cosine min {row['cosine_min']:.5f} mean {row['cosine_mean']:.5f}  "
              + (", ".join(ratios) if row["backend"].startswith("imgvec") else ""), flush=True)


def main():
    if sys.argv[1:2] == ["--peer"]:
        backend, model, threads, batch, folder, pictures, out = sys.argv[2:]
        return peer(backend, model, int(threads), int(batch), Path(folder), pictures, out)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".build/towers"))
    parser.add_argument("--models", default="vit,rn18,rn50,text")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--out", type=Path, help="a JSON file for the raw results")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / "pictures256.u8").exists():
        cut(options.pictures, options.work)
    if not (options.work / "models" / "rn50.ov8.xml").exists():
        subprocess.run([sys.executable, HERE / "peers" / "export.py", options.work / "models",
                        options.work / "pictures.u8"], check=True)
    about, rows = machine(), []
    print(json.dumps(about), flush=True)
    for model in options.models.split(","):
        for threads in map(int, options.threads.split(",")):
            compared = compare(options, model, threads)
            show(compared)
            rows += compared
            if options.out:
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(
                    {"machine": about, "batch": options.batch, "clock": options.clock, "seconds": options.seconds, "results": rows}, indent=1))


if __name__ == "__main__":
    main()
