#!/usr/bin/env bash
# Installs into a temporary prefix, moves it, builds examples/ against it with find_package, and draws a picture.
#   install_test.sh SOURCE_DIR BUILD_DIR CXX_COMPILER
set -euo pipefail
source_dir=$1 build_dir=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build_dir" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"  # an installed tree may be moved

fail() { echo "FAILED: $*" >&2; exit 1; }
program=$work/prefix/bin/corepulse
libraries=$(ldd "$program")
[[ $libraries == *"$work/prefix/"*"/corepulse/mlx/lib/libmlx"* ]] || fail "MLX is not the installed one: $libraries"
[[ $libraries != *"not found"* ]] || fail "a library is missing: $libraries"
[[ $libraries != *"$source_dir"* && $libraries != *"$build_dir"* ]] || fail "needs the source tree: $libraries"
[[ $("$program" --version) == "corepulse "* ]] || fail "--version"

# The source tree's own copy must not be what an installed program reads.
cd "$work"
"$program" inspect builtin --json >inspect.json
grep -q '"family"' inspect.json || fail "inspect builtin"
grep -q "$source_dir/models" inspect.json && fail "reads the model of the source tree"

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
echo "installed, moved, built against, run: fine"
