"""Runs the page's tests, or says why they cannot be run here and exits with 77, which ctest reads as skipped."""
import importlib.util
import pathlib
import shutil
import sys

missing = [m for m in ("pytest", "selenium", "axe_core_python") if importlib.util.find_spec(m) is None]
missing += [p for p in ("chromedriver",) if not shutil.which(p)]
if not any(shutil.which(p) for p in ("chromium", "google-chrome", "chromium-browser")):
    missing.append("chromium")
if missing:
    print(f"studio: SKIPPED: {', '.join(missing)} cannot be had here; ./run test installs them where it may "
          "(apt-get install chromium chromium-driver; tests/studio/requirements.txt)")
    sys.exit(77)

import pytest

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", str(pathlib.Path(__file__).parent), *sys.argv[1:]]))
