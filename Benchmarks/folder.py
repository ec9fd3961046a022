"""A folder of 12-megapixel photographs to vectors on disk: imgvec beside Python scripts: python3 folder.py BINARY PHOTOS [--work DIR]

BINARY is imgvec. PHOTOS is a folder of JPEGs, which are enlarged to 4000 x 3000 pixels, with fine noise, and saved with quality
90, as cameras do. --work must hold the models that peers/export.py makes (towers.py does it too). The scripts are what people
write: Pillow decodes (with draft: scaled down while decoding; or in full), ONNX Runtime embeds batches of 8, numpy saves. They
run as two processes of one thread, each with half of the files, or as one process that gives ONNX Runtime both cores. All is
whole processes, start included, over files in the page cache, taken in turn for some rounds; medians.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))


def make_photos(source, target, count):
    import numpy as np
    from PIL import Image
    target.mkdir(parents=True, exist_ok=True)
    paths = sorted(source.glob("*.jp*g"))
    for index in range(count):
        path = target / f"{index:04d}.jpg"
        if path.exists():
            continue
        photo = Image.open(paths[index % len(paths)]).convert("RGB").resize((4000, 3000), Image.BICUBIC)
        random = np.random.default_rng(index)
        noise = random.normal(0, 6, (1500, 2000, 1)).repeat(2, 0).repeat(2, 1) + random.normal(0, 2.5, (3000, 4000, 1))
        pixels = np.clip(np.asarray(photo, "f4") + noise, 0, 255).astype("u1")
        Image.fromarray(pixels).save(path, quality=90)


def script(model, kind, decoding, threads, out, files):
    """One of the scripts that imgvec is measured beside."""
    import numpy as np
    import onnxruntime as ort
    from PIL import Image
    import export
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    mean, std = np.array(export.MEAN[kind], "f4"), np.array(export.STD[kind], "f4")

    def read(path):
        picture = Image.open(path)
        if decoding == "draft":
            picture.draft("RGB", (224, 224))
        picture = picture.convert("RGB")
        factor = 224 / min(picture.size)
        width, height = (max(224, round(side * factor)) for side in picture.size)
        picture = picture.resize((width, height), Image.BICUBIC)
        left, top = (width - 224) // 2, (height - 224) // 2
        values = np.asarray(picture.crop((left, top, left + 224, top + 224)), "f4") / 255
        return ((values - mean) / std).transpose(2, 0, 1)

    vectors = []
    for start in range(0, len(files), 8):
        batch = np.stack([read(path) for path in files[start:start + 8]])
        vectors.append(session.run(None, {"x": batch})[0])
    np.save(out, np.concatenate(vectors))


def whole(commands, environment=None):
    """Seconds until all commands have ended, and the largest peak of memory among them, in MiB."""
    begin = time.perf_counter()
    started = [subprocess.Popen(list(map(str, c)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
               for c in commands]
    peaks = []
    for process in started:
        errors = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{process.args[:6]} ended with {status}: {errors}")
        peaks.append(usage.ru_maxrss / 1024)
    return time.perf_counter() - begin, sum(peaks)


def contestants(options, photos):
    files, work, models = sorted(map(str, photos.glob("*.jpg"))), options.work, options.work / "models"

    def imgvec(name, *arguments):
        index = work / f"index-{name}"

        def run():
            shutil.rmtree(index, ignore_errors=True)
            return whole([[options.binary, "index", photos, "--index", index, "-q", *arguments]])
        return run

    def python(model, decoding, processes):
        kind = "vit" if model.startswith("vit") else "rn"

        def run():
            parts = [files[i::processes] for i in range(processes)]
            return whole([[sys.executable, __file__, "--script", models / model, kind, decoding, 2 // processes,
                           work / f"part-{i}.npy", *part] for i, part in enumerate(parts)])
        return run

    result = {}
    for name, tower, model in [("ViT-B/32", "vit", ["--model", models / "clip"]), ("embedded", "rn18", [])]:
        if options.tower not in ("both", tower):
            continue
        result[f"{name}: imgvec int8"] = imgvec(f"{tower}-int8", "--numbers", "int8", *model)
        result[f"{name}: imgvec fp32"] = imgvec(f"{tower}-fp32", *model)
        result[f"{name}: draft, ort int8, 2 processes"] = python(f"{tower}.int8.onnx", "draft", 2)
        result[f"{name}: draft, ort int8, 1 script"] = python(f"{tower}.int8.onnx", "draft", 1)
        result[f"{name}: full, ort fp32, 1 script"] = python(f"{tower}.onnx", "full", 1)
    return result


def main():
    if sys.argv[1:2] == ["--make"]:
        return make_photos(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1:2] == ["--script"]:
        model, kind, decoding, threads, out, *files = sys.argv[2:]
        return script(model, kind, decoding, int(threads), out, files)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--work", type=Path, default=Path(".build/towers"))
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tower", choices=["both", "vit", "rn18"], default="both")
    parser.add_argument("--only", default="", help="only contestants whose names hold this")
    parser.add_argument("--out", type=Path, help="a JSON file for the raw results")
    options = parser.parse_args()
    photos = options.work / f"photos-{options.count}"
    # In a process of its own: what this one has ever held counts as the peak of those it starts.
    subprocess.run(
        [sys.executable, __file__, "--make", options.photos, photos, str(options.count)], check=True)
    runs, rows = contestants(options, photos), []
    runs = {name: run for name, run in runs.items() if options.only in name}
    measured = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            measured[name].append(run())
    for name, results in measured.items():
        rate, peak = options.count / statistics.median(r[0] for r in results), max(r[1] for r in results)
        rows.append({"name": name, "pictures_per_second": rate, "peak_mib": peak, "rounds": results})
    for row in rows:
        tower, what = row["name"].split(": ")
        own = {r["name"].split()[-1]: r["pictures_per_second"] for r in rows if r["name"].startswith(f"{tower}: imgvec")}
        ratios = "" if what.startswith("imgvec") else ", ".join(
            f"imgvec {numbers} x{rate / row['pictures_per_second']:.2f}" for numbers, rate in own.items())
        print(f"{row['name']:44s} {row['pictures_per_second']:7.2f}/s  peak {row['peak_mib']:5.0f} MiB  {ratios}")
    if options.out:
        import towers
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"machine": towers.machine(), "pictures": options.count, "results": rows}, indent=1))


if __name__ == "__main__":
    main()
