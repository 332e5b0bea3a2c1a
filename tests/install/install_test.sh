#!/usr/bin/env bash
# Installs into a temporary prefix, moves it, builds examples/ against it with find_package, and draws a picture.
#   install_test.sh SOURCE_DIR BUILD_DIR CXX_COMPILER
set -euo pipefail
source_dir=$1 build_dir=$2 compiler=$3
work=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$work"' EXIT

cmake --install "$build_dir" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"  # an installed tree may be moved

fail() { echo "FAILED: $*" >&2; exit 1; }
# The libraries that a program finds, with their paths. On macOS the loader prints what it has loaded.
libraries_of() {
  if [[ $(uname) == Darwin ]]; then
    { DYLD_PRINT_LIBRARIES=1 "$@" >/dev/null; } 2>&1
  else
    ldd "$1"  # Linux
  fi
}
program=$work/prefix/bin/corepulse
libraries=$(libraries_of "$program" --version)
[[ $libraries == *"$work/prefix/"*"/corepulse/mlx/lib/libmlx"* ]] || fail "MLX is not the installed one: $libraries"
[[ $libraries != *"not found"* ]] || fail "a library is missing: $libraries"
[[ $libraries != *"$source_dir"* && $libraries != *"$build_dir"* ]] || fail "needs the source tree: $libraries"
[[ $(uname) != Darwin || -s $work/prefix/lib/corepulse/mlx/lib/mlx.metallib ]] || fail "no kernels for Metal beside MLX"
[[ $("$program" --version) == "corepulse "* ]] || fail "--version"

man=$work/prefix/share/man/man1/corepulse.1
grep -q "^\.SS corepulse generate" "$man" || fail "no manual page"
! command -v groff >/dev/null || [[ -z $(groff -man -Tutf8 -ww -z "$man" 2>&1) ]] || fail "the manual page has errors"
grep -q "_corepulse" "$work/prefix/share/bash-completion/completions/corepulse" || fail "no completion for bash"
[[ -s $work/prefix/share/zsh/site-functions/_corepulse ]] || fail "no completion for zsh"
[[ -s $work/prefix/share/fish/vendor_completions.d/corepulse.fish ]] || fail "no completion for fish"

# Its files are those beside it or in COREPULSE_DATA: without them there is no model, though the source tree has one.
cd "$work"
"$program" inspect builtin --json >inspect.json
grep -q '"family"' inspect.json || fail "inspect builtin"
! grep -q -F "$source_dir" "$work"/prefix/lib/libcorepulse.* || fail "the library holds a path of the source tree"
mv prefix/share/corepulse data
status=0
"$program" inspect builtin 2>error.txt || status=$?
((status == 3)) || fail "found a model elsewhere, or another error: $(<error.txt)"
COREPULSE_DATA=$work/data "$program" inspect builtin >/dev/null || fail "COREPULSE_DATA"
mv data prefix/share/corepulse

CXX=$compiler cmake -S "$source_dir/examples" -B examples -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
cmake --build examples
examples/04_inspect >/dev/null
examples/01_text_to_image "a cat in a park" cat.png 2
[[ -s cat.png ]] || fail "no picture"
"$program" inspect cat.png | grep -q "a cat in a park" || fail "the picture does not hold its recipe"
examples/03_progress_callback | grep -q "stopped, as asked" || fail "the callback did not stop the run"
examples/05_live_edit | grep -q "its recipe repeats it" || fail "a live edit was not repeated"
examples/06_heat_maps | grep -q "seen-cat-at-middle-0.png: most" || fail "no heat map"
[[ -s seen-park-at-output-1.npy ]] || fail "no values"
examples/07_own_attention | grep -q "away from the plain one" || fail "an own attention function did not act"
libraries=$(libraries_of examples/07_own_attention)
[[ $libraries == *"$work/prefix/"*"/libmlx"* ]] || fail "corepulse::mlx is not the installed MLX"
echo "installed, moved, built against, run: fine"
