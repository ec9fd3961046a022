"""The vector index beside faiss, hnswlib, usearch and annoy: python3 index.py INDEX_BENCH [--rows N] [--work DIR] [STEP ...]

INDEX_BENCH is the program of Benchmarks/IndexBench (`./dev bench index` builds it and runs this). The steps, all of them by
default; what one leaves in DIR/N, the next ones use, so that a long run can be done in pieces:

    build   makes the vectors (index_data.py), our index, and the peers' indexes that are not there yet
    tune    finds for each index the fastest setting that reaches recall@10 of 0.95 and of 0.99 against brute force
    rates   queries per second with those settings: one thread, one query a call, rounds over all indexes in turn
    open    opening and the first query, with nothing of the files in memory
    add     adding 1,000 rows

All rows at once: index_rows.py. How the costs grow: index_growth.py.

Rates are of queries that were asked once before, so that all files are in memory, and per CPU second of the process: other
programs on the machine matter less. Peers see their queries through their Python bindings, which cost them some microseconds
a query. Figures go to DIR/N/results.json as they come in.
"""
import argparse, gc, json, os, shutil, statistics, subprocess, sys, time
from pathlib import Path

import numpy as np

from index_data import DIMENSION, prepare, recall, vectors
from index_peers import peers, time_queries

GOALS = (0.95, 0.99)
STEPS = ("build", "tune", "rates", "open", "add")
# As many as a merged segment holds: what waits for a commit is in memory, ten million rows would not fit there.
ROWS_PER_COMMIT = 1 << 20


class Ours:
    name, sweep = "imgvec", (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99)

    def __init__(self, program, work):
        self.program, self.work, self.folder = program, work, work / "imgvec"

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout)

    def build(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        built = self.run("build", self.folder, self.work / "base.f32", DIMENSION, ROWS_PER_COMMIT)
        return built | {"bytes": sum(f.stat().st_size for f in self.folder.iterdir())}

    def query(self, parameter):
        out = self.work / "found.i64"
        done = self.run("query", self.folder, self.work / "queries.f32", DIMENSION, parameter, out)
        return done["cpu"], np.fromfile(out, "i8").reshape(-1, 10)


class Run:
    """One number of rows: where its files are, and the figures so far."""

    def __init__(self, arguments):
        self.rows, self.rounds, self.build_threads = arguments.rows, arguments.rounds, arguments.build_threads
        self.work = arguments.work / str(arguments.rows)
        (self.work / "peers").mkdir(parents=True, exist_ok=True)
        self.path = self.work / "results.json"
        self.results = json.loads(self.path.read_text()) if self.path.exists() else {"rows": self.rows, "indexes": {}}
        self.ours = Ours(arguments.program, self.work)
        wanted = arguments.only.split(",") if arguments.only else [""]
        self.builds_ours = any(part in self.ours.name for part in wanted)
        self.peers = [peer for peer in peers(self.rows) if any(part in peer.name for part in wanted)]

    def note(self, name, **figures):
        # Read again: indexes may be built by several runs at a time.
        if self.path.exists():
            self.results = json.loads(self.path.read_text())
        self.results["indexes"].setdefault(name, {}).update(figures)
        self.path.write_text(json.dumps(self.results, indent=1))

    def figures(self, name):
        return self.results["indexes"].get(name, {})

    # Steps

    def build(self):
        prepare(self.work, self.rows)
        if self.builds_ours:
            self.note("imgvec", build=self.ours.build())
        for peer in self.peers:
            if "build" in self.figures(peer.name) and peer.files(self.work)[0].exists():
                continue
            self.note(peer.name, build=peer.build(self.work, self.build_threads))
            gc.collect()
        halves = self.rows * DIMENSION * 2
        for name, figures in self.results["indexes"].items():
            if not (built := figures.get("build")):
                continue
            print(f"{name}: build {built['cpu']:.1f} CPU s, {built['wall']:.1f} s, "
                  f"{built['bytes'] / halves:.3f} x the float16 vectors", flush=True)

    def tune(self):
        truth = self.truth()
        queries = np.array(vectors(self.work / "queries.f32"))
        self.note("imgvec", best=choose(self.ours.query, self.ours.sweep, truth))
        for peer in self.peers:
            if self.figures(peer.name).get("best") or not peer.files(self.work)[0].exists():
                continue
            search = peer.open(self.work)
            self.note(peer.name, best=choose(lambda p: time_queries(search, queries, p), peer.sweep, truth))
            print(peer.name, self.figures(peer.name)["best"], flush=True)
            del search
            gc.collect()

    def rates(self):
        queries = np.array(vectors(self.work / "queries.f32"))
        asks = {"imgvec": lambda p: self.ours.query(p)[0]}
        for peer in self.peers:
            if self.figures(peer.name).get("best"):
                search = peer.open(self.work)
                asks[peer.name] = (lambda search: lambda p: time_queries(search, queries, p)[0])(search)
        rates = {name: {goal: [] for goal in self.figures(name)["best"]} for name in asks}
        for _ in range(self.rounds):
            for name, ask in asks.items():
                for goal, best in self.figures(name)["best"].items():
                    rates[name][goal].append(1 / ask(best["setting"]))
        for name, values in rates.items():
            self.note(name, rates={goal: statistics.median(v) for goal, v in values.items()}, rounds=values)
        print(f"{'':30}" + "".join(f"  q/s at recall >= {goal} (setting, recall)      " for goal in GOALS))
        for name in asks:
            cells = []
            for goal in map(str, GOALS):
                best = self.figures(name)["best"].get(goal)
                if best is None:
                    cells.append("not reached")
                    continue
                rate = self.figures(name)["rates"][goal]
                ratio = self.figures("imgvec")["rates"].get(goal, float("nan")) / rate
                cells.append(f"{rate:9.0f} ({best['setting']}, {best['recall']:.3f}) imgvec x {ratio:.2f}")
            print(f"{name:30}" + "".join(f"{cell:48}" for cell in cells))

    def open(self):
        files = list(self.ours.folder.iterdir())
        times = {"imgvec": []}
        for _ in range(self.rounds):
            forget(files)
            done = self.ours.run(
                "query", self.ours.folder, self.work / "queries.f32", DIMENSION, 0.99, self.work / "found.i64")
            times["imgvec"].append(done["first"])
        self.note("imgvec", first=statistics.median(times["imgvec"]), first_mib=done["first_mib"],
                  queries_mib=done["peak_mib"])
        for peer in self.peers:
            if not self.figures(peer.name).get("best"):
                continue
            seconds = []
            for _ in range(self.rounds):
                forget(peer.files(self.work))
                line = subprocess.run([sys.executable, __file__, self.ours.program, "--rows", str(self.rows), "--work",
                                       str(self.work.parent), "--first", peer.name], capture_output=True, text=True)
                if line.returncode:
                    sys.exit(line.stderr)
                seconds.append(json.loads(line.stdout))
            self.note(peer.name, first=statistics.median(s[0] for s in seconds), first_mib=seconds[-1][1])
        for name, figures in self.results["indexes"].items():
            if "first" in figures:
                print(f"{name}: open and first query {figures['first'] * 1000:.1f} ms, {figures['first_mib']:.0f} MiB")

    def add(self):
        copy = self.work / "grown"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.ours.folder, copy, copy_function=os.link)
        more = self.ours.run("add", copy, self.work / "more.f32", DIMENSION)
        shutil.rmtree(copy)
        self.note("imgvec", add=more)
        print(f"adding 1,000 rows: {more['wall']:.2f} s ({more['cpu']:.2f} CPU s)")

    def truth(self):
        return np.fromfile(self.work / "truth.i64", "i8").reshape(-1, 10)


def choose(query, sweep, truth):
    """The fastest setting found for each goal of recall."""
    best = {}
    for parameter in sweep:
        seconds, found = query(parameter)
        got = recall(found, truth)
        for goal in map(str, GOALS):
            if got >= float(goal) and (goal not in best or seconds < best[goal]["seconds"]):
                best[goal] = {"setting": parameter, "seconds": seconds, "recall": got}
    return best


def forget(files):
    """Takes files out of the system's memory."""
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def first_query(run, name):
    """Loads a peer and asks one query: seconds and MiB, the libraries being loaded before."""
    peer = next(p for p in run.peers if p.name == name)
    query = np.array(vectors(run.work / "queries.f32")[:1])
    best = run.figures(name)["best"]
    start = time.perf_counter()
    peer.open(run.work)(query, max(best.items())[1]["setting"])
    seconds = time.perf_counter() - start
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps([seconds, int(peak.split()[1]) / 1024]))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("steps", nargs="*", default=[])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/imgvec-index-bench"))
    parser.add_argument("--only", help="the indexes to build or compare with ours, by a part of their names, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build-threads", type=int, default=2, help="threads that build the peers' indexes")
    parser.add_argument("--first", help=argparse.SUPPRESS)
    arguments = parser.parse_intermixed_args()
    run = Run(arguments)
    if arguments.first:
        return first_query(run, arguments.first)
    for step in arguments.steps or STEPS:
        if step not in STEPS:
            sys.exit(f"there is no step '{step}'")
        getattr(run, step)()


if __name__ == "__main__":
    main()
