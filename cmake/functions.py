"""Prints every C++ function that is longer than a screen (40 lines), as file:line, name, lines.

A function is counted from the first line of its declarator to its closing brace; lambdas and local types count in it.
Tables of data are no functions, but a lambda in one is.  python cmake/functions.py PATH...: files or folders.
"""
import pathlib
import re
import sys

LIMIT = 40
SUFFIXES = (".h", ".cpp", ".cu", ".cuh", ".inc")

# What may hold braces that are none. Digit separators (1'000) are no character literals.
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
WORD_OF_SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
# In front of a declaration: templates, specifiers, and macros that stand alone.
PREFIX = re.compile(r'^(?:template\s*<>|(?:static|inline|constexpr|typedef|extern(?!\s*")|public:|private:|protected:)\s|[A-Z][A-Z0-9_]+\s*\(\)(?=\s*\w)|\s)*')
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
    """The text with each outermost left...right written as left+right; brackets of templates are told from comparisons by no one."""
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
    if re.match(r"(?:\s|noexcept|try)*:(?!:)", after):
        return call[1] if after.rstrip().endswith((")", "}")) else MEMBER
    return call[1] if QUALIFIERS.fullmatch(after) else DATA


def functions(text):
    """(first line, name, lines) of each function definition."""
    code = readable(text)
    stack, conditions, start, parens = [], [], 0, 0  # stack: (kind, where it starts); parens: depth within the current head
    for match in TOKEN.finditer(code):
        token, at = match[0], match.start()
        if token == "\0i":
            conditions.append((list(stack), start, parens))
        elif token == "\0e" and conditions:
            stack, start, parens = list(conditions[-1][0]), max(conditions[-1][1], start if parens else at + 2), conditions[-1][2]
        elif token == "\0z" and conditions:
            conditions.pop()
        elif token in "()":
            parens += 1 if token == "(" else -1 if parens else 0
        elif token == "{":
            top = stack[-1][0] if stack else SCOPE
            kind = INNER
            if top == SCOPE and parens == 0:
                kind = kind_of(code[start:at])
            elif top in (SCOPE, DATA):
                kind = "lambda" if LAMBDA.search(without(code[start:at], "(", ")").rstrip()) and "[" in code[start:at] else DATA
            stack.append((kind, start, parens))
            if kind != MEMBER:
                start, parens = (at + 1, 0) if kind != INNER else (start, parens)
        elif token == "}" and stack:
            kind, begun, outside = stack.pop()
            parens = outside
            if kind == MEMBER:
                continue
            if kind not in (SCOPE, DATA, INNER, "catch"):
                first = begun + len(code[begun:]) - len(re.sub(r"^(?:\s|\x00[iez]|template\s*<[^{}();]*>\s|public:|private:|protected:)+", "", code[begun:]))
                line = code.count("\n", 0, first) + 1
                yield line, kind, code.count("\n", first, at) + 1
            if kind == DATA or kind == "lambda" and outside:
                start = begun
            elif kind != INNER:
                start = at + 1
        elif token == ";" and parens == 0 and (not stack or stack[-1][0] == SCOPE):
            start = at + 1


def sources(paths):
    for path in map(pathlib.Path, paths):
        yield from [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES)


def too_long(paths, root=None):
    for file in sources(paths):
        where = file.relative_to(root).as_posix() if root else file
        for line, name, lines in functions(file.read_text()):
            if lines > LIMIT:
                yield f"{where}:{line}: {name}, {lines} lines; at most {LIMIT}"


def main():
    found = list(too_long(sys.argv[1:] or ["."]))
    print("\n".join(found + [f"functions: {len(found)} over {LIMIT} lines"]))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
