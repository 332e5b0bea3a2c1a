"""Fails when a file includes what its folder may not see (ARCHITECTURE.md, "Folders"; src/kernels/README.md)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()

# Folder of src/ -> folders or headers of src/ it may include, beside itself, base/ and include/corepulse/.
ALLOWED = {
    "base": set(),
    "io": set(),
    "kernels": {"io/kept.h"},
    "nn": {"io", "kernels"},
    "adapters": {"nn", "io", "kernels"},
    "control": {"io/json.h"},
    "attention": {"nn", "kernels", "control/plan.h", "control/site.h"},
    "text": {"nn", "kernels", "io"},
    "vae": {"nn", "kernels", "io"},
    "vision": {"nn", "kernels", "io"},
    "unet": {"attention", "nn", "kernels", "control/plan.h", "control/site.h"},
    "sampler": set(),
    "model": {"text", "unet", "vae", "vision", "sampler", "nn", "io"},
    "engine": {"*"},
    "pipeline": {"*"},
    "sweep": {"io"},
}
# The wings of kernels/, and what of kernels/ each may include beside the bottom headers: those that know no operation. An
# operation sees a wing's one header; amx/ is below cpu/; cuda/ and metal/ stand apart.
WINGS = {"amx": {"amx"}, "cpu": {"amx", "cpu"}, "cuda": {"cuda"}, "metal": {"metal"}}
WING_HEADERS = {"kernels/cpu/cpu.h", "kernels/cuda/cuda.h", "kernels/metal/attention.h"}
BOTTOM = {f"kernels/{name}.h" for name in ("device", "memory", "number", "options", "parallel", "plain_weights", "round", "stop")}
# What of a wing is no operation's, for folders above kernels/.
SHOWN = {"kernels/cuda/graph.h"}
# Rooms of a folder: each may include those before it and the folder's own headers, which include no room.
ROOMS = {
    "control": ("texts", "recipe", "region", "readings", "effects", "program"),
}
# Outside libraries that the server sees in a few sources alone.
SERVER_ALONE = {"boost/": {f"server/http/{name}" for name in ("connection.h", "connection.cpp", "listener.cpp", "parser.h", "parser.cpp")},
                "sqlite3.h": {"server/jobs/sqlite.cpp"}}
# Only these public headers may show an outside library to applications.
OPEN_HEADERS = {"include/corepulse/attention_function.h", "include/corepulse/probe.h"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
KIND_LIST = "include/corepulse/effects.h"
KINDS = re.compile(r"using Effect = std::variant<([^>]*)>")
PLAN_CALL = re.compile(r"(?:\.|->)plan\s*\(")
PLAN_HOME = "src/attention/attention.cpp"


def files(folder):
    return [f for f in sorted((ROOT / folder).rglob("*")) if f.suffix in (".h", ".cpp")]


def includes(file):
    return [(kind, name) for kind, name in INCLUDE.findall(file.read_text())]


def wing_of(place):
    """The wing in which a file or a header of src/ lies; none for others of kernels/, and for other folders."""
    parts = place.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "kernels" and parts[1] in WINGS else None


def wing_error(where, name):
    own, target = wing_of(where), wing_of(name)
    if own and name.startswith("kernels/") and name not in BOTTOM and target not in WINGS[own]:
        return f"kernels/{own} may include of kernels/ only: {', '.join(sorted(WINGS[own]))} and {', '.join(sorted(BOTTOM))}"
    if not own and target and name not in (WING_HEADERS if where.startswith("kernels/") else SHOWN):
        return f"a wing is seen through {', '.join(sorted(WING_HEADERS))} by operations, and above kernels/ not at all"
    if where in BOTTOM and name.startswith("kernels/") and name not in BOTTOM:
        return "wings include this header: it may know no operation"
    return None


def room(path):
    """Its number in ROOMS, -1 at the top of the folder, None for a room that ROOMS lacks."""
    folder, *rest = path
    if len(rest) < 2:
        return -1
    return ROOMS[folder].index(rest[0]) if rest[0] in ROOMS[folder] else None


def source_error(file, name):
    where = file.relative_to(ROOT / "src").parts
    own, target = where[0], name.split("/")[0]
    if own == target and own in ROOMS:
        from_room, to_room = room(where), room(name.split("/"))
        if from_room is None or to_room is None or to_room > from_room:
            return f"{own}/ has these rooms, each may include those before it: {', '.join(ROOMS[own])}"
    if target not in ALLOWED or target in (own, "base"):
        return None
    allowed = ALLOWED[own]
    if allowed & {"*", target, name}:
        return None
    return f"{own} may include only base, corepulse/ and: {', '.join(sorted(allowed)) or 'nothing more'}"


def check(file):
    where = file.relative_to(ROOT)
    part = where.parts[0]
    for kind, name in includes(file):
        error = None
        if name == "mlx/mlx.h":
            error = "include only the MLX headers that are needed"
        elif part == "src" and kind == '"':
            error = source_error(file, name) or wing_error(file.relative_to(ROOT / "src").as_posix(), name)
        elif part == "include" and str(where) not in OPEN_HEADERS:
            if (kind == '"' and not name.startswith("corepulse/")) or (kind == "<" and re.search(r"[/.]", name)):
                error = "public headers include the standard library and corepulse/ only"
        elif part == "cli" and name.split("/")[0] in {*ALLOWED, "mlx"}:
            error = "the program includes public headers only"
        elif part == "server" and name.split("/")[0] in {*ALLOWED, "mlx", "commands", "terminal"}:
            error = "the server includes public headers and its own only"
        elif part == "server" and any(name.startswith(n) and str(where) not in f for n, f in SERVER_ALONE.items()):
            error = "only " + ", ".join(sorted(f for n, fs in SERVER_ALONE.items() if name.startswith(n) for f in fs)) + " may"
        elif part == "python" and name.split("/")[0] in ALLOWED:
            error = "the Python package includes public headers only"
        if error:
            yield f"{where}: includes {name}: {error}"


def check_plan_calls():
    """Attention is decided at one place: a second plan( call outside control/ would be a second one."""
    calls = []
    for file in files("src"):
        where = str(file.relative_to(ROOT))
        if not where.startswith("src/control/"):
            calls += [where] * len(PLAN_CALL.findall(COMMENT.sub("", file.read_text())))
    if calls != [PLAN_HOME]:
        yield f"plan( must be called once in src/ outside control/, in {PLAN_HOME}; found in: {', '.join(calls) or 'no file'}"


def check_kinds():
    """A kind of control is known in its own file alone: what all kinds have in common goes through kind.h."""
    home = ROOT / "src/control/effects"
    found = KINDS.search((ROOT / KIND_LIST).read_text()) if (ROOT / KIND_LIST).exists() else None
    sources = {f: LITERAL.sub("", COMMENT.sub("", f.read_text())) for f in files("src/control") if home / "legacy" not in f.parents}
    for kind in re.findall(r"\w+", found[1]) if found else []:
        users = [f for f, text in sources.items() if re.search(rf"\b{kind}\b", text)]
        if len({f.with_suffix("") for f in users}) != 1 or users[0].parent != home:
            listed = ", ".join(str(f.relative_to(ROOT)) for f in users) or "no file"
            yield f"{kind} is to be known in one file of src/control/effects/ (and in legacy/); found in: {listed}"


def main():
    checked = [f for folder in ("include", "src", "cli", "server", "python") for f in files(folder)]
    errors = [e for f in checked for e in check(f)] + list(check_plan_calls()) + list(check_kinds())
    print("\n".join(errors + [f"layers: {len(checked)} files, {len(errors)} wrong"]))
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
