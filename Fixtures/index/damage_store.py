"""Makes damaged/<name>/: the files of v1/ that are to be replaced (or, named *.missing, removed) to make one thing wrong.

    python damage_store.py
"""
import os, shutil, struct
from read_store import crc

here = os.path.dirname(os.path.abspath(__file__))
good = {name: open(os.path.join(here, "v1", name), "rb").read() for name in os.listdir(os.path.join(here, "v1"))}
A, B, D, M = "0000000001.seg", "0000000002.seg", "0000000003.del", "manifest"


def put(data, offset, fmt, *values):
    return data[:offset] + struct.pack(fmt, *values) + data[offset + struct.calcsize(fmt):]


def sealed(data):
    """A manifest or list of deletions with its checksum made right."""
    return data[:-4] + struct.pack("<I", crc(data[:-4]))


def header(data):
    """A segment with its header's checksum made right."""
    return put(data, 252, "<I", crc(data[:252]))


def body(data):
    """A segment with all its checksums made right."""
    sums, block = struct.unpack_from("<Q", data, 168)[0], 65536
    values = [crc(data[i:min(i + block, sums)]) for i in range(256, sums, block)]
    data = data[:sums] + struct.pack(f"<{len(values)}I", *values)
    return header(put(data, 188, "<I", crc(data[sums:])))


def listed(files):
    """The files with a manifest that names their present checksums."""
    manifest = files[M]
    for entry in range(2):
        name = f"{struct.unpack_from('<Q', manifest, 128 + 48 * entry)[0]:010}.seg"
        manifest = put(manifest, 128 + 48 * entry + 32, "<I", struct.unpack_from("<I", files[name], 252)[0])
    manifest = put(manifest, 128 + 36, "<I", struct.unpack("<I", files[D][-4:])[0])
    return files | {M: sealed(manifest)}


assert listed(good) == good and body(good[A]) == good[A]
ids, vectors, factors = (struct.unpack_from("<Q", good[A], o)[0] for o in (152, 160, 136))
second = struct.unpack_from("<Q", good[B], 152)[0]
cases = {
    "manifest-magic": {M: b"x" + good[M][1:]},
    "manifest-newer": {M: sealed(put(good[M], 8, "<I", 2))},
    "manifest-checksum": {M: put(good[M], 40, "<Q", 99)},
    "manifest-short": {M: good[M][:100]},
    "manifest-values": {M: sealed(put(good[M], 136, "<Q", 2**40))},
    "manifest-missing": {M: None},
    "segment-missing": {B: None},
    "segment-magic": {A: b"x" + good[A][1:]},
    "segment-newer": {A: put(good[A], 8, "<I", 7)},
    "segment-header": {A: put(good[A], 48, "<Q", 0)},
    "segment-rows": {A: header(put(good[A], 32, "<Q", 24))},
    "segment-huge": {A: header(put(good[A], 32, "<Q", 2**63 + 25))},
    "segment-short": {A: good[A][:-1]},
    "segment-long": {A: good[A] + b"\0"},
    "segment-swapped": {A: good[B]},
    "segment-space": {A: header(put(good[A], 64, "<8s", b"deadbeef"))},
    "deletions-missing": {D: None},
    "deletions-checksum": {D: put(good[D], 64, "<B", 1)},
    "deletions-newer": {D: sealed(put(good[D], 8, "<I", 2))},
    "deletions-other": {D: sealed(put(good[D], 16, "<Q", 2))},
    "deletions-rows": {D: sealed(put(good[D], 71, "<B", 128))},
    "body-flip": {A: put(good[A], vectors + 77, "<B", good[A][vectors + 77] ^ 1)},
    "body-checksums": {A: good[A][:-1] + bytes([good[A][-1] ^ 1])},
    "body-ids": {A: body(put(good[A], ids + 8 * 6, "<2Q", 9, 7))},
    "body-length": {A: body(put(good[A], vectors + 200 * 4, "<100e", *[0.2] * 100))},
    "body-nan": {A: body(put(good[A], vectors + 200 * 4, "<e", float("nan")))},
    "body-factors": {A: body(put(good[A], factors + 3 * 128 + 4 * 4, "<f", 0.5))},
    "body-first-id": {A: body(put(good[A], 48, "<Q", 0))},
    "body-shared-id": {A: body(put(put(good[A], ids + 8 * 24, "<Q", 26), 56, "<Q", 26))},
}
for name, changes in cases.items():
    if name.startswith("body-"):
        changes |= {M: listed(good | changes)[M]}
    folder = os.path.join(here, "damaged", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for file, data in changes.items():
        if data is None:
            open(os.path.join(folder, file + ".missing"), "wb").close()
        else:
            open(os.path.join(folder, file), "wb").write(data)
