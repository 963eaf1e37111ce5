"""The s3 store against a real server of S3's protocol: moto, which checks signatures when told."""

from __future__ import annotations

import os
import tempfile

from .harness import MIB, SECRET, Case, Moto

ALL = ["s3:*"]


class MotoCase(Case):
    moto: Moto

    @classmethod
    def setUpClass(cls):
        cls.moto = Moto()
        cls.addClassCleanup(cls.moto.stop)
        cls.s3 = cls.moto.client("s3")

    def setUp(self):
        self.bucket = "b-" + "".join(c if c.isalnum() else "-" for c in self._testMethodName)[-50:]
        self.s3.create_bucket(Bucket=self.bucket)

    def backend(self, **options):
        return self.opened(self.moto.port, bucket=self.bucket, **options)

    def names(self):
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]


class RoundTrips(MotoCase):
    def test_objects_of_any_length_come_back_as_they_went(self):
        backend = self.backend()
        objects = [(i, n, i) for i, n in enumerate(
            [0, 1, 4095, 65536, MIB + 1, 8 * MIB, 8 * MIB + 1, 20 * MIB + 7, 40 * MIB])]
        self.assertEqual(backend.results("store", *objects), ["ok"] * len(objects))
        self.assertEqual(backend.results("load", *objects), ["ok"] * len(objects))
        probed = backend.batch("probe", *objects)
        # An object without bytes is no hit, as for the peer.
        self.assertEqual(probed["results"], ["absent"] + ["ok"] * (len(objects) - 1))
        self.assertEqual(probed["sizes"], [n for _, n, _ in objects])
        parts = [r for r in self.moto.requests(self.bucket) if "partNumber=" in r]
        self.assertEqual(len(parts), 2 + 3 + 5)

    def test_an_object_of_the_peer_is_read_and_ours_by_it(self):
        backend = self.backend()
        backend.batch("store", (2, 3, 1))
        name = f"org/model@01000100@0@02{'0' * 62}"
        self.assertEqual(self.names(), [name])
        head = self.s3.head_object(Bucket=self.bucket, Key=name)
        self.assertEqual((head["ContentLength"], head["ContentType"]),
                         (3, "application/octet-stream"))
        self.assertRegex(head["Metadata"].pop("lmcache-actord"),
                         "^1-3-[0-9a-f]{16}-[0-9a-f]{16}$")
        self.assertEqual(head["Metadata"], {})
        body = self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        self.s3.put_object(Bucket=self.bucket, Key=name.replace("@02", "@04"), Body=body)
        self.assertEqual(backend.results("load", (4, 3, 1)), ["ok"])
        self.assertEqual(backend.results("load", (4, 3, 2)), ["ok DIFFERENT"])  # the check works

    def test_what_is_not_there_is_absent(self):
        backend = self.backend()
        many = [(i, 9 * MIB if i % 3 else 100, 0) for i in range(40)]
        for action in ("load", "probe"):
            answer = backend.batch(action, *many)
            self.assertEqual(answer["results"], ["absent"] * 40)
            self.assertEqual(answer["error"], "")
        self.assertEqual(backend.results("erase", *many), ["ok"] * 40)

    def test_an_object_of_another_length_is_told_and_healed(self):
        backend = self.backend()
        for mine, other in ((100, 99), (100, 101), (9 * MIB, 9 * MIB + 1), (9 * MIB, 9 * MIB - 1),
                            (9 * MIB, 5), (5, 9 * MIB)):
            backend.batch("store", (1, other, 1))
            self.assertEqual(backend.results("load", (1, mine, 1)), ["wrong_length"])
            self.assertEqual(backend.results("store", (1, mine, 2)), ["ok"])
            self.assertEqual(backend.results("load", (1, mine, 2)), ["ok"])

    def test_what_is_erased_is_gone(self):
        backend = self.backend()
        backend.batch("store", (0, 10, 1), (1, 10, 1))
        self.assertEqual(backend.results("erase", (0, 10, 1), (5, 10, 1)), ["ok", "ok"])
        self.assertEqual(backend.results("probe", (0, 10, 1), (1, 10, 1)), ["absent", "ok"])

    def test_a_batch_without_objects_is_answered(self):
        backend = self.backend()
        for action in ("store", "load", "probe", "erase"):
            self.assertEqual(backend.results(action), [])

    def test_models_of_any_name_have_their_objects(self):
        for model in ("/abs/path/of model", "../up/./x", "a//b", "ünï cödé/模型", "a+b=c&d?e#f%41",
                      "<x>'\"&amp;"):
            with self.subTest(model):
                backend = self.backend(model=model)
                objects = [(6, 7, 1), (7, 9 * MIB, 1)]
                self.assertEqual(backend.results("store", *objects), ["ok", "ok"])
                self.assertEqual(backend.results("load", *objects), ["ok", "ok"])
                self.assertIn(f"{model}@01000100@0@06{'0' * 62}", self.names())
                self.assertIn([model, 7], [[f[0], f[3]] for f in backend.ask("scan")["objects"]])
                backend.batch("erase", *objects)

    def test_a_scan_reads_page_after_page_and_skips_foreign_names(self):
        backend = self.backend(page=7)
        objects = [(i, 1 + i, 0) for i in range(40)]
        backend.batch("store", *objects)
        for name in ("readme.txt", f"m@01000100@0@{'A' * 64}", "m@01000100@0@00", "@@@@", "a@b"):
            self.s3.put_object(Bucket=self.bucket, Key=name, Body=b"x")
        answer = backend.ask("scan")
        self.assertEqual(sorted((i, n) for _, _, i, n, _ in answer["objects"]),
                         [(i, n) for i, n, _ in objects])
        self.assertGreaterEqual(answer["pages"], 40 // 7)
        self.assertEqual({f[0] for f in answer["objects"]}, {"org/model"})
        self.assertTrue(all(f[4] > 1_700_000_000_000 for f in answer["objects"]))

    def test_the_bucket_may_stand_in_the_host_name(self):
        backend = self.backend(path_style=False, host="localhost")
        objects = [(6, 7, 1), (7, 9 * MIB, 1)]
        self.assertEqual(backend.results("store", *objects), ["ok", "ok"])
        self.assertEqual(backend.results("load", *objects), ["ok", "ok"])
        self.assertEqual(len(self.names()), 2)

    def test_a_bucket_that_is_not_there_is_told(self):
        text = self.driver(self.moto.port, bucket="no-such-bucket").open()
        self.assertIn("'no-such-bucket'", text)
        self.assertIn("HTTP 404 NoSuchBucket: create the bucket", text)


class Signatures(MotoCase):
    def setUp(self):
        super().setUp()
        self.key_id, self.secret = self.moto.user(self.bucket, *ALL)
        self.reader = self.moto.user(self.bucket + "-r", "s3:ListBucket", "s3:GetObject")
        self.moto.ask_signatures(True)
        self.addCleanup(self.moto.ask_signatures, False)

    def test_every_request_is_signed_as_the_server_computes_it(self):
        for model in ("org/model", "/a b/ü&<'+~"):
            backend = self.backend(key_id=self.key_id, secret=self.secret, model=model, page=2)
            objects = [(1, 10, 1), (2, 20 * MIB, 1), (3, 0, 1), (5, 9, 9)]
            self.assertEqual(backend.results("store", *objects), ["ok"] * 4)
            self.assertEqual(backend.results("load", *objects), ["ok"] * 4)
            self.assertEqual(backend.results("probe", *objects), ["ok", "ok", "absent", "ok"])
            self.assertEqual(len(backend.ask("scan")["objects"]), 3)
            self.assertEqual(backend.results("erase", *objects), ["ok"] * 4)
            self.assertEqual(backend.results("load", (1, 10, 1)), ["absent"])

    def test_a_wrong_secret_is_told_without_showing_it(self):
        text = self.driver(self.moto.port, bucket=self.bucket, key_id=self.key_id,
                           secret=self.secret[:-1] + "~").open()
        self.assertIn(f"'{self.bucket}'", text)
        self.assertIn("HTTP 403 SignatureDoesNotMatch", text)
        self.assertNotIn(self.secret[:6], text)
        self.assertNotIn(self.key_id, text)

    def test_an_unknown_key_is_told(self):
        text = self.driver(self.moto.port, bucket=self.bucket, key_id="AKIANOBODY000000",
                           secret=SECRET).open()
        self.assertIn("HTTP 403 InvalidAccessKeyId", text)
        self.assertNotIn("AKIANOBODY", text)

    def test_a_refused_write_fails_at_once_with_its_reason(self):
        key_id, secret = self.reader
        backend = self.backend(key_id=key_id, secret=secret)
        for length in (10, 9 * MIB):
            answer = backend.batch("store", (1, length, 1))
            self.assertEqual(answer["results"], ["failed"])
            self.assertIn(f"s3 bucket '{self.bucket}'", answer["error"])
            self.assertIn("HTTP 403 AccessDenied: allow these keys", answer["error"])
        self.assertEqual(backend.results("load", (1, 10, 1)), ["absent"])
        self.assertEqual(backend.ask("status")["retries"], "0")

    def test_keys_come_from_the_environment_and_from_files(self):
        own = {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        with tempfile.TemporaryDirectory() as home:
            os.mkdir(f"{home}/.aws")
            with open(f"{home}/.aws/credentials", "w") as file:
                file.write("[default]\naws_access_key_id = wrong\naws_secret_access_key=wrong\n"
                           f"[mine]\naws_access_key_id = {self.key_id}\n"
                           f"aws_secret_access_key = {self.secret}\n")
            for source, variables in (("environment", own),
                                      ("profile", {"HOME": home, "AWS_PROFILE": "mine"})):
                backend = self.backend(secret=None, environment=variables)
                self.assertEqual(backend.results("store", (1, 10, 1)), ["ok"])
                self.assertEqual(backend.ask("status")["keys_from"], source)

    def test_keys_come_from_a_web_identity(self):
        self.moto.ask_signatures(False)
        iam = self.moto.client("iam")
        arn = iam.create_role(RoleName=self.bucket, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.put_role_policy(RoleName=self.bucket, PolicyName="p", PolicyDocument=(
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",'
            '"Resource":"*"}]}'))
        with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
            file.write("a.web.token\n")
            file.flush()
            variables = {"AWS_WEB_IDENTITY_TOKEN_FILE": file.name, "AWS_ROLE_ARN": arn,
                         "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{self.moto.port}/"}
            backend = self.backend(secret=None, environment=variables)
        self.moto.ask_signatures(True)
        self.assertEqual(backend.results("store", (1, 10, 1), (2, 9 * MIB, 1)), ["ok", "ok"])
        self.assertEqual(backend.results("load", (1, 10, 1), (2, 9 * MIB, 1)), ["ok", "ok"])
        status = backend.ask("status")
        self.assertEqual(status["keys_from"], "web_identity")
        self.assertGreater(int(status["keys_expire_ms"]), 1_700_000_000_000)
