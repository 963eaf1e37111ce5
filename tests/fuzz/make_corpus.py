#!/usr/bin/env python3
"""Writes the seed corpus of the fuzzers from tests/data/{wire,l2_names,serde_aesgcm}*.json.

Run it after the vectors have changed: tests/fuzz/make_corpus.py
"""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = {
    entry["name"]: entry
    for entry in json.loads((HERE.parent / "data" / "wire.json").read_text())["vectors"]
}


L2 = json.loads((HERE.parent / "data" / "l2_names.json").read_text())


def raw(name):
    return bytes.fromhex(VECTORS[name]["hex"])


def text(value):
    return bytes([0xA0 | len(value)]) + value.encode()


def message(*frames):
    return b"".join(len(frame).to_bytes(2, "little") + frame for frame in frames)


def messages():
    one = b"\x01"
    key, plain = raw("key_worker_salted"), raw("key_lookup")
    ident, handle = raw("ping_payload_63bit"), raw("event_handle_cpu_stub")
    kinds = (raw("engine_type_vllm"), raw("layout_hints_hnd"), raw("engine_group_infos"))
    for kind in ("cpu_shm", "cuda"):
        cache = raw("kv_cache_list_" + kind)
        yield "register_" + kind, (b"\x01", ident, cache, text("m"), one, *kinds)
    yield "unregister", (b"\x02", ident)
    yield "store", (b"\x06", key, ident, raw("block_ids"), handle)
    yield "retrieve", (b"\x07", key, ident, raw("block_ids_one_group"), handle, b"\x10")
    yield "lookup", (b"\x08", plain, one)
    yield "lookup_unknown_field", (b"\x08", raw("key_unknown_field"), one)
    yield "lookup_text_size", (b"\x08", raw("key_legacy_minimal"), text("8"))
    yield "query_prefetch_status", (b"\x09", text("req-1"))
    yield "wait_prefetch_status", (b"\x0a", text("req-1"), raw("timeout_float"))
    yield "free_lookup_locks", (b"\x0c", plain, one)
    yield "end_session", (b"\x0d", text("req-1"))
    for name in ("register_engine_driven", "register_engine_driven_null_slots"):
        yield name, (b"\x0e", raw(name))
    yield "prepare_store", (b"\x10", key, ident)
    yield "commit_store", (b"\x11", key, ident, raw("bytes_empty"))
    yield "prepare_retrieve", (b"\x12", key, ident)
    yield "commit_retrieve", (b"\x13", key, ident)
    yield "clear", (b"\x14", b"\xc2")
    yield "get_chunk_size", (b"\x15",)
    yield "ping", (b"\x16", b"\xc0")
    yield "ping_by_name", (raw("op_ping_by_name"), ident)
    records = raw("block_allocation_records")
    yield "report_block_allocation", (b"\x17", one, text("m"), records)
    yield "subscribe", (raw("op_subscribe_kv_events"), one, text("m"), b"\x00", b"\x7f")


def stored_objects():
    cases = json.loads((HERE.parent / "data" / "serde_aesgcm.json").read_text())["cases"]
    for case in cases:
        chosen = (case["aes_bits"] == 256) | bool(case["cache_salt"]) << 2
        length = len(case["plaintext_hex"]) // 2
        name = f"aesgcm_{case['aes_bits']}_{case['cache_salt'] or 'unsalted'}"
        yield name, bytes([chosen, length, 0]) + bytes.fromhex(case["frame_hex"])
    for number, dtype, width in ((0, "float16", 2), (1, "bfloat16", 2), (2, "float32", 4)):
        for kind, name in ((2, "e4m3fn"), (3, "e5m2")):
            head = bytes([kind | number << 3]) + (256 * width).to_bytes(2, "little")
            yield f"{name}_{dtype}", head + bytes(range(256))


def l2_names():
    fields = ("resp_key", "valkey_key_prefix_p1", "fs_file", "fs_tmp_file", "raw_block_encoded_key")
    for number, names in enumerate(L2["names"]):
        for field in fields:
            yield f"{number:02}_{field}", names[field].encode()


def raw_block_containers():
    """Two headers of 64 bytes and a payload, as raw_block_container.fuzz.cpp reads them."""
    both = L2["raw_block_image"]["metadata_containers"]
    headers = b"".join(bytes.fromhex(each["header32_hex"]).ljust(64, b"\0") for each in both)
    for each in both:
        yield f"container_{each['container']}", headers + each["payload_text"].encode()
    for slot in L2["raw_block_image"]["slots"]:
        yield f"slot_{slot['slot']}", bytes.fromhex(slot["header24_hex"]).ljust(64, b"\0")


def resp_replies():
    key = b"$87\r\n" + b"k" * 87 + b"\r\n"
    node = b"*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n"
    yield "values", b"\x25$5\r\nab\r\nc\r\n$-1\r\n$5\r\nabcde\r\n+OK\r\n$3\r\nabc\r\n:1\r\n"
    yield "scan", b"\x74+OK\r\n*2\r\n$2\r\n17\r\n*2\r\n" + key + key
    yield "slots", b"\xf0:0\r\n*1\r\n*3\r\n:0\r\n:16383\r\n" + node
    yield "errors", (b"\x03-MOVED 3999 127.0.0.1:6381\r\n-ASK 1 :7000\r\n"
                     b"-WRONGTYPE Operation against a key\r\n*-1\r\n*0\r\n")


def s3_answers():
    """A first byte that chooses (s3_answer.fuzz.cpp), then documents, keys or an HTTP answer."""
    list_page = ("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
                 f"<Contents><Key>{L2['names'][0]['resp_key']}</Key><Size>7</Size>"
                 "<LastModified>2013-05-24T00:00:00.000Z</LastModified></Contents>")
    secrets = "<AccessKeyId>i</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" \
              "<Expiration>2030-01-01T00:00:00Z</Expiration>"
    step = "AssumeRoleWithWebIdentity"
    yield "list", f"\0<?xml version='1.0'?><ListBucketResult a='b'>{list_page}</ListBucketResult>"
    yield "error", "\0<!-- x --><Error><Code>SlowDown</Code><Region>a-1</Region>&#x41;</Error>"
    yield "upload", ("\0<InitiateMultipartUploadResult><UploadId>u&amp;</UploadId>"
                     "</InitiateMultipartUploadResult>")
    yield "completed", ("\0<CompleteMultipartUploadResult><ETag>e</ETag>"
                        "</CompleteMultipartUploadResult>")
    yield "sts", (f"\0<{step}Response><{step}Result><Credentials>{secrets}</Credentials>"
                  f"</{step}Result></{step}Response>")
    yield "json", ('\0{"Code":"Success","AccessKeyId":"i","SecretAccessKey":"s","Token":"t",'
                   '"Expiration":"2030-01-01T00:00:00Z"}')
    yield "file", "\0[default]\naws_access_key_id=i\naws_secret_access_key = s\n"
    yield "good", '\x09HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: "e"\r\n\r\nabcd'
    yield "range", "\x09HTTP/1.1 206 Part\r\ncontent-range: bytes 0-3/4\r\n\nabcd"
    yield "refused", "\x01HTTP/2 403\nx-amz-bucket-region: a-1\n\n<Error><Code>A</Code></Error>"


def main():
    corpora = {"message": {name: message(*frames) for name, frames in messages()}}
    for corpus, prefix in (("descriptor", "ipc_descriptor_"), ("pickle", "pickle_")):
        corpora[corpus] = {n: raw(n) for n in VECTORS if n.startswith(prefix)}
    corpora["serde"] = dict(stored_objects())
    corpora["l2_name"] = dict(l2_names())
    corpora["resp_reply"] = dict(resp_replies())
    corpora["raw_block_container"] = dict(raw_block_containers())
    corpora["s3_answer"] = {name: text.encode() for name, text in s3_answers()}
    corpora["raw_block_checkpoint"] = {
        f"container_{each['container']}": each["payload_text"].encode()
        for each in L2["raw_block_image"]["metadata_containers"]}
    corpora["trace"] = {"storage": (HERE.parent / "data" / "sample.lct").read_bytes(),
                        "line": b'{"qualname": "x", "latency_ms": 2.5, "failed": false, "t_s": 3, '
                                b'"wanted": 4, "hits": 2, "l1_used_bytes": 5, "l1_bytes": 10}'}
    for corpus, entries in corpora.items():
        folder = HERE / "corpus" / corpus
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in entries.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
