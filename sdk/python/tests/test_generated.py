"""What is derived is fresh."""

from __future__ import annotations

import subprocess
import sys

from .support import ROOT


def test_generated_files_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "sdk" / "python" / "tools" / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
