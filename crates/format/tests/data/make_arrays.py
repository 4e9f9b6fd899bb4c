"""Makes arrays.npz, arrays_compressed.npz and arrays.safetensors: the same arrays as NumPy stores them, and as fourfold
must read them. streamed.npz and streamed_compressed.npz have one of them each, written where NumPy could not go back.

    pip install numpy
    python make_arrays.py
"""

import json
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).parent
# What an integer type is read as where tensors do not have it.
WIDE = {"i2": "i4", "u2": "i4", "u4": "i8", "u8": "i8"}
NAMES = {"f4": "F32", "i1": "I8", "u1": "U8", "i4": "I32", "i8": "I64", "b1": "BOOL"}


def values(code, shape, seed):
    generator = np.random.default_rng(seed)
    if code == "f4":
        return generator.standard_normal(shape).astype(code)
    if code == "b1":
        return generator.integers(0, 2, shape).astype(code)
    limits = np.iinfo(code)
    high = min(limits.max, np.iinfo("i8").max)
    array = np.asarray(generator.integers(limits.min, high, shape, endpoint=True, dtype=code))
    if array.size > 1:
        array.flat[0], array.flat[1] = limits.min, high
    return array


def arrays():
    for index, code in enumerate(["f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "b1"]):
        yield f"{code}/rows", values(code, (7, 3, 2), index)
        yield f"{code}/big", values(code, (4, 3), index + 100).astype(f">{code}")
        yield f"{code}/fortran", np.asfortranarray(values(code, (5, 2, 3), index + 200))
    yield "big_fortran", np.asfortranarray(values("i2", (3, 4), 300).astype(">i2"))
    yield "scalar", values("f4", (), 301)
    yield "none", values("u2", (0, 3), 302)
    yield "ünïcode", values("i1", (2,), 303)
    yield "long", values("u2", (3000, 4), 304)


def save_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype.str[1:]],
            "shape": array.shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def wanted(array):
    code = array.dtype.str[1:]
    return np.ascontiguousarray(array).reshape(array.shape).astype(f"<{WIDE.get(code, code)}")


stored = dict(arrays())
np.savez(HERE / "arrays.npz", **stored)
np.savez_compressed(HERE / "arrays_compressed.npz", **stored)
ordered = sorted(stored, key=lambda name: -wanted(stored[name]).dtype.itemsize)
save_safetensors(HERE / "arrays.safetensors", {name: wanted(stored[name]) for name in ordered})


class Stream:
    """A file without seek, as a pipe is one."""

    def __init__(self, path):
        self.path, self.parts = path, []

    def write(self, part):
        self.parts.append(bytes(part))
        return len(part)

    def read(self, count):
        raise OSError

    def flush(self):
        self.path.write_bytes(b"".join(self.parts))


for save, name in [(np.savez, "streamed.npz"), (np.savez_compressed, "streamed_compressed.npz")]:
    stream = Stream(HERE / name)
    save(stream, **{"f4/rows": stored["f4/rows"]})
    stream.flush()
