"""The s3 store against servers that fail in every way: each call ends, in time, without harm."""

from __future__ import annotations

import time

from .fake_server import EMPTY_LIST, Fake, error, listing_or, range_of, reply
from .harness import MIB, Case, Driver

FAST = {"store_timeout_ms": 1500, "load_timeout_ms": 1500, "lookup_timeout_ms": 1500}
UPLOAD = b"<InitiateMultipartUploadResult><UploadId>u 1</UploadId></InitiateMultipartUploadResult>"
DONE = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"


class FaultCase(Case):
    def against(self, answer, **cpp):
        """A fake server and a backend that has opened."""
        fake = Fake(listing_or(answer))
        self.addCleanup(fake.stop)
        return fake, self.opened(fake.port, **(FAST | cpp))

    def opening(self, answer, **options) -> str:
        fake = Fake(answer)
        self.addCleanup(fake.stop)
        return self.driver(fake.port, **(FAST | options)).open()


class Retries(FaultCase):
    def test_what_is_refused_twice_is_tried_a_third_time(self):
        def answer(peer, request):
            if request.number < 2:
                return error(peer, 503, "SlowDown")
            reply(peer, 200, content if request.method == "GET" else b"")
        fake, backend = self.against(answer)
        self.assertEqual(backend.results("store", (2, 100, 1)), ["ok"])
        content = fake.of_objects()[-1].body
        self.assertEqual([r.body for r in fake.of_objects()], [content] * 3)
        self.assertEqual(backend.results("load", (2, 100, 1)), ["ok"])
        self.assertEqual(len(fake.of_objects()), 6)
        self.assertEqual(backend.ask("status")["retries"], "4")

    def test_each_attempt_is_counted_against_max_retries(self):
        for status, code in ((500, "InternalError"), (503, ""), (429, ""), (400, "RequestTimeout")):
            fake, backend = self.against(lambda p, r, s=status, c=code: error(p, s, c),
                                         max_retries=2)
            answer = backend.batch("load", (1, 10, 1))
            self.assertEqual(answer["results"], ["failed"])
            self.assertIn(f"HTTP {status}", answer["error"])
            self.assertEqual(len(fake.of_objects()), 3)

    def test_what_will_not_change_is_not_tried_again(self):
        for status, code in ((403, "AccessDenied"), (400, "InvalidRequest"),
                             (501, "NotImplemented"), (404, "NoSuchBucket"),
                             (412, "PreconditionFailed")):
            fake, backend = self.against(lambda p, r, s=status, c=code: error(p, s, c))
            answer = backend.batch("store", (1, 10, 1))
            self.assertEqual(answer["results"], ["failed"])
            self.assertIn(f"s3 bucket 'pool' at pool.127.0.0.1: HTTP {status} {code}",
                          answer["error"])
            self.assertEqual(len(fake.of_objects()), 1)

    def test_a_full_store_says_so(self):
        for status, code in ((507, "XMinioStorageFull"), (403, "QuotaExceeded")):
            _, backend = self.against(lambda p, r, s=status, c=code: error(p, s, c))
            self.assertEqual(backend.results("store", (1, 10, 1)), ["no_space"])

    def test_a_connection_that_is_cut_in_the_middle_is_made_anew(self):
        def answer(peer, request):
            reply(peer, 200, b"x" * (50 if request.number < 2 else 100), content_length=100)
            return request.number >= 2
        fake, backend = self.against(answer)
        self.assertEqual(backend.results("load", (1, 100, 1)), ["ok DIFFERENT"])
        self.assertEqual(len(fake.of_objects()), 3)

    def test_a_connection_that_is_always_cut_is_a_failure(self):
        def answer(peer, request):
            reply(peer, 200, b"x" * 50, content_length=100)
            return False
        _, backend = self.against(answer, max_retries=1)
        answer = backend.batch("load", (1, 100, 1))
        self.assertEqual(answer["results"], ["failed"])
        self.assertIn("broken answer", answer["error"])

    def test_keys_that_have_ended_are_looked_for_again(self):
        def answer(peer, request):
            if request.number == 0:
                return error(peer, 400, "ExpiredToken")
            reply(peer, 200)
        _, backend = self.against(answer)
        self.assertEqual(backend.results("store", (1, 10, 1)), ["ok"])


class TimeLimits(FaultCase):
    def test_a_server_that_never_answers_costs_the_time_limit(self):
        fake, backend = self.against(lambda p, r: fake_end(p), connections=8)
        for action in ("probe", "load", "store", "erase"):
            before = len(fake.of_objects())
            answer = backend.batch(action, *((i, 10, 1) for i in range(50)))
            # Those that waited for a connection were never begun.
            self.assertLessEqual(len(fake.of_objects()) - before, 8)
            self.assertEqual(answer["results"], ["failed"] * 50)
            self.assertLess(answer["ms"], 2500)
            self.assertLess(answer["blocked_ms"], 100)
            self.assertIn("no answer within the time limit", answer["error"])

    def test_large_objects_end_by_their_time_limit_too(self):
        _, backend = self.against(lambda p, r: fake_end(p))
        for action in ("load", "store"):
            answer = backend.batch(action, (1, 30 * MIB, 1))
            self.assertEqual(answer["results"], ["failed"])
            self.assertLess(answer["ms"], 2500)

    def test_each_attempt_has_a_limit_of_its_own(self):
        def answer(peer, request):
            return fake_end(peer) if request.number == 0 else reply(peer, 200)
        _, backend = self.against(answer, request_timeout_ms=200)
        answer = backend.batch("store", (1, 10, 1))
        self.assertEqual(answer["results"], ["ok"])
        self.assertLess(answer["ms"], 1200)

    def test_bytes_that_drip_are_late_and_come_to_nobody(self):
        def answer(peer, request):
            reply(peer, 200, content_length=1000)
            for _ in range(40):
                peer.sendall(b"x")
                time.sleep(0.1)
        _, backend = self.against(answer)
        answer = backend.batch("load", (1, 1000, 1), (2, 1000, 1))
        self.assertEqual(answer["results"], ["failed", "failed"])
        self.assertLess(answer["ms"], 2500)

    def test_slow_stores_delay_no_lookup(self):
        def answer(peer, request):
            return reply(peer, 404) if request.method == "HEAD" else fake_end(peer)
        fake = Fake(listing_or(answer))
        self.addCleanup(fake.stop)
        backend = self.opened(fake.port, connections=4, **FAST)
        backend.process.stdin.write("begin store " + " ".join(f"{i}:10:1" for i in range(30))
                                    + "\n")
        answer = backend.batch("probe", (1, 10, 1))
        self.assertEqual(answer["results"], ["absent"])
        self.assertLess(answer["ms"], 500)

    def test_a_backend_ends_at_once_with_work_under_way(self):
        fake, _ = self.against(lambda p, r: fake_end(p))
        driver = Driver(fake.port)
        self.assertEqual(driver.open(), "")
        driver.process.stdin.write("begin store 1:10:1 2:30000000:1\nbegin load 3:10:1\n"
                                   "begin probe 4:10:1\n")
        driver.process.stdin.flush()
        time.sleep(0.2)
        began = time.monotonic()
        self.assertEqual(driver.close(), 0)
        self.assertLess(time.monotonic() - began, 2)


class Lies(FaultCase):
    def test_an_object_of_another_length_is_not_read(self):
        for said in (10 << 30, 101, 99, 0):
            fake, backend = self.against(
                lambda p, r, n=said: reply(p, 200, b"x" * 99, content_length=n) or False)
            answer = backend.batch("load", (1, 100, 1))
            self.assertEqual(answer["results"], ["wrong_length"])
            self.assertEqual(len(fake.of_objects()), 1)
            self.assertLess(answer["ms"], 500)

    def test_bytes_without_an_end_stop_at_the_memory_s_end(self):
        def answer(peer, request):
            reply(peer, 200, content_length=None, transfer_encoding="chunked")
            while True:
                peer.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        _, backend = self.against(answer)
        answer = backend.batch("load", (1, 100_000, 1), (2, 0, 1))
        self.assertEqual(answer["results"], ["wrong_length", "wrong_length"])

    def test_headers_without_an_end_are_not_read_for_ever(self):
        begin, interim = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
        for first, line in ((begin, b"x-more: " + b"y" * 1000 + b"\r\n"), (begin, b"x" * 1000),
                            (b"", interim)):
            def answer(peer, request, first=first, line=line):
                peer.sendall(first)
                while True:
                    peer.sendall(line)
            fake, backend = self.against(answer, max_retries=0)
            for action in ("load", "probe", "store"):
                answer = backend.batch(action, (1, 100, 1))
                self.assertEqual(answer["results"], ["failed"], line[:20])
                self.assertLess(answer["ms"], 1000)

    def test_an_error_page_without_an_end_is_not_read_for_ever(self):
        def answer(peer, request):
            reply(peer, 500, content_length=10 << 30)
            while True:
                peer.sendall(b"x" * 65536)
        fake, backend = self.against(answer)
        answer = backend.batch("load", (1, 100, 1))
        self.assertEqual(answer["results"], ["failed"])
        self.assertLess(answer["ms"], 1000)

    def test_what_is_no_http_is_a_failure(self):
        for noise in (b"", b"\0\xff" * 50, b"SSH-2.0-x\r\n", b"HTTP/1.1\r\n\r\n",
                      b"HTTP/1.1 999\r\n"):
            def answer(peer, request, noise=noise):
                peer.sendall(noise)
                return False
            _, backend = self.against(answer, max_retries=1)
            for action in ("load", "store", "probe", "erase"):
                self.assertEqual(backend.results(action, (1, 100, 1)), ["failed"], noise)

    def test_a_range_of_another_object_is_of_the_wrong_length(self):
        def answer(peer, request):
            first, end = range_of(request)
            reply(peer, 206, b"x" * (end - first), etag="e",
                  content_range=f"bytes {first}-{end - 1}/{whole}")
        for whole in (20 * MIB + 1, 20 * MIB - 1, "*"):
            _, backend = self.against(answer)
            self.assertEqual(backend.results("load", (1, 20 * MIB, 1)), ["wrong_length"])

    def test_ranges_are_of_one_version(self):
        def answer(peer, request):
            first, end = range_of(request)
            if request.headers.get("if-match") not in (None, '"v1"'):
                return error(peer, 412, "PreconditionFailed")
            version = '"v1"' if first == 0 else '"v2"'
            if first > 0 and request.headers.get("if-match") == '"v1"':
                return error(peer, 412, "PreconditionFailed")
            reply(peer, 206, b"x" * (end - first), etag=version,
                  content_range=f"bytes {first}-{end - 1}/{20 * MIB}")
        _, backend = self.against(answer)
        answer = backend.batch("load", (1, 20 * MIB, 1))
        self.assertEqual(answer["results"], ["failed"])
        self.assertIn("412", answer["error"])

    def test_a_redirect_is_told_and_not_followed(self):
        def answer(peer, request):
            error(peer, 301, "PermanentRedirect", location=f"http://127.0.0.1:{elsewhere.port}/",
                  x_amz_bucket_region="eu-west-1")
        elsewhere = Fake(lambda p, r: reply(p, 200, EMPTY_LIST))
        self.addCleanup(elsewhere.stop)
        text = self.opening(answer)
        self.assertIn("HTTP 301 PermanentRedirect (the bucket's region is eu-west-1): "
                      "set s3_region", text)
        self.assertEqual(elsewhere.requests, [])


class Uploads(FaultCase):
    def test_an_upload_whose_part_fails_is_aborted(self):
        def answer(peer, request):
            if "uploads=" in request.target:
                return reply(peer, 200, UPLOAD)
            if "partNumber=2" in request.target:
                return error(peer, 403, "AccessDenied")
            if "partNumber=" in request.target:
                return fake_end(peer)
            reply(peer, 204)
        fake, backend = self.against(answer)
        answer = backend.batch("store", (1, 40 * MIB, 1))
        self.assertEqual(answer["results"], ["failed"])
        self.assertIn("AccessDenied", answer["error"])
        self.assertLess(answer["ms"], 1400)
        time.sleep(0.2)
        self.assertTrue(any(r.method == "DELETE" and r.target.endswith("?uploadId=u%201")
                            for r in fake.requests))

    def test_a_completion_that_fails_behind_a_200_is_tried_again(self):
        def answer(peer, request):
            if "uploads=" in request.target:
                return reply(peer, 200, UPLOAD)
            if request.method == "PUT":
                return reply(peer, 200, etag='"p&<"')
            if request.number == 0:
                return error(peer, 200, "InternalError")
            reply(peer, 200, b" \n" + DONE)
        fake, backend = self.against(answer)
        self.assertEqual(backend.results("store", (1, 17 * MIB, 1)), ["ok"])
        self.assertIn(b'<PartNumber>2</PartNumber><ETag>"p&amp;&lt;"</ETag>',
                      fake.of_objects()[-1].body)

    def test_a_completion_whose_answer_was_lost_counts_when_the_object_is_there(self):
        for there, result in ((9 * MIB, "ok"), (9 * MIB + 1, "wrong_length")):
            def answer(peer, request, there=there):
                if request.method == "HEAD":
                    return reply(peer, 200, content_length=there)
                if "uploads=" in request.target:
                    return reply(peer, 200, UPLOAD)
                if request.method == "PUT":
                    return reply(peer, 200, etag="e")
                return False if request.number == 0 else error(peer, 404, "NoSuchUpload")
            _, backend = self.against(answer)
            self.assertEqual(backend.results("store", (1, 9 * MIB, 1)), [result])


class Opening(FaultCase):
    def test_a_port_where_nobody_listens_is_told(self):
        fake = Fake(lambda p, r: False)
        fake.stop()
        text = self.driver(fake.port, **FAST).open()
        self.assertIn("unreachable: Failed to connect", text)

    def test_a_name_that_nobody_has_is_told(self):
        text = self.driver(1, host="no-such-host.invalid", **FAST).open()
        self.assertIn("unreachable: Could not resolve host", text)

    def test_no_keys_are_told_with_every_source(self):
        text = self.driver(1, secret=None, environment={"AWS_EC2_METADATA_DISABLED": "true"},
                           **FAST).open()
        for word in ("static: no aws_access_key_id", "environment: no AWS_ACCESS_KEY_ID",
                     "profile: no HOME", "web_identity: no AWS_WEB", "container: no AWS_CONTAINER",
                     "instance_metadata: AWS_EC2_METADATA_DISABLED"):
            self.assertIn(word, text)

    def test_lists_that_are_none_are_refused(self):
        deep = b"<a>" * 100_000
        for body in (b"", b"<html></html>", deep, b"<!DOCTYPE x><ListBucketResult/>",
                     b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                     b"x" * (9 << 20)):
            text = self.opening(lambda p, r, b=body: reply(p, 200, b), max_retries=0)
            self.assertIn("broken answer", text)
            self.assertNotIn("\n", text)

    def test_a_scan_that_goes_in_a_circle_ends(self):
        page = (b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t"
                b"</NextContinuationToken></ListBucketResult>")
        fake = Fake(lambda p, r: reply(p, 200, page))
        self.addCleanup(fake.stop)
        self.assertEqual(self.opened(fake.port).ask("scan"), {"objects": [], "pages": 0})

    def test_connections_are_few_and_used_again(self):
        fake, backend = self.against(lambda p, r: reply(p, 200), connections=3)
        self.assertEqual(backend.results("store", *((i, 10, 1) for i in range(60))), ["ok"] * 60)
        self.assertLessEqual(fake.connections, 4)


def fake_end(peer) -> bool:
    """Says nothing until the other side gives up."""
    peer.settimeout(20)
    while peer.recv(65536):
        pass
    return False
