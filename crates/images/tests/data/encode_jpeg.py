"""A small encoder of baseline JPEG for what Pillow does not write: any subsampling, one scan for each component,
component names.
"""

import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda at: (at // 8 + at % 8, (at // 8 if (at // 8 + at % 8) % 2 else at % 8)))
COSINES = np.array(
    [[np.sqrt((2 if k else 1) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)]
)


def table(symbols):
    """A Huffman table in which all codes have one length: the codes, and the table as it is written."""
    length = len(symbols).bit_length()
    counts = [0] * 16
    counts[length - 1] = len(symbols)
    return {symbol: (index, length) for index, symbol in enumerate(symbols)}, bytes(counts) + bytes(symbols)


DC, DC_TABLE = table(list(range(12)))
AC, AC_TABLE = table(sorted({0, 0xF0} | {run << 4 | size for run in range(16) for size in range(1, 11)}))


class Bits:
    def __init__(self):
        self.bits = []

    def put(self, value, length):
        self.bits += [value >> index & 1 for index in reversed(range(length))]

    def number(self, value, length):
        self.put(value if value >= 0 else value + (1 << length) - 1, length)

    def bytes(self):
        self.bits += [1] * (-len(self.bits) % 8)
        return np.packbits(self.bits).tobytes().replace(b"\xff", b"\xff\0")


def encode(planes, sampling, height, width, names=None, jfif=True, adobe=None, interleaved=True, step=4):
    """A file of one plane for each component; `sampling` says how many columns and rows of blocks of it a unit has."""
    names = names or list(range(1, len(planes) + 1))
    across, down = (max(factors) for factors in zip(*sampling))
    units = (-(-height // (8 * down)), -(-width // (8 * across)))
    padded = []
    for plane, (columns, rows) in zip(planes, sampling):
        sizes = (-(-height * rows // down), -(-width * columns // across))
        assert plane.shape == sizes, (plane.shape, sizes)
        missing = [(0, unit * factor * 8 - size) for unit, factor, size in zip(units, (rows, columns), sizes)]
        padded.append((np.pad(plane.astype(float), missing, mode="edge") - 128, sizes))

    def blocks(indices):
        if len(indices) == 1:
            (index,) = indices
            rows, columns = (-(-size // 8) for size in padded[index][1])
            yield from ((index, row, column) for row in range(rows) for column in range(columns))
            return
        for row in range(units[0]):
            for column in range(units[1]):
                for index in indices:
                    columns, rows = sampling[index]
                    for y in range(rows):
                        yield from ((index, row * rows + y, column * columns + x) for x in range(columns))

    def scan(indices):
        bits, last = Bits(), [0] * len(planes)
        for index, row, column in blocks(indices):
            block = padded[index][0][row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
            numbers = np.rint(COSINES @ block @ COSINES.T / step).astype(int).reshape(-1)[ZIGZAG].tolist()
            change, last[index] = numbers[0] - last[index], numbers[0]
            bits.put(*DC[abs(change).bit_length()])
            bits.number(change, abs(change).bit_length())
            zeros = 0
            for at in range(1, 1 + max([at for at in range(1, 64) if numbers[at]], default=0)):
                if numbers[at] == 0:
                    zeros += 1
                    continue
                for _ in range(zeros // 16):
                    bits.put(*AC[0xF0])
                size = abs(numbers[at]).bit_length()
                bits.put(*AC[zeros % 16 << 4 | size])
                bits.number(numbers[at], size)
                zeros = 0
            if not numbers[63]:
                bits.put(*AC[0])
        named = b"".join(bytes([names[index], 0]) for index in indices)
        return struct.pack(">HHB", 0xFFDA, 6 + len(named), len(indices)) + named + b"\0\x3f\0" + bits.bytes()

    frame = b"".join(bytes([name, factors[0] << 4 | factors[1], 0]) for name, factors in zip(names, sampling))
    parts = [b"\xff\xd8"]
    if jfif:
        parts.append(b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0")
    if adobe is not None:
        parts.append(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([adobe]))
    parts.append(struct.pack(">HHB", 0xFFDB, 67, 0) + bytes([step] * 64))
    parts.append(struct.pack(">HHBHHB", 0xFFC0, 8 + len(frame), 8, height, width, len(planes)) + frame)
    parts.append(struct.pack(">HHB", 0xFFC4, 3 + len(DC_TABLE), 0) + DC_TABLE)
    parts.append(struct.pack(">HHB", 0xFFC4, 3 + len(AC_TABLE), 0x10) + AC_TABLE)
    everything = list(range(len(planes)))
    parts += [scan(everything)] if interleaved else [scan([index]) for index in everything]
    return b"".join(parts) + b"\xff\xd9"
