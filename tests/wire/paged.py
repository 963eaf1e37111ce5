"""An engine's paged KV memory in POSIX shared memory, in every format a server must understand.

The model of truth of the LMCache-driven tests: which bytes of which block belong to a chunk
object, and how the engine's memory must look after a retrieve.
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
from dataclasses import dataclass
from math import prod

from .protocol import cpu_shm, descriptor, group_info

ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "uint8": 1, "float8_e4m3fn": 1}

# Axes of one layer's tensor, outermost first: K planes, B blocks, S slots, H heads, D head size.
FORMATS = {
    "kv_first_nhd": ("KBSHD", "NHD"),
    "kv_first_hnd": ("KBHSD", "HND"),
    "blocks_first_nhd": ("BKSHD", "NHD"),
    "blocks_first_hnd": ("BKHSD", "HND"),
    "packed_hnd": ("BHSD", "HND"),
    "packed_nhd": ("BSHD", "NHD"),
    "mla": ("BSD", "NHD"),
}

_segment_numbers = itertools.count()


class Segment:
    """A shared-memory file as engines make them: /lmcache_kv_<pid>_<n>, mode 0600."""

    def __init__(self, nbytes: int):
        self.name = f"/lmcache_kv_{os.getpid()}_{next(_segment_numbers)}"
        self.path = "/dev/shm" + self.name
        fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            os.ftruncate(fd, nbytes)
            self.memory = mmap.mmap(fd, nbytes)
        finally:
            os.close(fd)

    def close(self) -> None:
        self.memory.close()
        os.unlink(self.path)


@dataclass(frozen=True)
class Group:
    """Layers that share a format and a block-id address space."""

    layers: int
    form: str = "kv_first_hnd"
    dtype: str = "float16"
    heads: int = 2
    head_size: int = 3
    block_slots: int = 4
    blocks: int = 32
    tokens_per_block: int = 0   # 0: block_slots
    window: int = -1            # sliding window in tokens
    engine_group: int = 0
    pad: int = 0                # extra elements between entries of dimension 0

    @property
    def item(self) -> int:
        return ITEM_BYTES[self.dtype]

    @property
    def axes(self) -> str:
        return FORMATS[self.form][0]

    @property
    def planes(self) -> int:
        return 2 if "K" in self.axes else 1

    @property
    def tokens(self) -> int:
        return self.tokens_per_block or self.block_slots

    @property
    def shape(self) -> list[int]:
        sizes = {"K": 2, "B": self.blocks, "S": self.block_slots, "H": self.heads,
                 "D": self.head_size}
        return [sizes[a] for a in self.axes]

    @property
    def strides(self) -> list[int]:
        shape = self.shape
        stride = [prod(shape[i + 1:]) for i in range(len(shape))]
        stride[0] += self.pad
        return stride

    @property
    def tensor_bytes(self) -> int:
        return self.strides[0] * self.shape[0] * self.item

    def row(self, plane: int, block: int, slot: int, head: int) -> tuple[int, int]:
        """Byte range of one head vector inside the layer's tensor."""
        at = {"K": plane, "B": block, "S": slot, "H": head, "D": 0}
        first = sum(at[a] * s for a, s in zip(self.axes, self.strides)) * self.item
        return first, first + self.head_size * self.item

    def kept(self, index: int, chunk: int) -> bool:
        """Whether the index-th block of a range is transferred (sub-chunk windows cut blocks)."""
        if not 0 < self.window < chunk:
            return True
        per_chunk = chunk // self.tokens
        return index % per_chunk >= per_chunk - self.window // self.tokens


class Engine:
    """One worker's KV memory: groups of layers, one tensor per layer."""

    def __init__(self, groups: list[Group], chunk: int, *, shared_segment: bool = False):
        self.groups = groups
        self.chunk = chunk
        self.places: list[tuple[int, Segment, int]] = []  # per layer: group, segment, byte offset
        sizes = [(g, group.tensor_bytes) for g, group in enumerate(groups)
                 for _ in range(group.layers)]
        if shared_segment:
            self.segments = [Segment(64 + sum(size for _, size in sizes))]
            offset = 64  # the first tensor does not start at the beginning either
            for g, size in sizes:
                self.places.append((g, self.segments[0], offset))
                offset += size
        else:
            self.segments = [Segment(size) for _, size in sizes]
            self.places = [(g, s, 0) for (g, _), s in zip(sizes, self.segments)]

    def close(self) -> None:
        for segment in self.segments:
            segment.close()
        self.segments = []

    # What is told to the server

    @property
    def handles(self) -> list:
        result = []
        for g, segment, offset in self.places:
            group = self.groups[g]
            result.append(descriptor(cpu_shm(
                segment.name, len(segment.memory), group.dtype, group.shape, group.strides,
                offset // group.item)))
        return result

    @property
    def hints(self) -> dict:
        return {"kv_layout": FORMATS[self.groups[0].form][1]}

    @property
    def infos(self) -> list[dict]:
        infos, layer = [], 0
        for group in self.groups:
            infos.append(group_info(group.engine_group, range(layer, layer + group.layers),
                                    group.tokens_per_block, group.window))
            layer += group.layers
        return infos

    def blocks_for(self, chunks: int, first_block: int = 1, step: int = 1) -> list[list[int]]:
        """Block ids of a range, one list per group: first_block, first_block + step, ..."""
        return [[first_block + step * i for i in range(chunks * self.chunk // g.tokens)]
                for g in self.groups]

    # What the memory holds

    def fill(self, seed: int) -> None:
        """Bytes that differ for every rank (seed), layer and block."""
        source = random.Random(seed)
        for segment in self.segments:
            segment.memory[:] = source.randbytes(len(segment.memory))

    def image(self) -> list[bytearray]:
        return [bytearray(s.memory) for s in self.segments]

    def image_after(self, stored: list[bytearray], sources: list[list[int]],
                    targets: list[list[int]], skip: int = 0) -> list[bytearray]:
        """The memory expected when blocks stored from `stored` come back into `targets`."""
        result = self.image()
        number = {id(s): i for i, s in enumerate(self.segments)}
        for g, segment, offset in self.places:
            group, n = self.groups[g], number[id(segment)]
            for i, (source, target) in enumerate(zip(sources[g], targets[g])):
                if i < skip // group.tokens or not group.kept(i, self.chunk):
                    continue
                for plane, slot, head in itertools.product(
                        range(group.planes), range(group.block_slots), self._heads(group)):
                    a, b = group.row(plane, source, slot, head)
                    c, d = group.row(plane, target, slot, head)
                    result[n][offset + c:offset + d] = stored[n][offset + a:offset + b]
        return result

    def chunk_objects(self, blocks: list[list[int]]) -> list[bytes]:
        """The bytes of each chunk object: per group row-major [plane, layer, slot, head, dim]."""
        chunks = len(blocks[0]) * self.groups[0].tokens // self.chunk
        return [b"".join(self._region(g, ids, c) for g, ids in enumerate(blocks))
                for c in range(chunks)]

    def _region(self, g: int, ids: list[int], chunk_index: int) -> bytes:
        group = self.groups[g]
        per_chunk = self.chunk // group.tokens
        mine = ids[chunk_index * per_chunk:(chunk_index + 1) * per_chunk]
        out = bytearray()
        for plane in range(group.planes):
            for segment, offset in [(s, o) for n, s, o in self.places if n == g]:
                for i, block in enumerate(mine):
                    if not group.kept(i, self.chunk):
                        continue
                    for slot, head in itertools.product(range(group.block_slots),
                                                        self._heads(group)):
                        a, b = group.row(plane, block, slot, head)
                        out += segment.memory[offset + a:offset + b]
        return bytes(out)

    @staticmethod
    def _heads(group: Group) -> range:
        return range(group.heads if "H" in group.axes else 1)
