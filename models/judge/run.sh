#!/usr/bin/env bash
# Trains the judge on this machine: run.sh OUT writes judge.safetensors, log.txt and samples.png into OUT.
# JUDGE_S: seconds of training (240). Needs Python with torch, numpy, safetensors and pillow.
set -euo pipefail
out=$(realpath -m "${1:?usage: run.sh OUT}")
cd "$(dirname "$0")"
exec "${PYTHON:-python3}" train.py "$out" --seconds "${JUDGE_S:-240}" "${@:2}"
