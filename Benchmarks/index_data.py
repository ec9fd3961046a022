"""The vectors of the index benchmark, and the truth about them.

Synthetic, 512-d, shaped as an image model's: clusters of unequal weight on a shared cone, low intrinsic dimension, 2 %
near-duplicates. Files are raw little-endian arrays, row after row.
"""
import numpy as np

DIMENSION, INTRINSIC, CLUSTERS, QUERIES, MORE = 512, 60, 2000, 500, 1000
CHUNK = 50_000


def shape(seed=20261123):
    """Returns a function that makes vectors, and its source of random numbers."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.standard_normal((DIMENSION, INTRINSIC)))[0].T.astype("f4")
    spectrum = np.arange(1, INTRINSIC + 1) ** -0.35
    spectrum = (spectrum / np.linalg.norm(spectrum)).astype("f4")
    mean = random.standard_normal(DIMENSION).astype("f4")
    mean /= np.linalg.norm(mean)
    centres = random.standard_normal((CLUSTERS, INTRINSIC)).astype("f4") * spectrum
    weights = random.lognormal(0, 1, CLUSTERS)
    weights /= weights.sum()

    def make(count):
        cluster = random.choice(CLUSTERS, count, p=weights)
        inner = 0.75 * centres[cluster] + 0.66 * random.standard_normal((count, INTRINSIC), "f4") * spectrum
        noise = np.float32(0.22 / np.sqrt(DIMENSION)) * random.standard_normal((count, DIMENSION), "f4")
        x = mean + inner @ basis + noise
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4")

    return make, random


def prepare(work, rows):
    """Makes base.f32, queries.f32, more.f32 and truth.i64 in a folder, once."""
    if (work / "truth.i64").exists():
        return
    make, random = shape()
    x = np.memmap(work / "base.f32", "f4", "w+", shape=(rows, DIMENSION))
    for i in range(0, rows, CHUNK):
        x[i:i + CHUNK] = make(min(CHUNK, rows - i))
    count = rows // 50
    source, target = random.choice(rows // 2, count), rows // 2 + random.choice(rows - rows // 2, count, replace=False)
    for a, b in zip(source, target):
        y = x[a] + 0.2 / np.sqrt(DIMENSION) * random.standard_normal(DIMENSION).astype("f4")
        x[b] = y / np.linalg.norm(y)
    x.flush()
    make(QUERIES).tofile(work / "queries.f32")
    make(MORE).tofile(work / "more.f32")
    brute_force(x, vectors(work / "queries.f32")).tofile(work / "truth.i64")


def vectors(path):
    """The vectors of a file, read as they are needed."""
    return np.memmap(path, "f4", "r").reshape(-1, DIMENSION)


def brute_force(x, queries, k=10):
    """The k rows of x with the largest product with each query, best first."""
    queries = np.asarray(queries)
    best = np.full((len(queries), k), -2, "f4"), np.zeros((len(queries), k), "i8")
    for i in range(0, len(x), CHUNK):
        products = queries @ np.asarray(x[i:i + CHUNK]).T
        top = np.argpartition(-products, min(k, products.shape[1] - 1), 1)[:, :k]
        values, ids = np.hstack([best[0], np.take_along_axis(products, top, 1)]), np.hstack([best[1], top + i])
        order = np.argsort(-values, 1)[:, :k]
        best = np.take_along_axis(values, order, 1), np.take_along_axis(ids, order, 1)
    return best[1]


def recall(found, truth):
    """The share of the true neighbours that were found."""
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), truth.tolist())]))
