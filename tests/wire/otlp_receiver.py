"""A receiver of OTLP, over gRPC or HTTP, that keeps what it gets and answers what a test says."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import os
import ssl
import subprocess
import threading
from concurrent import futures

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

REQUESTS = {"metrics": metrics.ExportMetricsServiceRequest, "logs": logs.ExportLogsServiceRequest,
            "traces": traces.ExportTraceServiceRequest}
RESPONSES = {"metrics": metrics.ExportMetricsServiceResponse,
             "logs": logs.ExportLogsServiceResponse,
             "traces": traces.ExportTraceServiceResponse}


def certificate(folder: str) -> tuple[str, str]:
    """Key and certificate for 127.0.0.1, signed by itself."""
    key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


class Receiver:
    """`answers[signal]`: what the next requests get, in order; "ok" when there is nothing more.

    "ok", "hang" (no answer until close), "hang-up" (HTTP: the head of a 200, then nothing), bytes
    (HTTP: sent as they are, instead of an answer), an int
    (HTTP: the status; gRPC: the code) or (status, {header: value}).
    """

    def __init__(self, tls: tuple[str, str] | None = None):
        self.got: dict[str, list] = {signal: [] for signal in REQUESTS}
        self.headers: dict[str, list] = {signal: [] for signal in REQUESTS}
        self.answers: dict[str, list] = {signal: [] for signal in REQUESTS}
        self.closing = threading.Event()
        self.port = self._listen(tls)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def _listen(self, tls) -> int:
        raise NotImplementedError

    def _next(self, signal: str, message, headers: dict):
        """Keeps a request; returns the answer to it."""
        self.headers[signal].append(headers)
        self.got[signal].append(message)
        return self.answers[signal].pop(0) if self.answers.get(signal) else "ok"

    def records(self) -> list:
        """(logger, LogRecord) of all log requests, in their order."""
        return [(scope.scope.name, record) for message in self.got["logs"]
                for resource in message.resource_logs for scope in resource.scope_logs
                for record in scope.log_records]

    def spans(self) -> list:
        """(scope, Span) of all trace requests, in their order."""
        return [(scope.scope.name, span) for message in list(self.got["traces"])
                for resource in message.resource_spans for scope in resource.scope_spans
                for span in scope.spans]

    def close(self) -> None:
        self.closing.set()


class GrpcReceiver(Receiver):
    protocol = "grpc"

    def _listen(self, tls) -> int:
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        for add, signal in ((metrics_grpc.add_MetricsServiceServicer_to_server, "metrics"),
                            (logs_grpc.add_LogsServiceServicer_to_server, "logs"),
                            (traces_grpc.add_TraceServiceServicer_to_server, "traces")):
            add(self._servicer(signal), self.server)
        if tls:
            key, cert = (open(path, "rb").read() for path in tls)
            port = self.server.add_secure_port("127.0.0.1:0",
                                               grpc.ssl_server_credentials([(key, cert)]))
        else:
            port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return port

    def _servicer(self, signal: str):
        receiver = self

        class Servicer:
            def Export(self, request, context):  # noqa: N802 the service's name
                answer = receiver._next(signal, request, dict(context.invocation_metadata()))
                if answer == "hang":
                    receiver.closing.wait()
                elif answer != "ok":
                    code = next(c for c in grpc.StatusCode if c.value[0] == answer)
                    context.abort(code, "the test says no")
                return RESPONSES[signal]()
        return Servicer()

    def close(self) -> None:
        super().close()
        self.server.stop(0).wait()


class HttpReceiver(Receiver):
    protocol = "http/protobuf"

    def _listen(self, tls) -> int:
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):  # noqa: N802 the base class's name
                with contextlib.suppress(OSError):
                    receiver._serve(self)

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that trust another certificate, or end

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls[1], tls[0])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self.server.server_address[1]

    def _serve(self, asked: http.server.BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers["Content-Length"]))
        if asked.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        signal = asked.path.rsplit("/", 1)[1]
        assert asked.path == f"/v1/{signal}", asked.path
        headers = {name.lower(): value for name, value in asked.headers.items()}
        answer = self._next(signal, REQUESTS[signal].FromString(body), headers)
        if answer == "hang":
            self.closing.wait()
            return
        if isinstance(answer, bytes):
            asked.wfile.write(answer)
            asked.close_connection = True
            return
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        asked.send_response(200 if status in ("ok", "hang-up") else status)
        for name, value in more.items():
            asked.send_header(name, value)
        asked.send_header("Content-Length", "5" if answer == "hang-up" else "0")
        asked.end_headers()
        if answer == "hang-up":
            asked.wfile.flush()
            asked.close_connection = True

    def close(self) -> None:
        super().close()
        self.server.shutdown()
        self.server.server_close()
