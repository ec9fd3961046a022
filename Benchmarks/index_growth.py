"""How the index grows: python3 index_growth.py INDEX_BENCH --work DIR [--rows 1000,10000,...] [--output FILE.svg]

Builds and asks our index for growing numbers of rows of the benchmark's vectors; prints a table and draws the same as an
SVG of four plots. Figures go to DIR/growth.json as they come in; a number of rows that is there already is not measured again.
"""
import argparse, json, math, statistics
from pathlib import Path

import numpy as np

from index import Ours, forget
from index_data import DIMENSION, prepare, recall

PROMISES = (0.9, 0.99)
COLUMNS = [
    ("p50 at .9", "µs", "p50_us_0.9"), ("p95", "µs", "p95_us_0.9"), ("recall", "", "recall_0.9"),
    ("p50 at .99", "µs", "p50_us_0.99"), ("p95", "µs", "p95_us_0.99"), ("recall", "", "recall_0.99"),
    ("first query, cold", "ms", "cold_ms"), ("memory of it", "MiB", "memory_mib"),
    ("memory, 500 queries", "MiB", "queries_mib"), ("build", "s", "build_s"), ("memory of it", "MiB", "build_mib"),
    ("disk", "MiB", "disk_mib"),
]
PLOTS = [("Query, µs: median at .9 (blue) and .99 (red)", ["p50_us_0.9", "p50_us_0.99"]),
         ("Build, s (two threads)", ["build_s"]),
         ("Memory, MiB: first query (blue), build (red)", ["memory_mib", "build_mib"]), ("Disk, MiB", ["disk_mib"])]


def measure(program, work, rows, rounds=3):
    folder = work / str(rows)
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, rows)
    ours = Ours(program, folder)
    built = ours.build()
    truth = np.fromfile(folder / "truth.i64", "i8").reshape(-1, 10)
    out = folder / "found.i64"
    figures = {"rows": rows, "build_s": built["wall"], "build_cpu_s": built["cpu"], "build_mib": built["peak_mib"],
               "disk_mib": built["bytes"] / 2**20, "disk_ratio": built["bytes"] / (rows * DIMENSION * 2)}

    def ask(promise):
        return ours.run("query", ours.folder, folder / "queries.f32", DIMENSION, promise, out)

    for promise in PROMISES:
        asked = [ask(promise) for _ in range(rounds)]
        figures[f"recall_{promise}"] = recall(np.fromfile(out, "i8").reshape(-1, 10), truth)
        for name in ("p50", "p95"):
            figures[f"{name}_us_{promise}"] = statistics.median(a[name] for a in asked) * 1e6
    figures["queries_mib"] = asked[-1]["peak_mib"]
    first = []
    for _ in range(rounds):
        forget(ours.folder.iterdir())
        first.append(ask(0.99))
    return figures | {"cold_ms": statistics.median(f["first"] for f in first) * 1e3,
                      "memory_mib": first[-1]["first_mib"]}


def table(results):
    lines = ["| rows | " + " | ".join(f"{name} ({unit})" if unit else name for name, unit, _ in COLUMNS) + " |",
             "| ---: |" + " ---: |" * len(COLUMNS)]
    for result in results:
        cells = [f"{result[key]:.3f}" if not unit else f"{result[key]:.3g}" if result[key] < 100
                 else f"{result[key]:,.0f}" for _, unit, key in COLUMNS]
        lines.append(f"| {result['rows']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results, title, keys, left, top, width=330, height=220):
    """One plot with logarithmic axes, as SVG."""
    xs = [math.log10(r["rows"]) for r in results]
    ys = [math.log10(max(r[key], 1e-6)) for r in results for key in keys]
    low, high = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)

    def place(x, y):
        return (left + 50 + (x - xs[0]) / max(1e-9, xs[-1] - xs[0]) * (width - 80),
                top + height - 35 - (y - low) / (high - low) * (height - 75))

    parts = [f'<text x="{left + 10}" y="{top + 20}" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        y = place(xs[0], power)[1]
        parts.append(f'<path d="M{left + 50} {y:.1f}H{left + width - 30}" stroke="#ddd"/>')
        parts.append(f'<text x="{left + 44}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** power:g}</text>')
    for x in xs:
        parts.append(f'<text x="{place(x, low)[0]:.1f}" y="{top + height - 16}" text-anchor="middle">10'
                     f'<tspan dy="-5" font-size="9">{x:g}</tspan></text>')
    for key, color in zip(keys, ("#1f77b4", "#d62728")):
        points = [place(x, math.log10(max(r[key], 1e-6))) for x, r in zip(xs, results)]
        parts.append('<path fill="none" stroke-width="2" stroke="' + color + '" d="M'
                     + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + '"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
    return parts


def drawing(results):
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="680" height="460" font-family="sans-serif" font-size="12">',
             '<rect width="680" height="460" fill="white"/>']
    for index, (title, keys) in enumerate(PLOTS):
        parts += plot(results, title, keys, 340 * (index % 2), 230 * (index // 2))
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("--rows", default="1000,10000,100000,1000000")
    parser.add_argument("--work", type=Path, default=Path("/tmp/imgvec-index-bench"))
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    path = arguments.work / "growth.json"
    known = {r["rows"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    for rows in map(int, arguments.rows.split(",")):
        if rows not in known:
            known[rows] = measure(arguments.program, arguments.work, rows)
            path.write_text(json.dumps([known[n] for n in sorted(known)], indent=1))
    results = [known[rows] for rows in sorted(known)]
    print(table(results))
    if arguments.output:
        arguments.output.write_text(drawing(results))


if __name__ == "__main__":
    main()
