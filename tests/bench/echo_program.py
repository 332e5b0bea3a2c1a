"""A program that speaks bench/peers/serve.py's protocol without measuring: --fail dies at once, --slow N takes N times."""
import json
import sys

if "--fail" in sys.argv:
    sys.exit("no such library")
factor = float(sys.argv[sys.argv.index("--slow") + 1]) if "--slow" in sys.argv else 1.0
print("library chatter", file=sys.stderr)
print(json.dumps({"ready": "echo", "threads": 1}), flush=True)
calls = 0
for line in sys.stdin:
    calls += 1
    if line.strip() == "unknown":
        print(json.dumps({"error": "no such case"}), flush=True)
    else:
        print(json.dumps({"case": line.strip(), "seconds": factor * (100 if calls == 1 else calls)}), flush=True)
