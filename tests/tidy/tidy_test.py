#!/usr/bin/env python3
"""Proves that each check of the source text finds what it is for, and only that."""

import pathlib
import tempfile
import unittest

import check_format
import check_layers
import check_lengths
import check_words
import sources

NOTE = "TO" + "DO"  # in two pieces, so that check_words does not find this file


def found(check, tree):
    """Runs a check on a tree of {path: text} and returns what it reports."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(check.violations(root))


def header(*includes):
    return "#pragma once\n" + "".join(f"#include {name}\n" for name in includes)


class Layers(unittest.TestCase):
    TREE = {name: header() for name in (
        "storage/a.hpp", "runtime/a.hpp", "actors/messages.hpp", "actors/gateway/a.hpp",
        "actors/cache/a.hpp", "actors/transfer/a.hpp", "actors/gateway/wire/a.hpp")}

    def reports(self, path, include):
        """What is said of a file at this path with this include beside a well-formed tree."""
        return found(check_layers, self.TREE | {path: header(include)})

    def test_accepts_what_the_rooms_may_know(self):
        for path, include in (
                ("storage/b.hpp", '"storage/a.hpp"'), ("gpu/b.hpp", '"storage/a.hpp"'),
                ("storage/b.hpp", "<vector>"), ("storage/b.hpp", "<blake3.h>"),
                ("storage/raw_block_checkpoint_decode.cpp", "<nlohmann/json.hpp>"),
                ("gpu/host_device.cpp", "<sys/mman.h>"), ("runtime/b.hpp", "<caf/all.hpp>"),
                ("actors/gateway/b.hpp", "<zmq.h>"),
                ("actors/gateway/b.hpp", '"actors/cache/a.hpp"'),
                ("actors/cache/b.hpp", '"actors/gateway/wire/a.hpp"'),
                ("actors/cache/b.hpp", '"actors/messages.hpp"'),
                ("actors/main.cpp", '"actors/gateway/a.hpp"'),
                ("actors/gateway/wire/b.hpp", '"storage/a.hpp"'),
                ("tests/actors/b.hpp", '"actors/gateway/a.hpp"'), ("tests/b.hpp", "<doctest/x.h>"),
                ("bench/floor/b.cpp", "<msgpack.hpp>")):
            self.assertEqual(self.reports(path, include), [], f"{path} {include}")

    def test_refuses_rooms_and_folders_against_the_way(self):
        for path, include in (
                ("storage/b.hpp", '"runtime/a.hpp"'), ("storage/b.hpp", '"actors/messages.hpp"'),
                ("gpu/b.hpp", '"runtime/a.hpp"'), ("runtime/b.hpp", '"storage/a.hpp"'),
                ("actors/cache/b.hpp", '"actors/gateway/a.hpp"'),
                ("actors/transfer/b.hpp", '"actors/cache/a.hpp"'),
                ("actors/gateway/wire/b.hpp", '"actors/messages.hpp"'),
                ("actors/gateway/wire/b.hpp", '"actors/gateway/a.hpp"'),
                ("actors/gateway/wire/b.hpp", '"runtime/a.hpp"')):
            self.assertEqual(len(self.reports(path, include)), 1, f"{path} {include}")

    def test_refuses_libraries_outside_their_rooms(self):
        for path, include in (
                ("storage/b.hpp", "<thread>"), ("storage/b.hpp", "<chrono>"),
                ("storage/b.cpp", "<nlohmann/json.hpp>"), ("gpu/b.cpp", "<nlohmann/json.hpp>"),
                ("gpu/b.hpp", "<sys/mman.h>"), ("storage/b.hpp", "<unistd.h>"),
                ("storage/b.hpp", "<caf/all.hpp>"), ("actors/gateway/wire/b.hpp", "<caf/all.hpp>"),
                ("actors/gateway/wire/b.hpp", "<zmq.h>"), ("actors/cache/b.hpp", "<zmq.hpp>"),
                ("runtime/b.hpp", "<httplib.h>"), ("actors/cache/b.hpp", "<liburing.h>"),
                ("observability/b.hpp", "<spdlog/spdlog.h>"), ("actors/b.hpp", "<msgpack.hpp>"),
                ("actors/b.hpp", "<doctest/doctest.h>"), ("runtime/b.hpp", "<CLI/CLI.hpp>")):
            self.assertEqual(len(self.reports(path, include)), 1, f"{path} {include}")

    def test_refuses_includes_that_are_not_rooted_at_the_repository(self):
        self.assertEqual(len(self.reports("storage/b.hpp", '"a.hpp"')), 1)
        self.assertEqual(len(self.reports("storage/b.hpp", '"../storage/a.hpp"')), 1)
        self.assertEqual(len(self.reports("storage/b.hpp", '"storage/absent.hpp"')), 1)

    def test_refuses_a_header_without_pragma_once(self):
        self.assertEqual(len(found(check_layers, {"storage/b.hpp": "int b;\n"})), 1)


class Lengths(unittest.TestCase):
    ROOM = {"storage/README.md": "# Storage\n", "tests/README.md": "# Tests\n"}

    def reports(self, text, path="storage/a.cpp"):
        return found(check_lengths, self.ROOM | {path: text})

    def test_accepts_files_functions_and_lines_at_their_limits(self):
        self.assertEqual(self.reports("int x;\n" * 400), [])
        self.assertEqual(self.reports("// " + "x" * 97 + "\n"), [])
        self.assertEqual(self.reports("void f() {\n" + "  g();\n" * 68 + "}\n"), [])

    def test_refuses_one_line_more(self):
        self.assertEqual(len(self.reports("int x;\n" * 401)), 1)
        self.assertEqual(len(self.reports("// " + "x" * 98 + "\n")), 1)
        self.assertEqual(len(self.reports("void f() {\n" + "  g();\n" * 69 + "}\n")), 1)

    def test_measures_functions_in_every_shape(self):
        body = "  if (x) {\n    g();\n  }\n" * 24 + "}\n"
        for head in ("int a::f(int x) const noexcept {\n",
                     "auto f(int x)\n  -> std::vector<int> {\n",
                     "a::a(int x) : x_{x}, y_{{x}} {\n", "template <class T>\nstruct b f(T x) {\n",
                     'TEST_CASE("a { in a name") {\n', "auto f = [](int x) {\n",
                     "/* { */ int f(char x = '{') {\n"):
            text = "namespace actord {\n\n" + head + body + "\n} // namespace actord\n"
            reported = self.reports(text)
            self.assertEqual(len(reported), 1, head)
            self.assertIn("storage/a.cpp:3: function of", reported[0])

    def test_measures_methods_inside_classes(self):
        method = "  int f() {\n" + "    g();\n" * 69 + "  }\n"
        self.assertEqual(len(self.reports("class a : public b {\npublic:\n" + method + "};\n")), 1)

    def test_takes_long_tables_and_classes_for_what_they_are(self):
        self.assertEqual(self.reports("constexpr int t[] = {\n" + "  {1, 2},\n" * 80 + "};\n"), [])
        self.assertEqual(self.reports("class a {\n" + "  int f();\n" * 80 + "};\n"), [])

    def test_is_not_misled_by_literals_and_separators(self):
        text = ("int n = 1'000;\nauto s = R\"({)\";\nchar c = '}';\n"
                "#define OPEN {\nint m = 2'000;\n")
        self.assertEqual(self.reports(text), [])

    def test_reports_braces_that_do_not_pair(self):
        self.assertEqual(len(self.reports("void f() {\n")), 1)
        self.assertEqual(len(self.reports("}\n")), 1)

    def test_measures_python_and_shell_functions(self):
        self.assertEqual(len(self.reports("def f():\n" + "    g()\n" * 70, "tests/a.py")), 1)
        self.assertEqual(len(self.reports("f() {\n" + "  g\n" * 69 + "}\n", "dev")), 1)

    def test_wants_a_short_readme_in_every_room(self):
        missing = found(check_lengths, {"gpu/a.cpp": "int x;\n"})
        self.assertEqual(len(missing), 1)
        self.assertIn("gpu/README.md: missing", missing[0])
        long = found(check_lengths, {"gpu/a.cpp": "int x;\n", "gpu/README.md": "line\n" * 41})
        self.assertEqual(len(long), 1)


class Format(unittest.TestCase):
    STYLE = {".clang-format": (sources.ROOT / ".clang-format").read_text()}

    def test_accepts_the_format_and_refuses_another(self):
        self.assertEqual(found(check_format, self.STYLE | {"gpu/a.cpp": "int* x = nullptr;\n"}), [])
        reported = found(check_format, self.STYLE | {"gpu/a.cpp": "int y;\nint *x=nullptr;\n"})
        self.assertTrue(reported)
        self.assertTrue(all(line.startswith("gpu/a.cpp:2:") for line in reported), reported)

    def test_finds_nothing_in_a_tree_without_sources(self):
        self.assertEqual(found(check_format, self.STYLE), [])


class Words(unittest.TestCase):
    def test_refuses_notes_paths_registries_and_tickets(self):
        for text in (f"// {NOTE}: later", "// FIX" + "ME", 'open("/ho' + 'me/me/x")',
                     "see /wo" + "rk/shared/x", "https://py" + "pi.org/simple",
                     "http://deb." + "debian.org/debian", "as issue" + " 3 wants"):
            self.assertEqual(len(found(check_words, {"gpu/a.cpp": text + "\n"})), 1, text)
            self.assertEqual(len(found(check_words, {"docs/a.md": text + "\n"})), 1, text)

    def test_accepts_ordinary_paths_and_words(self):
        for text in ("/dev/shm/lmcache_l1_pool_x", "tests/wo" + "rk/x", "$HO" + "ME/root/x",
                     "an issue", "https://example.com/home/x", "ipc:///tmp/engine.sock"):
            self.assertEqual(found(check_words, {"gpu/a.cpp": text + "\n"}), [], text)

    def test_leaves_test_data_and_build_outputs_alone(self):
        for path in ("tests/data/a.json", "build/a.cpp", "tests/fuzz/corpus/a.py"):
            self.assertEqual(found(check_words, {path: f"{NOTE}\n"}), [], path)


if __name__ == "__main__":
    unittest.main()
