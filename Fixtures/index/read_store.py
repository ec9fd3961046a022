"""Reads a vector store as Docs/IndexFormat.md describes it, independently of the Swift code; checks everything on the way.

    python read_store.py FOLDER        prints id and first components of every live row
"""
import math, os, struct, sys

TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = c >> 8 ^ TABLE[(c ^ byte) & 255]
    return c ^ 0xFFFFFFFF


def up(offset):
    return -(-offset // 64) * 64


def rotate(x, seed):
    n, state, signs = len(x), seed, []
    for _ in range(4 * n // 64):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        signs.append(z ^ z >> 31)
    p = 1 << n.bit_length() - 1
    for r in range(4):
        x = [-v if signs[r * n // 64 + i // 64] >> i % 64 & 1 else v for i, v in enumerate(x)]
        start, h = (0 if r % 2 == 0 else n - p), 1
        part = x[start:start + p]
        while h < p:
            part = [part[i] + part[i + h] if i & h == 0 else part[i - h] - part[i] for i in range(p)]
            h *= 2
        x[start:start + p] = [v / math.sqrt(p) for v in part]
        if p < n:
            a, b = x[:n // 2], x[n // 2:]
            x = [(u + v) / math.sqrt(2) for u, v in zip(a, b)] + [(u - v) / math.sqrt(2) for u, v in zip(a, b)]
    return x


def read_segment(data, check_codes=True):
    """Returns (number of rows, ids, vectors)."""
    magic, version, size, d, bits, width, factors, n, seed, first, last = struct.unpack_from("<8s6I4Q", data)
    assert (magic, size, factors) == (b"imgvseg\x1a", 256, 4) and version in (1, 2, 3) and bits == up(d)
    assert crc(data[:252]) == struct.unpack_from("<I", data, 252)[0]
    centre, fac, codes, ids, vectors, sums, end, block, sums_crc = struct.unpack_from("<7Q2I", data, 128)
    stride = up(4 * n)
    k, means, spreads, starts, order, means_codes, means_fac = struct.unpack_from("<7Q", data, 192)
    assert centre == 256 and codes == fac + 4 * stride and (k > 0) == (version > 1)
    assert version > 2 or means_codes == means_fac == 0
    c = struct.unpack_from(f"<{bits}f", data, centre)

    def check_code(o, at, codes, fac, stride):
        s, r2 = sum(map(abs, o)), sum(v * v for v in o)
        word = struct.unpack_from(f"<{bits // 64}Q", data, codes + at * bits // 8)
        assert all(abs(v) < 1e-5 or (v >= 0) == bool(word[j // 64] >> j % 64 & 1) for j, v in enumerate(o))
        stored = [struct.unpack_from("<f", data, fac + f * stride + 4 * at)[0] for f in range(3)]
        error = math.sqrt(max(0, r2 * bits / s**2 - 1) / (bits - 1) * r2) if r2 > 1e-9 else 0
        for a, b in zip(stored, [r2 / s if r2 > 1e-9 else 0, sum(u * v for u, v in zip(o, c)), error]):
            assert abs(a - b) < 1e-4, (at, stored)

    place = list(range(n))
    if k:
        end_of_means = up(means + 2 * bits * k)
        if version > 2:
            assert means_codes == end_of_means and means_fac == up(means_codes + k * bits // 8)
            end_of_means = means_fac + 3 * up(4 * k)
            for b in range(k):
                mean = struct.unpack_from(f"<{bits}e", data, means + b * 2 * bits)
                check_code([u - v for u, v in zip(mean, c)], b, means_codes, means_fac, up(4 * k))
        assert means == up(centre + 4 * bits) and spreads == end_of_means and starts == up(spreads + 4 * k)
        assert fac == up(starts + 4 * (k + 1)) and order == up(codes + n * bits // 8) and ids == up(order + 4 * n)
        edges, place = struct.unpack_from(f"<{k + 1}I", data, starts), struct.unpack_from(f"<{n}I", data, order)
        assert edges[0] == 0 and edges[-1] == n and all(a <= b for a, b in zip(edges, edges[1:]))
        assert sorted(place) == list(range(n))
    else:
        assert fac == up(centre + 4 * bits) and ids == up(codes + n * bits // 8)
    position = {row: i for i, row in enumerate(place)}
    assert vectors == up(ids + 8 * n) and sums == up(vectors + n * d * width)
    blocks = [data[i:min(i + block, sums)] for i in range(256, sums, block)]
    assert end == len(data) == sums + 4 * len(blocks) and crc(data[sums:]) == sums_crc
    assert [crc(b) for b in blocks] == list(struct.unpack_from(f"<{len(blocks)}I", data, sums))
    rows_ids = struct.unpack_from(f"<{n}Q", data, ids)
    assert rows_ids[0] == first and rows_ids[-1] == last and all(a < b for a, b in zip(rows_ids, rows_ids[1:]))
    rows = [struct.unpack_from(f"<{d}{'e' if width == 2 else 'f'}", data, vectors + i * d * width) for i in range(n)]
    for i, x in enumerate(rows if check_codes else []):
        norm = math.sqrt(sum(v * v for v in x))
        o = [a - b for a, b in zip(rotate([v / norm for v in x] + [0.0] * (bits - d), seed), c)]
        check_code(o, position[i], codes, fac, stride)
        assert abs(struct.unpack_from("<f", data, fac + 3 * stride + 4 * i)[0] - 1 / norm) < 1e-4
    return n, rows_ids, rows


def read_store(folder):
    """Returns {id: vector} of the live rows."""
    data = open(os.path.join(folder, "manifest"), "rb").read()
    magic, version, size, d, width, seed, next_file, generation, highest, count = struct.unpack_from("<8s4I4QI", data)
    assert (magic, version, size) == (b"imgvman\x1a", 1, 128) and len(data) == 128 + 48 * count + 4
    assert crc(data[:-4]) == struct.unpack("<I", data[-4:])[0]
    live = {}
    for e in range(count):
        number, n, deletions, deleted, header_crc, deletions_crc = struct.unpack_from("<4Q2I", data, 128 + 48 * e)
        segment = open(os.path.join(folder, f"{number:010}.seg"), "rb").read()
        assert segment[252:256] == struct.pack("<I", header_crc) and segment[64:128] == data[64:128]
        rows, ids, vectors = read_segment(segment)
        gone = 0
        if deletions:
            bits = open(os.path.join(folder, f"{deletions:010}.del"), "rb").read()
            assert struct.unpack_from("<8s2I3Q", bits) == (b"imgvdel\x1a", 1, 64, number, n, deleted)
            assert len(bits) == 64 + -(-n // 64) * 8 + 4 and crc(bits[:-4]) == deletions_crc
            assert bits[-4:] == struct.pack("<I", deletions_crc)
            gone = int.from_bytes(bits[64:-4], "little")
        assert rows == n and gone.bit_count() == deleted and gone < 1 << n
        live |= {i: v for row, (i, v) in enumerate(zip(ids, vectors)) if not gone >> row & 1}
    assert all(i <= highest for i in live)
    return live


if __name__ == "__main__":
    for i, vector in sorted(read_store(sys.argv[1]).items()):
        print(i, *(f"{v:.4f}" for v in vector[:4]))
