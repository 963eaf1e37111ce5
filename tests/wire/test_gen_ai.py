"""gen_ai.server metrics: the daemon's own, those that engines push, those that it fetches."""

import contextlib
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import unittest

from .client import EVENT_HANDLE
from .harness import BINARY, TERMINATED, TIME_SCALE, WireCase, eventually, ours_only
from .paged import Group
from .server import Server


class GenAiCase(WireCase):
    def shown(self) -> dict:
        text = self.server.http("GET", "/metrics")[1].decode()
        result = {}
        for name, labels, value in re.findall(r"^gen_ai_(\w+)(?:\{(.*)\})? (\S+)$", text, re.M):
            result[name + (f" {labels}" if labels else "")] = float(value)
        return result

    def until(self, **wanted) -> None:
        """Waits for values; the names are without server_requests_."""
        def they_are_shown():
            shown = self.shown()
            found = {name: shown.get("server_requests_" + name) for name in wanted}
            return found == wanted
        eventually(they_are_shown, 10)

    def until_usage(self, **wanted) -> None:
        def it_is_shown():
            shown = self.shown()
            return all(shown.get(f'server_kv_cache_usage model="{model}"') == value
                       for model, value in wanted.items())
        eventually(it_is_shown, 10)

    def push(self, body) -> tuple[int, bytes]:
        return self.server.http("POST", "/observability/server_metrics", body)


FAKE_NVML = """
struct memory { unsigned long long total, free, used; };
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = 0; return index != 0; }
int nvmlDeviceGetMemoryInfo(void *device, struct memory *to) { to->total = 16ull << 30; return 0; }
"""


@ours_only
class Own(GenAiCase):
    options = {"chunk": 16, "l1_gb": 0.5}

    def test_numbers_are_there_from_the_start_and_requests_are_counted(self):
        before = self.shown()
        self.assertEqual(before["server_requests_running"], 0)
        self.assertEqual(before["server_requests_waiting"], 0)
        self.assertGreaterEqual(before["server_requests_max"], 1)
        self.client.hits(self.key(self.tokens(2), worker=None))
        self.assertEqual(self.shown()["requests_total"], before["requests_total"] + 1)

    def test_copies_that_are_under_way_run_and_those_behind_them_wait(self):
        worker = self.engine([Group(layers=2, heads=16, head_size=64, block_slots=16, blocks=257)])
        stores = []
        for seed in range(20):  # 32 MiB each
            key = self.key(self.tokens(256, seed))
            stores.append(self.client.submit("store", key, worker.instance,
                                             worker.engine.blocks_for(256, first_block=1),
                                             EVENT_HANDLE))

        def one_runs_and_others_wait():
            shown = self.shown()
            return shown["server_requests_running"] > 0 and shown["server_requests_waiting"] > 0
        eventually(one_runs_and_others_wait, 10)
        for each in stores:
            self.client.wait(each)
        self.until(running=0, waiting=0)

    def test_nothing_runs_or_waits_once_all_is_answered(self):
        worker = self.worker()
        for seed in range(20):
            tokens = self.tokens(2, seed)
            worker.store(self.key(tokens))
            key = self.key(tokens, worker=None)
            self.assertEqual(self.client.hits(key), 2)
            worker.retrieve(self.key(tokens, request=key["request_id"]))
        self.until(running=0, waiting=0)

    def test_a_models_share_of_the_pool_is_its_usage(self):
        worker, tokens = self.worker(), self.tokens(8)
        worker.store(self.key(tokens))
        usage, twin = (f'server_kv_cache_usage{end} model="{self.model}"'
                       for end in ("", "_percent"))

        def it_is_shown():
            return self.shown().get(usage)
        share = eventually(it_is_shown, 10)
        self.assertEqual(self.shown()[twin], share)
        l1 = self.server.l1()
        self.assertAlmostEqual(share, 100 * l1["memory_used_bytes"] / l1["memory_total_bytes"], 6)
        self.client.clear(True)

        def it_is_gone():
            return usage not in self.shown()
        eventually(it_is_gone, 10)


@ours_only
class Push(GenAiCase):
    def test_a_push_is_shown_and_changed_by_deltas_with_0_as_floor(self):
        self.assertEqual(self.push({"kv_cache": {"m": 140, "n": 12.5}, "running": 3, "waiting": 60,
                                    "max": 8}), (204, b""))
        shown = self.shown()
        self.assertEqual([shown["server_requests_" + x] for x in ("running", "waiting", "max")],
                         [3, 60, 8])
        self.assertEqual(shown['server_kv_cache_usage model="m"'], 100)
        self.assertEqual(shown['server_kv_cache_usage_percent model="n"'], 12.5)
        self.assertEqual(self.push({"delta": {"running": 2, "waiting": -100}})[0], 204)
        shown = self.shown()
        self.assertEqual(shown["server_requests_running"], 5)
        self.assertEqual(shown["server_requests_waiting"], 0)

    def test_a_wrong_push_is_refused_with_its_field_and_changes_nothing(self):
        self.push({"running": 7})
        for body, part in (({"running": 1, "max": "8"}, "max"), ({"runing": 1}, "runing"),
                           ({"running": 1, "kv_cache": {"m": None}}, "'m'"), ([], "object")):
            code, text = self.push(body)
            self.assertEqual(code, 400, body)
            self.assertIn(part, json.loads(text)["error"])
        self.assertEqual(self.shown()["server_requests_running"], 7)

    def test_many_models_do_not_grow_the_daemon(self):
        for batch in range(20):
            answer = self.push({"kv_cache": {f"b{batch}-{i}": 1 for i in range(200)}})
        self.assertEqual(answer[0], 400)
        models = [x for x in self.shown() if x.startswith("server_kv_cache_usage model")]
        self.assertLessEqual(len(models), 256)


class Pages:
    """A model server's HTTP: `answer` is (status, body), "hang" or "hang-up"."""

    def __init__(self, port: int = 0):
        pages = self
        self.asked, self.answer, self.closing = [], (200, b""), threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):  # noqa: N802 the base class's name
                with contextlib.suppress(OSError):
                    pages.serve(self)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, asked):
        self.asked.append(asked.path)
        answer = self.answer
        if answer == "hang":
            self.closing.wait()
        elif answer != "hang-up":
            asked.send_response(answer[0])
            asked.send_header("Content-Length", str(len(answer[1])))
            asked.end_headers()
            asked.wfile.write(answer[1])

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def ollama(**models) -> tuple[int, bytes]:
    listed = [{"name": name, "size_vram": size} for name, size in models.items()]
    return 200, json.dumps({"models": listed}).encode()


@ours_only
class Fetched(unittest.TestCase):
    def setUp(self):
        self.pages = Pages()
        self.addCleanup(self.pages.close)

    def daemon(self, *flags, **env) -> Server:
        server = Server(BINARY, l1_gb=0.05, env=env, flags=["--prometheus-port", "0", *flags])
        server.start()
        self.addCleanup(server.discard)
        return server

    def shown(self, server, name):
        text = server.http("GET", "/metrics")[1].decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found[1]) if found else None

    def until(self, server, name, value):
        def it_is_shown():
            return self.shown(server, name) == value
        eventually(it_is_shown, 10)

    def ollama_daemon(self, **env) -> Server:
        return self.daemon(OLLAMA_BASE_URL=f"http://127.0.0.1:{self.pages.port}/",
                           GENAI_OLLAMA_METRICS_INTERVAL="0.1", GENAI_OLLAMA_MAX_VRAM_GB="8",
                           **env)

    def usage(self, model):
        return f'gen_ai_server_kv_cache_usage{{model="{model}"}}'

    def test_ollama_is_asked_by_its_environment(self):
        self.pages.answer = ollama(a=2 << 30, b=16 << 30)
        server = self.ollama_daemon()
        self.until(server, self.usage("a"), 25)
        self.until(server, self.usage("b"), 100)
        self.until(server, "gen_ai_server_requests_max", 2)
        self.assertEqual(set(self.pages.asked), {"/api/ps"})
        self.assertIn("Using configured GPU VRAM: 8.0GB", server.log())
        self.pages.answer = ollama(b=4 << 30)
        self.until(server, self.usage("b"), 50)
        self.until(server, self.usage("a"), None)

    def test_an_ollama_that_lies_hangs_or_dies_stops_nothing(self):
        server = self.ollama_daemon()
        before = server.resident_bytes(private=True)
        many = {f"m{i}": 1 for i in range(10_000)}
        for answer in ((500, b""), (200, b"<html>"), (200, b'{"models":[{"name":1}]}'),
                       (200, b'{"models":' + b"[" * 100_000), (200, b"x" * (10 << 20)),
                       (302, b""), ollama(**many), "hang-up", "hang"):
            self.pages.answer = answer
            asked = len(self.pages.asked)

            def asked_again():
                return len(self.pages.asked) > asked
            eventually(asked_again, 10)
            self.assertEqual(server.http("GET", "/healthcheck")[0], 200)
        self.assertLess(server.resident_bytes(private=True) - before, 64 << 20)
        warnings = [x for x in server.log().splitlines() if "Ollama at" in x]
        self.assertLess(len(warnings), 20)
        began = time.monotonic()
        self.assertEqual(server.stop(), TERMINATED)
        self.assertLess(time.monotonic() - began, 8 * TIME_SCALE)

    def test_an_end_while_ollama_is_asked_is_no_error(self):
        self.pages.answer = "hang"
        server = self.ollama_daemon()

        def asked():
            return self.pages.asked
        eventually(asked)
        self.assertEqual(server.stop(), TERMINATED)
        self.assertNotIn(" ERROR", server.log())

    def test_an_ollama_that_starts_later_is_found(self):
        self.pages.close()
        server = self.ollama_daemon()
        late = Pages(self.pages.port)
        self.addCleanup(late.close)
        late.answer = ollama(late=4 << 30)
        self.until(server, self.usage("late"), 50)

    def test_ollama_is_not_asked_when_switched_off(self):
        for word in ("0", "false"):
            server = self.ollama_daemon(GENAI_ENABLE_OLLAMA_SERVER_METRICS=word)
            self.assertNotIn("gen-ai-poller", server.http("GET", "/status")[1].decode())
        self.assertEqual(self.pages.asked, [])
        server = self.ollama_daemon()
        self.assertIn("gen-ai-poller-Ollama", server.http("GET", "/status")[1].decode())

    def test_an_address_that_is_none_is_told_and_ollama_is_not_asked(self):
        server = self.daemon(OLLAMA_BASE_URL="0.0.0.0:11434")
        self.assertRegex(server.log(), "WARNING.*OLLAMA_BASE_URL.*Ollama is not asked")

    def gpu_daemon(self, folder, **env) -> Server:
        self.pages.answer = ollama(a=4 << 30)
        return self.daemon(OLLAMA_BASE_URL=f"http://127.0.0.1:{self.pages.port}",
                           GENAI_OLLAMA_METRICS_INTERVAL="0.1", LD_LIBRARY_PATH=folder,
                           PATH=folder + ":/usr/bin:/bin", **env)

    def program(self, folder, text) -> None:
        path = os.path.join(folder, "nvidia-smi")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def test_the_gpu_tells_its_memory_through_nvml(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o",
                            os.path.join(folder, "libnvidia-ml.so.1")], input=FAKE_NVML, text=True,
                           check=True)
            self.program(folder, "echo 1\n")
            server = self.gpu_daemon(folder)
            self.until(server, self.usage("a"), 25)
            self.assertIn("Auto-detected GPU VRAM: 16.0GB", server.log())

    def test_without_nvml_nvidia_smi_is_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            self.program(folder, '[ "$*" = "--query-gpu=memory.total '
                         '--format=csv,noheader,nounits --id=0" ] && echo 8192\n')
            self.until(self.gpu_daemon(folder), self.usage("a"), 50)

    def test_an_nvidia_smi_that_lies_or_hangs_leaves_the_assumption(self):
        for text in ("echo no devices; exit 1\n", "yes\n", "exec sleep 100\n"):
            with tempfile.TemporaryDirectory() as folder:
                self.program(folder, text)
                server = self.gpu_daemon(folder)
                self.until(server, self.usage("a"), 50)
                self.assertIn("GPU VRAM not detected, using heuristic-based percentages",
                              server.log())
                self.assertEqual(server.stop(), TERMINATED)

    def test_vllm_comes_before_tgi_and_a_push_before_both(self):
        self.pages.answer = 200, (b'vllm:num_requests_running{model_name="m"} 4\n'
                                  b'vllm:kv_cache_usage_perc{model_name="m"} 0.75\n'
                                  b"tgi_request_inference_count 9\ntgi_queue_size 8\n")
        page = f"http://127.0.0.1:{self.pages.port}/metrics"
        server = self.daemon("--tgi-metrics-url", page, "--no-ollama-metrics")
        self.until(server, "gen_ai_server_requests_running", 9)
        self.until(server, "gen_ai_server_requests_waiting", 8)
        server = self.daemon("--tgi-metrics-url", page, "--vllm-metrics-url", page)
        self.until(server, "gen_ai_server_requests_running", 4)
        self.until(server, "gen_ai_server_requests_waiting", 0)
        self.until(server, self.usage("m"), 75)
        server.http("POST", "/observability/server_metrics", {"running": 1})
        self.until(server, "gen_ai_server_requests_running", 1)

    def test_no_name_of_a_model_spoils_the_page(self):
        self.pages.answer = 200, (b'vllm:num_requests_running 1\n'
                                  b'vllm:kv_cache_usage_perc{model_name="\xff\xc3"} 0.5\n'
                                  b'vllm:kv_cache_usage_perc{model_name="a\\"b\\\\"} 0.25\n')
        server = self.daemon("--no-ollama-metrics", "--vllm-metrics-url",
                             f"http://127.0.0.1:{self.pages.port}/metrics")
        self.until(server, self.usage("\ufffd\ufffd"), 50)
        self.until(server, self.usage(r'a\"b\\'), 25)

    def test_a_page_that_is_not_tgis_is_told_and_changes_nothing(self):
        self.pages.answer = 200, b"<html>no metrics here</html>"
        server = self.daemon("--no-ollama-metrics", "--tgi-metrics-url",
                             f"http://127.0.0.1:{self.pages.port}/metrics")

        def told():
            return "is asked in vain: none of TGI's metrics on the page" in server.log()
        eventually(told)

    def test_wrong_flags_are_one_line(self):
        for flags, part in ((["--vllm-metrics-url", "file:///etc/passwd"], "no address of a page"),
                            (["--ollama-url", "ftp://h"], "no address of a server"),
                            (["--ollama-metrics-interval", "0"], "0.1 to 3600")):
            ended = subprocess.run(Server(BINARY, flags=flags).command, capture_output=True,
                                   text=True, timeout=30, check=False)
            self.assertEqual(ended.returncode, 1, flags)
            self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)
            self.assertIn(part, ended.stderr)
