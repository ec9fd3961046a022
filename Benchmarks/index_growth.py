"""How the index grows: python3 index_growth.py INDEX_BENCH --work DIR [--rows 1000,10000,...] [--output FILE.svg]

Builds and asks our index for growing numbers of rows of the benchmark's vectors; prints a table and draws the same as an
SVG of four plots. Figures go to DIR/growth.json as they come in; a number of rows that is there already is not measured again.
"""
import argparse, json, math, statistics
from pathlib import Path

import numpy as np

from index import Ours, choose, forget
from index_data import DIMENSION, prepare

COLUMNS = [
    ("query at 0.95", "µs", "query_us_95"), ("query at 0.99", "µs", "query_us_99"), ("build", "CPU s", "build_s"),
    ("first query, cold", "ms", "cold_ms"), ("memory of it", "MiB", "memory_mib"), ("disk", "MiB", "disk_mib"),
]
PLOTS = [("Query, CPU µs (recall@10 0.95, 0.99)", ["query_us_95", "query_us_99"]), ("Build, CPU s", ["build_s"]),
         ("Memory after a cold first query, MiB", ["memory_mib"]), ("Disk, MiB", ["disk_mib"])]


def measure(program, work, rows, rounds=3):
    folder = work / str(rows)
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, rows)
    ours = Ours(program, folder)
    built = ours.build()
    truth = np.fromfile(folder / "truth.i64", "i8").reshape(-1, 10)
    best = choose(ours.query, ours.sweep, truth)
    times = {goal: statistics.median(ours.query(found["setting"])[0] for _ in range(rounds)) for goal, found in best.items()}
    first = []
    for _ in range(rounds):
        forget(ours.folder.iterdir())
        first.append(ours.run("query", ours.folder, folder / "queries.f32", DIMENSION, 0.99, folder / "found.i64"))
    return {
        "rows": rows, "query_us_95": times["0.95"] * 1e6, "query_us_99": times["0.99"] * 1e6, "build_s": built["cpu"],
        "recall_95": best["0.95"]["recall"], "recall_99": best["0.99"]["recall"],
        "cold_ms": statistics.median(f["first"] for f in first) * 1e3, "memory_mib": first[-1]["first_mib"],
        "disk_mib": built["bytes"] / 2**20, "disk_ratio": built["bytes"] / (rows * DIMENSION * 2),
    }


def table(results):
    lines = ["| rows | " + " | ".join(f"{name} ({unit})" for name, unit, _ in COLUMNS) + " |",
             "| ---: |" + " ---: |" * len(COLUMNS)]
    for result in results:
        cells = [f"{result[key]:.3g}" if result[key] < 100 else f"{result[key]:,.0f}" for _, _, key in COLUMNS]
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
