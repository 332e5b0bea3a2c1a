"""Random float16 tensors of any size without any package, as fast as the disk takes them; and safetensors files."""

import json
import math
import random
import struct
from array import array

PERIOD = 1_048_583  # Prime: no two rows of a matrix begin at the same number.


class RandomWeights:
    """Bytes of seeded float16 tensors: one block of normal numbers per scale, read round and round."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.normal = [self.random.gauss(0, 1) for _ in range(PERIOD)]
        self.blocks = {}

    def block(self, mean, deviation):
        if (mean, deviation) not in self.blocks:
            numbers = (mean + deviation * n for n in self.normal)
            self.blocks[mean, deviation] = memoryview(struct.pack(f"<{PERIOD}e", *numbers))
        return self.blocks[mean, deviation]

    def chunks(self, name, shape):
        """Norms about 1, small biases, matrices with deviation 1/sqrt(fan_in): activations stay of order 1."""
        if len(shape) == 1:
            block = self.block(1.0, 0.1) if name.endswith("weight") else self.block(0.0, 0.05)
        else:
            block = self.block(0.0, 1 / math.sqrt(math.prod(shape[1:])))
        start, left = 2 * self.random.randrange(PERIOD), 2 * math.prod(shape)
        while left:
            part = block[start:start + left]
            yield part
            left -= len(part)
            start = 0


def write_safetensors(file, tensors):
    """`tensors`: {name: (dtype, shape, iterable of bytes)}. Data in the order of the names, nothing held in memory."""
    sizes = {"F16": 2, "F32": 4, "I64": 8}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, _) in sorted(tensors.items()):
        begin, end = end, end + sizes[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, (_, _, chunks) in sorted(tensors.items()):
            for chunk in chunks:
                out.write(chunk)
        if out.tell() != 8 + len(text) + end:
            raise AssertionError(f"{file}: wrote {out.tell()} bytes, the header says {8 + len(text) + end}")


class StoredTensors:
    """The tensors of a file that write_safetensors wrote: {name: shape}, and their bytes."""

    def __init__(self, file):
        self.file = file
        with open(file, "rb") as source:
            length, = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length))
        self.base = 8 + length
        self.fields = {n: f for n, f in header.items() if n != "__metadata__"}

    def shape(self, name):
        return tuple(self.fields[name]["shape"])

    def chunks(self, name, size=1 << 24):
        begin, end = self.fields[name]["data_offsets"]
        with open(self.file, "rb") as source:
            source.seek(self.base + begin)
            for at in range(begin, end, size):
                yield source.read(min(size, end - at))

    def transposed(self, name):
        rows, columns = self.shape(name)
        numbers = array("H", b"".join(self.chunks(name)))
        for column in range(columns):
            yield numbers[column::columns].tobytes()
