"""Makes a C++ source of files: embed.py OUT SOURCE_DIR FILE...  The files of SOURCE_DIR/studio go in as "studio/NAME", the
others by their own names."""
import gzip
import pathlib
import sys

HEAD = """// Made by server/embed.py.
#include "embedded.h"

namespace corepulse::server {
namespace {

"""


def literal(data):
    """Bytes as string literals of 2000 each: compilers read these fastest."""
    # Octal, three digits: it ends by itself, and question marks begin no trigraph.
    text = "".join(chr(b) if 32 <= b < 127 and b not in (34, 63, 92) else f"\\{b:03o}" for b in data)
    lines, at = [], 0
    while at < len(text):
        end = min(at + 2000, len(text))
        while end < len(text) and "\\" in text[end - 3:end]:
            end += 1
        lines.append(f'    "{text[at:end]}"')
        at = end
    return "\n".join(lines) or '    ""'


def main(out, source, *named):
    source = pathlib.Path(source)
    studio = sorted(f for f in (source / "studio").rglob("*") if f.is_file()) if (source / "studio").is_dir() else []
    files = [(f"studio/{f.relative_to(source / 'studio').as_posix()}", f) for f in studio]
    files += [(pathlib.Path(f).name, pathlib.Path(f)) for f in named]
    text, table = HEAD, []
    for i, (name, file) in enumerate(files):
        data = file.read_bytes()
        text += f"constexpr char kFile{i}[] =\n{literal(data)};\n"
        packed = gzip.compress(data, mtime=0)
        packed = packed if name.startswith("studio/") and len(packed) < len(data) else b""
        text += f"constexpr char kPacked{i}[] =\n{literal(packed)};\n"
        table.append(f'    {{"{name}", std::string_view(kFile{i}, {len(data)}), std::string_view(kPacked{i}, {len(packed)})}},\n')
    text += "\n}  // namespace\n\nconst std::vector<EmbeddedFile>& embedded_files() {\n"
    text += "  static const std::vector<EmbeddedFile> files = {\n" + "".join(table) + "  };\n  return files;\n}\n"
    text += "\n}  // namespace corepulse::server\n"
    pathlib.Path(out).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
