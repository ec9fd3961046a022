"""The ten rows nearest to a stored one, from the files of Docs/IndexFormat.md: python3 read_vectors.py FOLDER ID"""
import math, operator, os, struct, sys

TABLE = list(range(256))
for _ in range(8):
    TABLE = [i >> 1 ^ (0x82F63B78 if i & 1 else 0) for i in TABLE]


def crc(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = c >> 8 ^ TABLE[(c ^ byte) & 255]
    return c ^ 0xFFFFFFFF


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def check(what, holds):
    if not holds:
        sys.exit(f"{what} is damaged")


def rows(folder):
    """Yields (id, vector) of every live row."""
    manifest = read(folder, "manifest")
    magic, version, size, d, width = struct.unpack_from("<8s4I", manifest)
    check("manifest", magic == b"imgvman\x1a" and version == 1 and size == 128)
    check("manifest", crc(manifest[:-4]) == struct.unpack("<I", manifest[-4:])[0])
    for entry in range(struct.unpack_from("<I", manifest, 56)[0]):
        number, n, deletions, deleted, header, bitmap = struct.unpack_from("<4Q2I", manifest, 128 + 48 * entry)
        name = f"{number:010}.seg"
        data = read(folder, name)
        check(name, data[:8] == b"imgvseg\x1a" and struct.unpack_from("<I", data, 8)[0] in (1, 2, 3))
        check(name, crc(data[:252]) == header == struct.unpack_from("<I", data, 252)[0])
        ids, vectors, sums, end, block, sums_crc = struct.unpack_from("<4Q2I", data, 152)
        check(name, len(data) == end and crc(data[sums:]) == sums_crc)
        for i, start in enumerate(range(256, sums, block)):
            check(name, crc(data[start:min(start + block, sums)]) == struct.unpack_from("<I", data, sums + 4 * i)[0])
        gone = 0
        if deletions:
            name = f"{deletions:010}.del"
            bits = read(folder, name)
            check(name, crc(bits[:-4]) == bitmap == struct.unpack("<I", bits[-4:])[0])
            gone = int.from_bytes(bits[64:-4], "little")
        for row in range(n):
            if not gone >> row & 1:
                vector = struct.unpack_from(f"<{d}{'e' if width == 2 else 'f'}", data, vectors + row * d * width)
                yield struct.unpack_from("<Q", data, ids + 8 * row)[0], vector


if __name__ == "__main__":
    store = dict(rows(sys.argv[1]))
    query = store[int(sys.argv[2])]
    cosines = {i: sum(map(operator.mul, query, v)) / math.hypot(*query) / math.hypot(*v) for i, v in store.items()}
    for i in sorted(cosines, key=lambda i: (-cosines[i], i))[:10]:
        print(i, f"{cosines[i]:.4f}")
