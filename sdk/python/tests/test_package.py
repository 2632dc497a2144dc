"""What is published: it builds, it installs into an empty environment, and the examples of its README run there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

from .support import ROOT, Server

PROJECT = ROOT / "sdk" / "python"


def run(*command: str | Path, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    result = subprocess.run(command, capture_output=True, text=True, env={**clean, **environment})
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def examples() -> list[str]:
    """The blocks of the README; one goes on where the one before it ends."""
    blocks = re.findall(r"^```python\n(.*?)^```", (PROJECT / "README.md").read_text("utf-8"), re.S | re.M)
    assert len(blocks) == 9
    return blocks


def test_the_package(tmp_path: Path, server: Server) -> None:
    dist = tmp_path / "dist"
    # The wheel is made from the sdist, as an installer would do it.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, PROJECT)
    wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    modules = {path.name for path in (PROJECT / "src" / "sluicegate").iterdir() if path.is_file()}
    assert "py.typed" in modules
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {name.removeprefix("sluicegate/") for name in names if name.startswith("sluicegate/")} == modules
        assert any(name.endswith("licenses/LICENSE") for name in names)
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    with tarfile.open(sdist) as archive:
        assert not [name for name in archive.getnames() if "/tests/" in name or "__pycache__" in name]
    assert "Requires-Python: >=3.10" in metadata

    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check", wheel)
    script = tmp_path / "examples.py"
    script.write_text("\n".join(examples()), "utf-8")
    output = run(
        python,
        "-W",
        "error",
        script,
        SLUICEGATE_URL=server.url,
        SLUICEGATE_API_KEY=server.api_key,
        SLUICEGATE_WORKSPACE=server.workspace_id,
        SLUICEGATE_POD=server.pod_id,
    )
    for line in (
        "3 begin running",
        "the end: Hello Ada",
        "Release 1.4?",
        "{'begin': 'reuse'",
        "the sum: {'total': 3}",
        "nobody has answered yet",
    ):
        assert line in output, output


def test_the_examples_are_typed(tmp_path: Path) -> None:
    (tmp_path / "examples.py").write_text("\n".join(examples()), "utf-8")
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.10", "extraPaths": [str(PROJECT / "src")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    run(sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project", tmp_path)
