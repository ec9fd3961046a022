"""All rows at once, ours and the peers': python3 index_rows.py INDEX_BENCH [--rows N] [--work DIR] [--threads T] [METHOD ...]

Two questions about every row of the vectors that index.py made: its 10 nearest, and all pairs above a cosine of 0.95. Each
method runs in a process of its own; a peer's index is loaded before the clock starts, with the setting that index.py has
found to reach a recall of .99 (for the pairs, the one for .95: a near-copy is found more easily). Where `--sample S` is
given, peers are asked about so many random rows, and their seconds are those times N / S. Recall is counted on 4,000 random
rows against brute force, for the nearest on 500 of them. Figures go to DIR/N/results.json under `all_rows_T` (threads).
"""
import argparse, json, os, subprocess, sys, time
from pathlib import Path

import numpy as np

from index import Run
from index_data import CHUNK, DIMENSION, brute_force, recall, vectors

ABOVE, PAIR_ROWS, NEAREST_ROWS = 0.95, 4000, 500
GRAPHS = ("hnswlib", "faiss HNSW16", "usearch f16", "faiss IVF PQ128x4fs + refine", "faiss IVF RaBitQfs + refine")


def truth(run):
    """Random rows; the 10 nearest of the first of them, and for all the rows that make a pair with them. Made once."""
    path = run.work / "all-rows-truth.npz"
    if not path.exists():
        x = vectors(run.work / "base.f32")
        chosen = np.random.default_rng(5).choice(run.rows, min(run.rows, PAIR_ROWS), replace=False)
        exact = brute_force(x, x[chosen[:NEAREST_ROWS]], 11)
        nearest = [[i for i in line if i != row][:10] for line, row in zip(exact.tolist(), chosen.tolist())]
        # A little above: stored vectors are float16.
        pairs = pairs_of(x, chosen, ABOVE + 1e-4)
        np.savez(path, chosen=chosen, nearest=np.array(nearest), pairs=np.array(sorted(pairs)))
    return np.load(path)


def pairs_of(x, rows, above):
    """The pairs that some rows are in, by brute force."""
    pairs, queries = set(), np.asarray(x[rows])
    for i in range(0, len(x), 8000):
        of, others = np.nonzero(queries @ np.asarray(x[i:i + 8000]).T >= above)
        pairs.update((min(a, b), max(a, b)) for a, b in zip(rows[of].tolist(), (others + i).tolist()) if a != b)
    return pairs


def pairs_among(ids, near, x):
    """The pairs that queries (rows `ids`) make with what was found near them, checked exactly."""
    pairs = set()
    for i in range(0, len(ids), 10_000):
        part, found = ids[i:i + 10_000], near[i:i + 10_000]
        queries = np.asarray(x[part])
        for column in found.T:
            good = np.nonzero((column >= 0) & ((queries * np.asarray(x[np.maximum(column, 0)])).sum(1) >= ABOVE))[0]
            pairs.update((min(a, b), max(a, b)) for a, b in zip(part[good].tolist(), column[good].tolist()) if a != b)
    return pairs


def setting(run, name, goal):
    """What index.py has chosen for a peer, or the widest setting that it tries."""
    best = run.figures(name).get("best", {})
    return best[goal]["setting"] if goal in best else next(p for p in run.peers if p.name == name).sweep[-1]


def graph_search(run, name, threads):
    """A peer's index, and a function that asks it for the 11 nearest of many rows at once."""
    path = str(next(p for p in run.peers if p.name == name).files(run.work)[0])
    if name == "hnswlib":
        import hnswlib
        index = hnswlib.Index("ip", DIMENSION)
        index.load_index(path)

        def search(queries, width):
            index.set_ef(width)
            return index.knn_query(queries, 11, num_threads=threads)[0]
    elif name.startswith("usearch"):
        from usearch.index import Index
        index = Index(ndim=DIMENSION, metric="ip", dtype="f16", connectivity=16, expansion_add=128)
        index.load(path)

        def search(queries, width):
            index.expansion_search = width
            return index.search(queries, 11, threads=threads).keys
    else:
        import faiss
        index = faiss.read_index(path)
        faiss.omp_set_num_threads(threads)

        def search(queries, parameter):
            if "HNSW" in name:
                index.hnsw.efSearch = parameter
            else:
                faiss.extract_index_ivf(index).nprobe, index.k_factor = parameter
            return index.search(queries, 11)[1]
    return search


class Clock:
    """Seconds by the clock, and of CPU time of all threads, since it was made."""

    def __init__(self):
        self.start, self.cpu = time.perf_counter(), time.process_time()

    def seconds(self):
        return np.array([time.perf_counter() - self.start, time.process_time() - self.cpu])


def ask(search, x, ids, parameter):
    """The rows near each of some rows, and the seconds it took."""
    found, seconds = [], np.zeros(2)
    for i in range(0, len(ids), CHUNK):
        queries = np.asarray(x[ids[i:i + CHUNK]])
        clock = Clock()
        found.append(np.asarray(search(queries, parameter), "i8"))
        seconds += clock.seconds()
    return np.concatenate(found), seconds


def graph(run, name, threads, ids):
    search, x = graph_search(run, name, threads), vectors(run.work / "base.f32")
    near, seconds = ask(search, x, ids, setting(run, name, "0.99"))
    narrow = setting(run, name, "0.95")
    coarse, pair_seconds = ask(search, x, ids, narrow)
    clock = Clock()
    pairs = pairs_among(ids, coarse[:, :10], x)
    pair_seconds += clock.seconds()
    return near, seconds, pairs, pair_seconds


def binary(run, threads, ids):
    """512 sign bits in faiss, the 10 nearest by Hamming distance checked exactly; the index's making is counted."""
    import faiss
    faiss.omp_set_num_threads(threads)
    x = vectors(run.work / "base.f32")
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((DIMENSION, DIMENSION)))[0].astype("f4")
    clock = Clock()
    centre = np.asarray(x[:CHUNK]).mean(0)
    codes = np.concatenate([np.packbits((x[i:i + CHUNK] - centre) @ rotation > 0, axis=1)
                            for i in range(0, len(x), CHUNK)])
    index = faiss.IndexBinaryFlat(DIMENSION)
    index.add(codes)
    made, clock = clock.seconds(), Clock()
    pairs = pairs_among(ids, index.search(codes[ids], 10)[1], x)
    return None, None, pairs, clock.seconds() * run.rows / len(ids) + made


def exact(run, threads, ids):
    """Products of all rows in blocks; for the pairs each block above the diagonal once, so half the time."""
    x, found, clock = vectors(run.work / "base.f32"), set(), Clock()
    for i in range(0, len(ids), 2000):
        part = ids[i:i + 2000]
        queries = np.asarray(x[part])
        for j in range(0, len(x), 8000):
            a, b = np.nonzero(queries @ np.asarray(x[j:j + 8000]).T >= ABOVE)
            found.update((min(p, q), max(p, q)) for p, q in zip(part[a].tolist(), (b + j).tolist()) if p != q)
    pair_seconds, clock = clock.seconds() / 2, Clock()
    near = brute_force(x, x[ids], 11)
    return near, clock.seconds(), found, pair_seconds


def measure(run, method, threads, sample, promise):
    """One method: seconds for all rows, recalls, and the most memory its process held."""
    known = truth(run)
    chosen = known["chosen"]
    if method == "imgvec nearest":
        done = run.ours.run("neighbors", run.ours.folder, DIMENSION, threads, promise, out := run.work / "all-rows.i64")
        near = np.fromfile(out, "i8").reshape(-1, 10)[chosen[:NEAREST_ROWS]]
        return {"nearest_promise": promise, "nearest_s": done["wall"], "nearest_cpu": done["cpu"], "nearest_mib": done["peak_mib"],
                "nearest_own_mib": done["own_mib"], "nearest_recall": recall(near, known["nearest"])}
    if method == "imgvec pairs":
        out = run.work / "all-rows.i64"
        done = run.ours.run("pairs", run.ours.folder, DIMENSION, threads, promise, ABOVE, out)
        pairs = set(map(tuple, np.sort(np.fromfile(out, "i8").reshape(-1, 2), 1).tolist()))
        return {"pairs_promise": promise, "pairs_s": done["wall"], "pairs_cpu": done["cpu"], "pairs_mib": done["peak_mib"],
                "pairs_own_mib": done["own_mib"], "pairs": len(pairs), "pairs_recall": share(known["pairs"], pairs)}
    # The rows whose answers are known come first; then whatever others make up the sample.
    ids = np.concatenate([chosen, np.setdiff1d(np.arange(run.rows), chosen, assume_unique=True)])
    ids = ids[:sample] if sample else ids
    ask_all = {"faiss BinaryFlat + exact check": binary, "exact products": exact}.get(
        method, lambda *a: graph(run, method, *a[1:]))
    near, seconds, pairs, pair_seconds = ask_all(run, threads, ids)
    asked = set(ids[:len(chosen)].tolist())
    wanted = [p for p in known["pairs"].tolist() if p[0] in asked or p[1] in asked]
    whole = run.rows / len(ids)
    pair_seconds = pair_seconds * (1 if ask_all is binary else whole)
    figures = {"asked": len(ids), "pairs_s": pair_seconds[0], "pairs_cpu": pair_seconds[1],
               "pairs_recall": share(wanted, pairs), "mib": peak()}
    if near is not None:
        lines = [[i for i in line if i != row][:10] for line, row in zip(near.tolist(), ids[:NEAREST_ROWS].tolist())]
        lines = np.array([line + [-1] * (10 - len(line)) for line in lines])
        figures |= {"nearest_s": seconds[0] * whole, "nearest_cpu": seconds[1] * whole,
                    "nearest_recall": recall(lines, known["nearest"][:len(lines)])}
    return figures


def share(wanted, found):
    return float(np.mean([tuple(pair) in found for pair in np.asarray(wanted).tolist()]))


def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("methods", nargs="*", default=[])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/imgvec-index-bench"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sample", type=int, default=0, help="how many rows a peer is asked about; 0 means all")
    parser.add_argument("--promise", type=float, default=0.99, help="the recall that our index is asked for")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(only=None, rounds=1, build_threads=2)
    arguments = parser.parse_intermixed_args()
    run = Run(arguments)
    if arguments.one:
        return print(json.dumps(measure(run, arguments.methods[0], arguments.threads, arguments.sample,
                                        arguments.promise)))
    truth(run)
    for method in arguments.methods or ("imgvec nearest", "imgvec pairs", *GRAPHS, "faiss BinaryFlat + exact check", "exact products"):
        done = subprocess.run([sys.executable, *sys.argv[:2], "--one", method, "--rows", str(run.rows), "--work",
                               str(arguments.work), "--threads", str(arguments.threads), "--sample",
                               str(arguments.sample), "--promise", str(arguments.promise)], capture_output=True, text=True,
                              env=os.environ | {"OPENBLAS_NUM_THREADS": str(arguments.threads)})
        if done.returncode:
            sys.exit(done.stderr)
        figures = json.loads(done.stdout)
        name = "imgvec" if method.startswith("imgvec") else method
        key = f"all_rows_{arguments.threads}" + (f"_promise_{arguments.promise}" if name == "imgvec" else "")
        run.note(name, **{key: run.figures(name).get(key, {}) | figures})
        print(method, " ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
