"""Words of the wire protocol: operation names and ids, record encodings, replies.

Everything here is plain data (docs: the transport's frames, msgpack records of the operations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

OPERATION_IDS = {
    "register_kv_cache": 1, "unregister_kv_cache": 2, "register_q_cache": 3,
    "unregister_q_cache": 4, "store_q": 5, "store": 6, "retrieve": 7, "lookup": 8,
    "query_prefetch_status": 9, "wait_prefetch_status": 10, "free_lookup_locks": 12,
    "end_session": 13, "register_kv_cache_engine_driven_context": 14,
    "unregister_kv_cache_engine_driven_context": 15, "prepare_store": 16, "commit_store": 17,
    "prepare_retrieve": 18, "commit_retrieve": 19, "clear": 20, "get_chunk_size": 21, "ping": 22,
    "report_block_allocation": 23, "noop": 24, "cb_register_rope": 25, "cb_unregister_rope": 26,
    "cb_retrieve_pre_computed": 27, "cb_unified_lookup": 28, "p2p_lookup_and_lock": 29,
    "p2p_query_lookup_results": 30, "p2p_unlock_objects": 31, "get_experimental": 32,
    "cb_protocol_handshake": 33,
}

pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.decode


def operation(name: str) -> bytes:
    """The operation frame as the real client writes it: the id where one exists, else the name."""
    return pack(OPERATION_IDS.get(name, name))


class Refused(Exception):
    """The server answered a call with a text in place of the operation."""


class NoReply(Exception):
    """Nothing came back in time."""


NULL = None


@dataclass(frozen=True)
class Reply:
    """One answer: the frames after the uid."""

    operation: bytes
    body: bytes | None
    extra: int = 0

    def value(self, sent_operation: bytes) -> Any:
        """The decoded result (None for the two-frame form); raises Refused for a refusal."""
        if self.operation != sent_operation:
            raise Refused(unpack(self.operation))
        return None if self.body is None else unpack(self.body)


def cache_key(tokens, *, model: str, request: str, world: int = 1, worker: int | None = 0,
              start: int = 0, end: int | None = None, salt: str = "", readers: int = 1,
              configs: dict | None = None) -> dict:
    """The ten fields of a cache key in wire order; `end` defaults to all tokens."""
    return {
        "model_name": model, "world_size": world, "worker_id": worker, "token_ids": list(tokens),
        "start": start, "end": len(tokens) if end is None else end, "request_id": request,
        "cache_salt": salt, "request_configs": configs, "num_kv_readers": readers,
    }


def group_info(engine_group: int, layers, tokens_per_block: int = 0, window: int = -1,
               tag: int = 0, recurrent: bool = False) -> dict:
    return {"engine_group_id": engine_group, "layer_indices": list(layers),
            "tokens_per_block": tokens_per_block, "sw_size_tokens": window,
            "extra_object_group_tag": tag, "recurrent_state": recurrent}


def engine_driven_context(instance: int, model: str, *, world: int = 1, block_size: int = 4,
                          layers: int = 2, hidden: int = 8, dtype: str = "float16",
                          mla: bool = False, slots: int | None = None) -> dict:
    return {"instance_id": instance, "model_name": model, "world_size": world,
            "block_size": block_size, "num_layers": layers, "hidden_dim_size": hidden,
            "dtype_str": dtype, "use_mla": mla, "num_physical_slots": slots}


def descriptor(body: dict) -> msgspec.msgpack.Ext:
    """A device handle: extension type 1 around one msgpack map."""
    return msgspec.msgpack.Ext(1, pack(body))


def cpu_shm(shm_name: str, nbytes: int, dtype: str, shape, stride, storage_offset: int = 0) -> dict:
    """Body of a handle to POSIX shared memory; strides and offset in elements."""
    return {"type": "cpu_shm", "shm_name": shm_name, "nbytes": nbytes, "version": 1,
            "metadata": {"dtype": dtype, "shape": list(shape), "stride": list(stride),
                         "storage_offset": storage_offset, "device_uuid": "cpu"}}
