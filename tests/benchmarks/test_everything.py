"""The whole command, on a few photos and two of its measurements."""

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from gmmaug_plugin.datasets import make_flowers

ROOT = Path(__file__).resolve().parents[2]


def test_bench_prints_ratios_and_writes_every_figure(tmp_path: Path) -> None:
    photos, written = tmp_path / "photos", tmp_path / "found.json"
    photos.mkdir()
    for index, image in enumerate(make_flowers(16, image_size=32, n_classes=1)[0]):
        Image.fromarray(image).save(photos / f"{index}.png")
    chosen = ["--quick", "--only", "limits", "artifact", "--json", str(written)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", str(photos), *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert "float32 to uint8" in done.stdout
    assert "scikit-learn PCA and 10" in done.stdout
    found = json.loads(written.read_text())
    assert found["photos"] == {"n": 16, "image_size": 64, "drawn": False}
    assert "--only limits artifact" in found["command"]
    assert {"avx512_bf16", "amx_bf16"} <= set(found["cpu_flags"])
    assert found["versions"]["numpy"]
    assert found["date"].startswith("20")
    assert found["machine"]
    limits, artifact = found["measurements"]
    assert (limits["measurement"], artifact["measurement"]) == ("limits", "artifact")
    for row in limits["rows"] + artifact["rows"]:
        assert row["value"] > 0
        assert row["unit"]
        assert all(one["ratio"] > 0 for one in row["beside"])
