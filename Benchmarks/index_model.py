"""The vector index on a model's own vectors: python3 index_model.py INDEX_BENCH VECTORS.npy [--work DIR]

VECTORS.npy is what `imgvec embed --npy` has written for some thousand pictures. 500 of them are queries, the others rows. Tells
recall@10 against brute force and queries per CPU second, one thread, for promised recalls, and hnswlib's beside them, in turn.
"""
import argparse, json, shutil, statistics, subprocess
from pathlib import Path

import hnswlib
import numpy as np

from index_data import brute_force, recall
from index_peers import time_queries

QUERIES, ROUNDS = 500, 3


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/tmp/imgvec-index-model"))
    arguments = parser.parse_args()
    work, program = arguments.work, arguments.program
    work.mkdir(parents=True, exist_ok=True)

    def run(*words):
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)

    x = np.load(arguments.vectors).astype("f4")
    x = x[np.isfinite(x).all(1)]
    x = np.random.default_rng(8).permutation(x / np.linalg.norm(x, axis=1, keepdims=True))
    queries, rows, dimension = x[:QUERIES].copy(), x[QUERIES:].copy(), x.shape[1]
    queries.tofile(work / "queries.f32")
    rows.tofile(work / "base.f32")
    truth = brute_force(rows, queries)
    folder, found = work / "imgvec", work / "found.i64"
    shutil.rmtree(folder, ignore_errors=True)
    built = run("build", folder, work / "base.f32", dimension)

    def ours(promised):
        seconds = run("query", folder, work / "queries.f32", dimension, promised, found)["cpu"]
        return seconds, np.fromfile(found, "i8").reshape(-1, 10)

    peer = hnswlib.Index("ip", dimension)
    peer.init_index(len(rows), ef_construction=128, M=16)
    peer.add_items(rows, np.arange(len(rows)), num_threads=1)

    def search(query, width):
        peer.set_ef(width)
        return peer.knn_query(query, 10, num_threads=1)[0][0]

    asks = {f"imgvec, recall {promised} promised": (lambda p: lambda: ours(p))(promised) for promised in (0.5, 0.9, 0.99)}
    asks |= {f"hnswlib, width {w}": (lambda w: lambda: time_queries(search, queries, w))(w) for w in (16, 32, 64, 128)}
    answers = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            answers[name].append(ask())
    results = {"rows": len(rows), "dimension": dimension, "build": built, "indexes": {}}
    print(f"{len(rows):,} rows of {dimension} components, built in {built['cpu']:.1f} CPU s")
    for name, rounds in answers.items():
        rate, share = 1 / statistics.median(s for s, _ in rounds), recall(rounds[0][1], truth)
        results["indexes"][name] = {"rate": rate, "recall": share}
        print(f"{name:32} recall {share:.4f}  {rate:8.0f} queries/s")
    (work / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
