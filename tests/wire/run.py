"""Runs the wire, s3 and fault suites and ends with a line `N passed, N failed`.

usage: run.py [--daemon PATH | --peer PATH] [--time-scale X] [-k WORD] [-v]
              [SUITE...]
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import suites  # noqa: E402

SUITES = ["wire.test_vectors", "wire.test_management", "wire.test_engine_driven",
          "wire.test_lookup", "wire.test_lmcache_driven", "wire.test_geometry",
          "wire.test_pickle", "wire.test_pool", "wire.test_kv_events", "wire.test_errors",
          "wire.test_hostile", "wire.test_soak", "wire.test_server", "wire.test_http",
          "wire.test_access", "wire.test_metrics", "wire.test_events", "wire.test_logging",
          "wire.test_otlp", "wire.test_tracing", "wire.test_trace_recording",
          "wire.test_trace_workloads", "wire.test_gen_ai", "wire.test_identity", "wire.test_l2",
          "wire.test_l2_http", "wire.test_l2_stores", "wire.test_l2_damage", "wire.test_l2_odd",
          "wire.test_l2_runtime", "wire.test_l2_hung",
          "s3.test_moto", "s3.test_faults", "s3.test_tls",
          "fault.test_client_death", "fault.test_l2_crash",
          "fault.test_l2_remote_crash", "fault.test_l2_storm"]


def stop_servers() -> list[str]:
    from wire.harness import stop_servers as stop
    return stop()


def main() -> int:
    parser = suites.flags(__doc__)
    parser.add_argument("--peer", metavar="PATH",
                        help="test the real server instead: path of its `lmcache` command")
    parser.add_argument("--time-scale", default="1", help="factor on waiting times")
    args = parser.parse_args()
    os.environ["ACTORD_KIND"] = "peer" if args.peer else "daemon"
    os.environ["ACTORD_TIME_SCALE"] = args.time_scale
    if not suites.use_daemon(args.peer or args.daemon):
        return 2
    # The store in S3 has a driver of its own: no server runs.
    own = [s for s in SUITES if not (args.peer and s.startswith("s3."))]
    return suites.run(args, own, stop_servers)


if __name__ == "__main__":
    sys.exit(main())
