# shellcheck shell=bash
# What cross builds share; sourced by macos.sh and arm64.sh, which ./run starts in the project's folder.
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
stop() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# need PROGRAM PACKAGE: on Debian.
need() {
  command -v "$1" >/dev/null || stop "$1 is missing; on Debian: apt-get install $2"
}

# pinned NAME: the line of wheels.txt, for pip install -r.
pinned() {
  grep "^$1==" cmake/cross/wheels.txt || stop "wheels.txt lacks $1"
}

# wheel NAME PLATFORM FOLDER: unpacks the pinned wheel of another platform, once.
wheel() {
  local line
  line=$(pinned "$1")
  [[ ! -f $3/stamp || $(<"$3/stamp") != "$line $2" ]] || return 0
  say "unpacking ${line%% *} for $2"
  rm -rf "$3"
  mkdir -p "$3"
  echo "$line" >"$3/pinned.txt"
  "${python:?}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --platform "$2" --dest "$3" -r "$3/pinned.txt"
  "${python:?}" -m zipfile -e "$3"/*.whl "$3"
  rm "$3"/*.whl
  echo "$line $2" >"$3/stamp"
}
