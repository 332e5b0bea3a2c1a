"""Prints every C++ function that is longer than a screen (40 lines), as file:line, name, lines.

A function is counted from the first line of its declarator to its closing brace; lambdas and local types count in it.
Tables of data are no functions, but a lambda in one is. A file that is the body of a CUDA kernel counts as a file
(sizes.py): its statements share registers.  python cmake/functions.py PATH...: files or folders.
"""
import pathlib
import re
import sys

LIMIT = 40
SUFFIXES = (".h", ".cpp", ".cu", ".cuh", ".inc")

# What may hold braces that are no braces. Digit separators (1'000) are no character literals.
OPAQUE = re.compile(r'''
    //(?:\\\n|[^\n])* | /\*.*?\*/
  | (?:\b(?:u8|[uUL]))?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"
  | "(?:\\.|[^"\\\n])*"
  | (?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'
''', re.X | re.S)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(?P<word>\w*)(?:\\\n|[^\n])*", re.M)
TOKEN = re.compile(r"[{}();]|\x00[iez]")
QUALIFIERS = re.compile(r"(?:\s|const\b|volatile\b|noexcept\b|override\b|final\b|mutable\b|try\b|&|requires\b.*|->.*|[A-Z][A-Z0-9_]*\b)*", re.S)
SCOPE, DATA, MEMBER, INNER = "/scope", "/data", "/member", "/inner"  # no function's name
LAMBDA = re.compile(r"\](?:\s|mutable\b|noexcept\b|constexpr\b|\(\)|<[^<>]*>|->[\w:<>,&*\s]+)*$")
STATEMENTS = {"for", "if", "while", "switch", "catch"}
WORD_OF_SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
# In front of a declaration: templates, specifiers, and macros that stand alone.
PREFIX = re.compile(r'^(?:template\s*<>|(?:static|inline|constexpr|typedef|extern(?:\s*"\s*"(?=\s*\w)|(?!\s*"))|public:|private:|protected:)\s|[A-Z][A-Z0-9_]+\s*\(\)(?=\s*\w)|\s)*')
# In front of a function's first line.
BEFORE = re.compile(r"(?:\s|\x00[iez]|template\s*<[^{}();]*>\s|(?:public|private|protected):)*")
# Parentheses beside those of the parameters.
BESIDE = re.compile(r"\b(?:__\w+__|alignas|noexcept|explicit|decltype|requires)\s*\(\)|\[\[[^\]]*\]\]")
OPERATOR = re.compile(r"\boperator\s*(?:\(\)|\[\]|[-+*/%^&|~!=<>,]+)")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def readable(text):
    """The same lines and columns without comments, literals and directives; conditions become \\0i \\0e \\0z (if, else, end)."""
    def literal(match):
        found = match[0]
        return blank(found) if found[0] == "/" else '"' + blank(found[1:-1]) + '"'

    def directive(match):
        mark = {"if": "\0i", "ifdef": "\0i", "ifndef": "\0i", "elif": "\0e", "else": "\0e", "endif": "\0z"}.get(match["word"], "")
        return mark + blank(match[0])[len(mark):]

    return DIRECTIVE.sub(directive, OPAQUE.sub(literal, text))


def without(text, left, right):
    """The text in which the outermost brackets of a kind are empty."""
    out, depth = [], 0
    for c in text:
        if c == left:
            depth += 1
            if depth == 1:
                out.append(left)
        elif c == right and depth:
            depth -= 1
            if depth == 0:
                out.append(right)
        elif not depth:
            out.append(c)
    return "".join(out)


def simple(head):
    """A head in which parentheses and template arguments are empty and operators have a name."""
    head = re.sub(r"\x00[iez]", " ", head)
    head = OPERATOR.sub(lambda m: "operator" + "_" * (len(m[0]) - 8), without(head, "{", "}"))
    head = without(head, "(", ")").replace("->", "\x01")
    return without(head, "<", ">").replace("\x01", "->")


def kind_of(head):
    """What a brace after the head opens: SCOPE, DATA, MEMBER (a braced initialiser before a body), or a function by its name."""
    head = simple(head).strip()
    if LAMBDA.search(head):
        name = re.search(r"(\w+)\s*=", head)
        return "lambda " + name[1] if name else "lambda"
    plain = PREFIX.sub("", BESIDE.sub(" ", head))
    call = re.search(r"([\w:~]+)(?:<>)?\s*\(\)", plain)
    after = plain[call.end():] if call else ""
    if not plain or plain.startswith("extern") or WORD_OF_SCOPE.match(plain) and not (call and QUALIFIERS.fullmatch(after)):
        return SCOPE
    if not call or "=" in plain[: call.start()]:
        return DATA
    if call[1] in STATEMENTS:
        return INNER
    if re.match(r"(?:\s|noexcept|try)*:(?!:)", after):
        return call[1] if after.rstrip().endswith((")", "}")) else MEMBER
    return call[1] if QUALIFIERS.fullmatch(after) else DATA


class Scanner:
    """Matches braces. Within a function all of them count in it; outside, each opens what its head says."""

    def __init__(self, text):
        self.code = readable(text)
        self.open = []  # (what, where its head starts, depth of parentheses around it)
        self.start, self.parens = 0, 0  # of the head that is being read
        self.branches = []  # `open` and `parens` at each #if that is not ended: every branch begins there

    def functions(self):
        """(first line, name, lines) of each."""
        steps = {"(": self.deeper, ")": self.shallower, "{": self.begin, ";": self.statement,
                 "\0i": self.branch, "\0e": self.otherwise, "\0z": self.end_branches}
        for match in TOKEN.finditer(self.code):
            if match[0] == "}":
                yield from self.end(match.start())
            else:
                steps[match[0]](match.start())

    def deeper(self, _):
        self.parens += 1

    def shallower(self, _):
        self.parens = max(self.parens - 1, 0)

    def begin(self, at):
        around = self.open[-1][0] if self.open else SCOPE
        head = self.code[self.start:at]
        what = INNER
        if around == SCOPE and self.parens == 0:
            what = kind_of(head)
        elif around in (SCOPE, DATA):
            what = "lambda" if "[" in head and LAMBDA.search(without(head, "(", ")").rstrip()) else DATA
        self.open.append((what, self.start, self.parens))
        if what not in (INNER, MEMBER):
            self.start, self.parens = at + 1, 0

    def end(self, at):
        if not self.open:
            return
        what, start, self.parens = self.open.pop()
        if what == MEMBER or what == INNER and self.open and self.open[-1][0] != SCOPE:
            return
        if what not in (SCOPE, DATA, INNER):
            first = start + BEFORE.match(self.code[start:at]).end()
            yield self.code.count("\n", 0, first) + 1, what, self.code.count("\n", first, at) + 1
        # `= {...}` and `f([] {...})` go on with the head that they are part of.
        self.start = start if what == DATA or what == "lambda" and self.parens else at + 1

    def statement(self, at):
        if self.parens == 0 and (not self.open or self.open[-1][0] == SCOPE):
            self.start = at + 1

    def branch(self, _):
        self.branches.append((list(self.open), self.parens))

    def otherwise(self, at):
        if self.branches:
            self.open, self.parens = list(self.branches[-1][0]), self.branches[-1][1]
            self.start = at + 2

    def end_branches(self, _):
        if self.branches:
            self.branches.pop()


def sources(paths):
    for path in map(pathlib.Path, paths):
        yield from [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES)


def too_long(paths, root=None):
    for file in sources(paths):
        where = file.relative_to(root).as_posix() if root else file
        for line, name, lines in Scanner(file.read_text()).functions():
            if lines > LIMIT:
                yield f"{where}:{line}: {name}, {lines} lines; at most {LIMIT}"


def main():
    found = list(too_long(sys.argv[1:] or ["."]))
    print("\n".join(found + [f"functions: {len(found)} over {LIMIT} lines"]))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
