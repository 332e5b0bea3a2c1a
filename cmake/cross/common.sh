# shellcheck shell=bash
# What cross builds share; sourced by macos.sh and arm64.sh, which ./run starts in the project's folder.
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
stop() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# need PROGRAM PACKAGE: on Debian.
need() {
  command -v "$1" >/dev/null || stop "$1 is missing; on Debian: apt-get install $2"
}

# wheel NAME PLATFORM FOLDER: unpacks the pinned wheel of another platform, once.
wheel() {
  local version
  version=$(sed -n 's/^mlx\[cpu\]==\([0-9.]*\).*/\1/p' requirements.txt)
  [[ ! -f $3/stamp || $(<"$3/stamp") != "$1 $version $2" ]] || return 0
  say "unpacking $1 $version for $2"
  rm -rf "$3"
  mkdir -p "$3"
  "${python:?}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform "$2" --dest "$3" "$1==$version"
  "${python:?}" -m zipfile -e "$3"/*.whl "$3"
  rm "$3"/*.whl
  echo "$1 $version $2" >"$3/stamp"
}
