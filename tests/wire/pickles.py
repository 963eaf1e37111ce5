"""The pickles of tensors that workers without shared memory exchange with the server.

Written opcode by opcode (no torch needed) and read with an unpickler that knows only the few
names such a pickle may contain.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from math import prod

STORAGES = {"float16": "HalfStorage", "bfloat16": "BFloat16Storage", "float32": "FloatStorage",
            "uint8": "ByteStorage", "int32": "IntStorage", "int64": "LongStorage"}
ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "uint8": 1, "int32": 4, "int64": 8}


@dataclass
class Tensor:
    shape: tuple[int, ...]
    dtype: str
    data: bytes
    offset: int = 0


# Writing

def _string(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


def _name(module: str, name: str) -> bytes:
    return _string(module) + _string(name) + b"\x93"


def _int(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def _tuple(values) -> bytes:
    return b"(" + b"".join(_int(v) for v in values) + b"t"


def storage_file(dtype: str, data: bytes, count: int | None = None, key: str = "0") -> bytes:
    """A legacy tensor file: magic, version, system info, storage, key list, count, raw data."""
    count = len(data) // ITEM_BYTES[dtype] if count is None else count
    text = lambda t: b"X" + struct.pack("<I", len(t)) + t.encode()  # noqa: E731
    info = (b"\x80\x02}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian")
            + b"\x88" + text("type_sizes") + b"}(" + text("short") + b"K\x02" + text("int")
            + b"K\x04" + text("long") + b"K\x04uu.")
    storage = (b"\x80\x02(" + text("storage") + b"ctorch\n" + STORAGES[dtype].encode() + b"\n"
               + text(key) + text("cpu") + b"\x8a\x08" + struct.pack("<q", count) + b"NtQ.")
    return (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + info
            + storage + b"\x80\x02]" + text(key) + b"a." + struct.pack("<q", count) + data)


def tensor_opcodes(tensor: Tensor, *, stride=None, file: bytes | None = None,
                   rebuild: tuple[str, str] = ("torch._utils", "_rebuild_tensor_v2")) -> bytes:
    if stride is None:
        stride = [prod(tensor.shape[i + 1:]) for i in range(len(tensor.shape))]
    file = storage_file(tensor.dtype, tensor.data) if file is None else file
    return (_name(*rebuild) + b"(" + _name("torch.storage", "_load_from_bytes")
            + b"B" + struct.pack("<I", len(file)) + file + b"\x85R" + _int(tensor.offset)
            + _tuple(tensor.shape) + _tuple(stride) + b"\x89"
            + _name("collections", "OrderedDict") + b")R" + b"tR")


def dump(tensors: list[Tensor]) -> bytes:
    body = b"".join(tensor_opcodes(t) + b"a" for t in tensors)
    return b"\x80\x04]" + body + b"."


# Reading

class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        known = {("torch._utils", "_rebuild_tensor_v2"): _rebuild,
                 ("torch._utils", "_rebuild_tensor_v3"): _rebuild,
                 ("torch.storage", "_load_from_bytes"): _load,
                 ("collections", "OrderedDict"): OrderedDict}
        if (module, name) in known:
            return known[module, name]
        if module in ("torch", "torch.storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place here")

    def persistent_load(self, pid):
        return pid


def _load(data: bytes) -> tuple[str, bytes]:
    file = io.BytesIO(data)
    magic, version, info, storage, _keys = (_Reader(file).load() for _ in range(5))
    assert magic == 0x1950A86A20F9469CFC6C and version == 1001 and info["little_endian"]
    (count,) = struct.unpack("<q", file.read(8))
    assert storage[4] == count, (storage, count)
    return storage[1], file.read()


def _rebuild(storage, offset, shape, stride, grad, hooks, dtype=None):
    name, data = storage
    dtype = dtype or next(d for d, s in STORAGES.items() if s == name)
    tight = tuple(prod(shape[i + 1:]) for i in range(len(shape)))
    assert tuple(stride) == tight and not grad, (shape, stride)
    item = ITEM_BYTES.get(dtype, 1)
    return Tensor(tuple(shape), dtype, data[offset * item:(offset + prod(shape)) * item])


def load(data: bytes) -> list[Tensor]:
    return _Reader(io.BytesIO(data)).load()
