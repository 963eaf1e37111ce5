"""The s3 store over TLS: trust, names, and what a broken handshake says."""

from __future__ import annotations

import os
import ssl
import subprocess
import tempfile

from .fake_server import Fake, listing_or, reply
from .harness import MIB, Case


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.certificate = os.path.join(folder.name, "cert.pem")
        key = os.path.join(folder.name, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", cls.certificate, "-days", "2", "-subj", "/CN=test",
             "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.certificate, key)

    def server(self, tls: ssl.SSLContext | None) -> tuple[Fake, dict[str, bytes]]:
        """A bucket that keeps what is put there."""
        kept: dict[str, bytes] = {}

        def answer(peer, request):
            if request.method == "PUT":
                kept[request.target] = request.body
                return reply(peer, 200)
            reply(peer, 200, kept[request.target])
        fake = Fake(listing_or(answer), tls)
        self.addCleanup(fake.stop)
        return fake, kept

    def test_objects_come_back_over_a_connection_that_is_trusted(self):
        fake, kept = self.server(self.context)
        backend = self.opened(fake.port, tls=True, ca_file=self.certificate)
        objects = [(1, 5, 1), (2, 3 * MIB, 2), (3, 8 * MIB, 3)]
        self.assertEqual(backend.results("store", *objects), ["ok"] * 3)
        self.assertEqual(sorted(map(len, kept.values())), [5, 3 * MIB, 8 * MIB])
        self.assertEqual(backend.results("load", *objects), ["ok"] * 3)

    def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(self):
        fake, _ = self.server(self.context)
        text = self.driver(fake.port, tls=True).open()
        self.assertIn("unreachable: SSL certificate problem: self", text)
        self.assertEqual((fake.requests, fake.connections), ([], 1))

    def test_a_certificate_for_another_name_is_refused(self):
        fake, _ = self.server(self.context)
        text = self.driver(fake.port, tls=True, ca_file=self.certificate, host="localhost").open()
        self.assertIn("unreachable: SSL: no alternative certificate subject name", text)
        self.assertEqual(fake.requests, [])

    def test_a_server_without_tls_is_told(self):
        fake, _ = self.server(None)
        text = self.driver(fake.port, tls=True, max_retries=1, lookup_timeout_ms=3000).open()
        self.assertIn("s3 bucket 'pool'", text)
        self.assertRegex(text, "unreachable|no answer")
