#!/usr/bin/env python3
"""Fails when a file, function, line or room README grows too long to be read at a sitting."""

import ast
import re

import sources

FILE_LINES = 400
FUNCTION_LINES = 70
COLUMNS = 100
README_LINES = 40
ROOMS = ("storage", "runtime", "gpu", "observability", "actors", "tests", "bench")

# One alternative per token whose content must not be read as code.
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/            # comments
      |R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"
      |"(?:\\.|[^"\\\n])*"
      |(?<![\w'])\d[\w.']*            # a number, with its digit separators
      |'(?:\\.|[^'\\\n])+'
      |^[ \t]*\#(?:\\\n|[^\n])*       # preprocessor lines""",
    re.X | re.S | re.M)
SCOPE = re.compile(r"(?:^|\s)(?:namespace|class|struct|union|enum|extern)\b")


def code_only(text):
    """Blanks comments, literals and preprocessor lines; keeps every newline in its place."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def is_function(head):
    """Whether the text between the last statement and a brace begins a function's body."""
    declaration = re.sub(r"template\s*<[^{;]*?>\s*(?=\w)|\[\[.*?\]\]|alignas\([^)]*\)", " ", head)
    if SCOPE.match(declaration) and not re.search(r"\w\s*\(", declaration):
        return False
    return "(" in declaration and not re.search(r"=\s*$", declaration)


def cxx_functions(text):
    """Yields (first line, last line) of the outermost functions; None when braces do not pair.

    Relies on the project's format: a brace that begins a body stands behind a blank, one that
    initializes a member stands right behind its name.
    """
    text = code_only(text)
    stack, head, start = [], 0, None  # per open brace: scope, body or initializer
    for match in re.finditer(r"[{};]", text):
        position, mark = match.start(), match[0]
        if mark == "{":
            words = text[head:position]
            if "body" in stack:
                stack.append("body")
            elif not text[position - 1 : position].isspace():
                stack.append("initializer")
            elif is_function(words):
                stack.append("body")
                start = position - len(words.lstrip())
            else:
                stack.append("scope")
        elif mark == "}":
            if not stack:
                yield None
                return
            kind = stack.pop()
            if kind == "initializer":
                continue  # the declaration goes on behind it
            if kind == "body" and "body" not in stack:
                yield text.count("\n", 0, start) + 1, text.count("\n", 0, position) + 1
        if "body" not in stack and "initializer" not in stack:
            head = match.end()
    if stack:
        yield None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def shell_functions(text):
    for match in re.finditer(r"^\w+\(\) \{\n.*?^\}", text, re.M | re.S):
        first = text.count("\n", 0, match.start()) + 1
        yield first, first + match[0].count("\n")


def functions(path, text):
    if path.suffix in sources.CXX:
        return cxx_functions(text)
    if path.suffix == ".py":
        return python_functions(text)
    return shell_functions(text)


def file_violations(path, relative):
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield f"{relative}:1: {len(lines)} lines, {FILE_LINES} at most"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{relative}:{number}: {len(line)} columns, {COLUMNS} at most"
    for span in functions(path, text):
        if span is None:
            yield f"{relative}:1: braces do not pair, no function can be measured"
        elif (length := span[1] - span[0] + 1) > FUNCTION_LINES:
            yield f"{relative}:{span[0]}: function of {length} lines, {FUNCTION_LINES} at most"


def readme_violations(root):
    with_code = {relative.parts[0] for _, relative in sources.code(root)}
    for room in ROOMS:
        readme = root / room / "README.md"
        if room not in with_code:
            continue
        if not readme.is_file():
            yield f"{room}/README.md: missing; it says in at most {README_LINES} lines what is here"
        elif (count := len(readme.read_text().splitlines())) > README_LINES:
            yield f"{room}/README.md:1: {count} lines, {README_LINES} at most"


def violations(root):
    for path, relative in sources.code(root):
        yield from file_violations(path, relative.as_posix())
    yield from readme_violations(root)


if __name__ == "__main__":
    sources.main(violations)
