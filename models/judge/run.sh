#!/usr/bin/env bash
# Trains the judge on this machine: run.sh OUT writes judge.safetensors, log.txt and samples.png into OUT.
# JUDGE_S: seconds of training (240). Needs Python with torch, numpy, safetensors and pillow.
set -euo pipefail
mkdir -p "${1:?usage: run.sh OUT}"
out=$(cd "$1" && pwd -P)
cd "$(dirname "$0")"
exec "${PYTHON:-python3}" train.py "$out" --seconds "${JUDGE_S:-240}" "${@:2}"
