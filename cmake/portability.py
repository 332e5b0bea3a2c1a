"""Fails on what the compiler and the shell here know and a Mac's do not (CONTRIBUTING.md, "Portability").
`portability.py --scripts` lists the shell scripts, for shellcheck."""
import pathlib
import re
import subprocess
import sys

NAMED = [a for a in sys.argv[1:] if a != "--scripts"]
ROOT = pathlib.Path(NAMED[0] if NAMED else pathlib.Path(__file__).parent.parent).resolve()
FOLDERS = ("include", "src", "cli", "server", "tests", "examples", "bench", "python")

# Pattern -> what to use instead. What libc++ of Xcode 15 and 16 lacks, has behind a flag, or has for newer systems only.
CPP = {
    r"std::(jthread|stop_token|stop_source|stop_callback)\b|<stop_token>": "std::thread and an atomic flag",
    r"std::(v?format|format_to|print|println)\b|<(format|print)>": "fmt",
    r"from_chars\([^;]*chars_format": "leading_number of base/number.h",
    r"to_chars\([^;]*chars_format": "fmt",
    r"\b(views|ranges)::(zip|zip_transform|enumerate|chunk|chunk_by|slide|adjacent|stride|join_with|cartesian_product|"
    r"as_rvalue|as_const|repeat|pairwise|to|contains|starts_with|ends_with|fold_left|find_last)\b": "a loop",
    r"std::(expected|unexpected|generator|mdspan|flat_map|flat_set|move_only_function|bind_back|to_underlying|"
    r"unreachable|byteswap|stacktrace|forward_like)\b|<(expected|generator|mdspan|flat_map|stacktrace|spanstream)>":
        "what C++20 has",
    r"std::execution::|<execution>": "own threads, or the plain algorithm",
    r"chrono::(zoned_time|time_zone|current_zone|locate_zone|get_tzdb|utc_clock|tai_clock|gps_clock|clock_cast|parse)\b":
        "the C library's time functions",
    r"std::atomic_ref\b|std::atomic<\s*std::(shared|weak)_ptr": "std::atomic of a number, or a mutex",
    r"std::o?syncstream\b|std::osyncstream\b|<syncstream>": "one write",
    r"hardware_(de|con)structive_interference_size": "128, an Apple core's cache line",
    r"std::(assoc_laguerre|assoc_legendre|beta|comp_ellint_[123]|cyl_[a-z_]+|ellint_[123]|expint|hermite|laguerre|legendre|"
    r"riemann_zeta|sph_[a-z]+)f?\(": "an own formula",
    r"<bits/|<ext/|__gnu_cxx|std::__": "the standard header",
    r"\b(secure_getenv|program_invocation_(short_)?name|exp10f?|pow10|sincosf?|strchrnul|mempcpy|quick_exit|qsort_r|"
    r"memfd_create|posix_fallocate|fallocate|fdatasync|copy_file_range|mremap|pipe2|accept4|sendfile|get_nprocs|"
    r"sched_[gs]etaffinity|prctl|syscall|clearenv|renameat2)\(": "what macOS has, or #ifdef __linux__",
    r"\b(O_TMPFILE|O_PATH|MSG_NOSIGNAL|MAP_POPULATE|MADV_HUGEPAGE|MADV_DONTDUMP|_SC_AVPHYS_PAGES|CLOCK_BOOTTIME|"
    r"RTLD_DEEPBIND|RUSAGE_THREAD)\b": "what macOS has, or #ifdef __linux__",
    r"\bst_[amc]tim\b": "st_[amc]timespec on macOS",
    r"<(linux|asm)/|<(sys/(sysinfo|prctl|epoll|eventfd|inotify|sendfile|auxv|random)|malloc|endian|byteswap|immintrin|"
    r"link|features)\.h>": "what macOS has, or #ifdef __linux__",
}
FLOATING = re.compile(r"(?:from|to)_chars\([^;]*?,\s*(\w+)(?:,\s*\d+)?\)")

# What bash 3.2, BSD's tools or macOS lack.
SHELL = {
    r"\b(mapfile|readarray|coproc)\b": "while read",
    r"\$\{\w+(\[[^]]*\])?(,,?|\^\^?|@[A-Za-z])": "tr, or printf %q",
    r"\b(declare|local|typeset|readonly)\s+-[a-zA-Z]*[Anlug]": "case, or names in two arrays",
    r"&>>|\|&": ">>file 2>&1",
    r"\$\{\w+\[-\d+\]": "an index counted from the length",
    r"\[\[ -[vR] ": "${name:-}",
    r"\bwait -n\b|%\([^)]*\)T|EPOCH(SECONDS|REALTIME)|globstar|inherit_errexit|BASHPID": "what bash 3.2 has",
    r'(?<!\+)"\$\{(?!BASH_SOURCE)\w+\[@\]\}"': '${name[@]+"${name[@]}"}: empty arrays are unset there',
    r"\bsed\s+(-\w*[ir]|--)": "sed -E; a new file and mv",
    r"\bdate\s+(-d|--|\+\S*%N)": "date +%s, or Python",
    r"\b(sha256sum|sha1sum|md5sum)\b": "cksum, or Python",
    r"\bnproc\b": "getconf _NPROCESSORS_ONLN",
    r"\breadlink\s+-f|\brealpath\b": "cd and pwd -P",
    r"\bstat\s+(-c|--)|\bxargs\s+(-r|--no)|\bgrep\s+-\w*P|\bfind\b.*-printf|\bhead\s+-[nc]\s*-|\bbase64\s+-w|"
    r"\bcp\s+--|\bln\s+-\w*r|\bmktemp\s+--|\bdu\s+-\w*b|\bps\s+--": "what BSD's has",
    r"(^|[|;&(]\s*)(timeout|tac|setsid|ldd|free|lscpu|getent|numfmt)\s": "a tool that macOS has, or if Linux",
}
# Included for x86 alone.
OTHERS = {"src/kernels/amx/split-inl.h"}
LINUX = re.compile(r"__linux__|__GLIBC__|__x86_64__|HWY_ARCH_X86")


def read_by_macs(text):
    """(number, line) without comments and without what stands under conditions that no Mac meets."""
    hidden = []  # for each open #if: whether a Mac leaves this branch out, and whether it takes another one
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)", line):
            kind, condition = found.groups()
            negated = kind == "ifndef" or "!" in condition
            if kind in ("if", "ifdef", "ifndef"):
                linux, apple = LINUX.search(condition), "__APPLE__" in condition
                hidden.append([bool(linux and not negated or apple and negated), bool(apple and not negated)])
            elif kind == "endif" and hidden:
                hidden.pop()
            elif hidden:
                hidden[-1][0] = hidden[-1][1]
        elif not any(h[0] for h in hidden):
            yield number, re.sub(r"//.*", "", line)


def floating(text, line):
    """A name that the line's from_chars or to_chars fills or prints and that is a double or a float in its file."""
    for name in FLOATING.findall(line):
        if re.search(rf"\b(double|float)\b[^;(){{}}]*\b{name}\b", text):
            yield name


def check_cpp(file):
    text = file.read_text()
    for number, line in read_by_macs(text):
        for pattern, instead in CPP.items():
            if found := re.search(pattern, line):
                yield number, f"{found[0]}: use {instead}"
        if "fmt::join" in line and "<fmt/ranges.h>" not in text:
            yield number, "fmt::join: include <fmt/ranges.h>, where Homebrew's newer fmt has it"
        for name in floating(text, line):
            yield number, f"floating-point {name}: use leading_number of base/number.h, or fmt"


def check_shell(file):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if "# Linux" in line:
            continue
        line = re.sub(r"(^|\s)#.*", "", line)
        for pattern, instead in SHELL.items():
            if found := re.search(pattern, line):
                yield number, f"{found[0].strip()}: use {instead}"


def files():
    """All that git does not ignore; without a checkout all files."""
    if (ROOT / ".git").exists():
        git = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        try:
            listed = subprocess.run(git, capture_output=True, check=True).stdout
            return [ROOT / name for name in listed.decode(errors="surrogateescape").split("\0") if name]
        except (OSError, subprocess.CalledProcessError):
            pass
    return list(ROOT.rglob("*"))


def scripts():
    for file in sorted(files()):
        parts = file.relative_to(ROOT).parts
        hidden = any(p.startswith((".venv", ".git", "build", "out")) and p != ".github" for p in parts)
        if hidden or file.suffix not in ("", ".sh") or not file.is_file():
            continue
        with file.open("rb") as opened:
            if re.match(rb"#!.*\b(ba)?sh\b", opened.readline(80)):
                yield file


def main():
    shell = list(scripts())
    if "--scripts" in sys.argv:
        print("\n".join(str(f.relative_to(ROOT)) for f in shell))
        return 0
    sources = [f for folder in FOLDERS for f in sorted((ROOT / folder).rglob("*")) if f.suffix in (".h", ".cpp")]
    sources = [f for f in sources if f.relative_to(ROOT).as_posix() not in OTHERS]
    wrong = [(f, *e) for f in sources for e in check_cpp(f)]
    wrong += [(f, *e) for f in shell for e in check_shell(f)]
    for file, number, what in wrong:
        print(f"{file.relative_to(ROOT)}:{number}: {what}")
    print(f"portability: {len(sources)} sources and {len(shell)} scripts, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
