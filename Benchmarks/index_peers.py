"""The libraries that the vector index is measured against. Each is built once and kept in a file beside the vectors."""
import time

import numpy as np

from index_data import CHUNK, DIMENSION, vectors


class Peer:
    """A library's index: `make` builds and saves it, `load` returns a function that answers one query with ten rows.

    `files` are what has to be read before the first answer; `sweep` are the settings to try, cheapest first.
    """

    def __init__(self, name, sweep, make, load, reads_vectors=False):
        self.name, self.sweep, self.make, self.load, self.reads_vectors = name, sweep, make, load, reads_vectors
        self.slug = "".join(c if c.isalnum() else "-" for c in name)

    def files(self, work):
        return [work / "peers" / self.slug] + ([work / "base.f32"] if self.reads_vectors else [])

    def build(self, work, threads):
        """Builds and saves the index; CPU and wall seconds of building alone."""
        path = work / "peers" / self.slug
        start, cpu = time.perf_counter(), time.process_time()
        save = self.make(vectors(work / "base.f32"), threads)
        built = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu, "threads": threads}
        save(str(path))
        built["bytes"] = path.stat().st_size
        return built

    def open(self, work):
        return self.load(str(work / "peers" / self.slug), work)


def time_queries(search, queries, parameter):
    """CPU seconds per query, one query a call, and what was found.

    All are asked once before, untimed, as our index does it too: what a query reads is mapped and near by then.
    """
    found = np.zeros((len(queries), 10), "i8")
    for _ in range(2):
        start = time.process_time()
        for i in range(len(queries)):
            found[i] = search(queries[i:i + 1], parameter)
        seconds = (time.process_time() - start) / len(queries)
    return seconds, found


def ten(found):
    found = np.asarray(found, "i8")[:10]
    return np.pad(found, (0, 10 - len(found)), constant_values=-1)


def hnswlib_peer(widths):
    import hnswlib

    def make(x, threads):
        index = hnswlib.Index("ip", DIMENSION)
        index.init_index(len(x), ef_construction=128, M=16)
        for i in range(0, len(x), CHUNK):
            index.add_items(np.asarray(x[i:i + CHUNK]), np.arange(i, min(i + CHUNK, len(x))), num_threads=threads)
        return index.save_index

    def load(path, work):
        index = hnswlib.Index("ip", DIMENSION)
        index.load_index(path)
        index.set_num_threads(1)

        def search(q, ef):
            index.set_ef(ef)
            return index.knn_query(q, 10, num_threads=1)[0][0]
        return search
    return Peer("hnswlib", widths, make, load)


def usearch_peer(widths):
    from usearch.index import Index

    def empty():
        return Index(ndim=DIMENSION, metric="ip", dtype="f16", connectivity=16, expansion_add=128)

    def make(x, threads):
        index = empty()
        for i in range(0, len(x), CHUNK):
            index.add(np.arange(i, min(i + CHUNK, len(x))), np.asarray(x[i:i + CHUNK]), threads=threads)
        return index.save

    def load(path, work):
        index = empty()
        index.load(path)

        def search(q, ef):
            index.expansion_search = ef
            return ten(index.search(q[0], 10, threads=1).keys)
        return search
    return Peer("usearch f16", widths, make, load)


def faiss_peer(name, factory, metric, sweep, refines):
    import faiss

    def make(x, threads):
        faiss.omp_set_num_threads(threads)
        index = faiss.index_factory(DIMENSION, factory, metric)
        sample = np.sort(np.random.default_rng(1).choice(len(x), min(len(x), 200_000), replace=False))
        index.train(np.ascontiguousarray(x[sample]))
        for i in range(0, len(x), CHUNK):
            index.add(np.asarray(x[i:i + CHUNK]))
        return lambda path: faiss.write_index(index, path)

    def load(path, work):
        index = faiss.read_index(path)
        faiss.omp_set_num_threads(1)
        lists = faiss.extract_index_ivf(index) if "IVF" in factory else None

        def search(q, parameter):
            if "HNSW" in factory:
                index.hnsw.efSearch = parameter
            else:
                probes, factor = parameter
                if lists is not None:
                    lists.nprobe = probes
                if refines:
                    index.k_factor = factor
            return index.search(q, 10)[1][0]
        return search
    return Peer(name, sweep, make, load)


def binary_peer():
    """512 sign bits around the mean, scanned by faiss; the best candidates are scored exactly."""
    import faiss
    rotation = np.linalg.qr(np.random.default_rng(3).standard_normal((DIMENSION, DIMENSION)))[0].astype("f4")

    def mean(x):
        return np.asarray(x[:CHUNK]).mean(0)

    def make(x, threads):
        faiss.omp_set_num_threads(threads)
        index, centre = faiss.IndexBinaryFlat(DIMENSION), mean(x)
        for i in range(0, len(x), CHUNK):
            index.add(np.packbits((x[i:i + CHUNK] - centre) @ rotation > 0, axis=1))
        return lambda path: faiss.write_index_binary(index, path)

    def load(path, work):
        index, x = faiss.read_index_binary(path), vectors(work / "base.f32")
        centre = mean(x)
        faiss.omp_set_num_threads(1)

        def search(q, candidates):
            rows = index.search(np.packbits((q - centre) @ rotation > 0, axis=1), candidates)[1][0]
            return rows[np.argsort(-(x[rows] @ q[0]))[:10]]
        return search
    return Peer("faiss BinaryFlat512 + rerank", (50, 100, 200, 400, 800, 1600), make, load, reads_vectors=True)


def annoy_peer():
    from annoy import AnnoyIndex

    def make(x, threads):
        index = AnnoyIndex(DIMENSION, "angular")
        for i, v in enumerate(x):
            index.add_item(i, v)
        index.build(100, n_jobs=threads)
        return index.save

    def load(path, work):
        index = AnnoyIndex(DIMENSION, "angular")
        index.load(path)
        return lambda q, nodes: ten(index.get_nns_by_vector(q[0], 10, search_k=nodes))
    return Peer("annoy 100 trees", (5_000, 20_000, 50_000, 100_000, 200_000), make, load)


def peers(rows):
    """All peers with the parameters of their indexes for so many rows."""
    import faiss
    lists = 1024 if rows <= 200_000 else 4096
    product, distance = faiss.METRIC_INNER_PRODUCT, faiss.METRIC_L2
    widths = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
    grid = [(p, k) for p in (8, 16, 32, 64, 128, 256) for k in (2, 5, 10, 20, 40)]
    factors = [(0, r / 10) for r in (50, 100, 200, 400, 800, 1600, 3200)]
    return [
        hnswlib_peer(widths),
        faiss_peer("faiss HNSW16", "HNSW16,Flat", product, widths, False),
        usearch_peer(widths),
        faiss_peer("faiss IVF PQ128x4fs + refine", f"IVF{lists},PQ128x4fs,RFlat", product, grid, True),
        faiss_peer("faiss IVF RaBitQfs + refine", f"RR512,IVF{lists},RaBitQfs,RFlat", distance, grid, True),
        faiss_peer("faiss LSH512 + refine", "LSH512,RFlat", distance, factors, True),
        binary_peer(),
        annoy_peer(),
    ]
