"""Every look, and decoys' filling, with the same bytes on other processors than this one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from infgen.ops.blend import premultiply
from infgen.ops.blends import BLENDS, blend_edges
from infgen.ops.filling import fill
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.lookalikes import Ground
from infgen.ops.putting import put_down
from infgen.ops.shadows import SHADOWS
from infgen.records.plan import Look, Shadow

ROOT = Path(__file__).resolve().parents[2]
LOOKS = {
    **{blend: Look(blend=blend) for blend in BLENDS},
    **{f"harmonize {name}": Look(harmonize=name) for name in HARMONIZE},
    **{f"{kind} shadow": Look(shadow=Shadow(kind, (-0.05, 0.1), 0.03, 0.55)) for kind in SHADOWS},
}


def picture() -> np.ndarray:
    """(120, 160, 3) uint8 of all kinds of detail, in whole numbers."""
    y, x = np.mgrid[:120, :160]
    waves = [
        (x * 3 + y * k) % 61 + (x * y // (5 + k)) % 97 + (x // 20 + y // 15) * 8 for k in range(3)
    ]
    return np.clip(np.stack(waves, axis=-1), 0, 255).astype(np.uint8)


def hashes() -> dict[str, str]:
    canvas = picture()
    y, x = np.mgrid[:70, :60]
    inside = ((x - 30) ** 2 * 49 + (y - 35) ** 2 * 36 < 34**2 * 40) & ((x // 9 + y // 40) % 5 > 0)
    alpha = cv2.blur(255 * inside.astype(np.uint8), (3, 3))
    patch = premultiply(np.dstack([canvas[50:, 90:150][::-1], alpha]))
    found = {}
    for name, look in LOOKS.items():
        seen = canvas.copy()
        put_down(seen, blend_edges(patch, look.blend), 40, 30, look)
        found[name] = hashlib.sha256(seen.tobytes()).hexdigest()[:16]
    filled = fill(canvas, Ground(canvas), alpha, 40, 30, (0.3, 0.7))
    found["filling"] = hashlib.sha256(filled.tobytes()).hexdigest()[:16]
    return found


def test_what_every_machine_must_make() -> None:
    """Whoever changes it on purpose raises RECIPE in batch/fingerprint.py."""
    assert hashes() == MADE


def test_processors_without_wide_registers_make_the_same() -> None:
    """As they are told to be: numpy and OpenCV choose other code then, without fused products."""
    less = {
        "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F",
        "OPENCV_CPU_DISABLE": "AVX2,FP16,AVX,SSE4_2,SSE4_1,AVX512_SKX",
        "OPENCV_IPP": "disabled",
    }
    code = "from tests.ops.test_exact_looks import hashes; import json; print(json.dumps(hashes()))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **less},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert told.stdout.strip() == str(hashes()).replace("'", '"'), told.stderr


MADE = {
    "alpha": "da5cc384fce8b6d4",
    "hard": "9f8ad4629b703d73",
    "choke": "de90d17279ffc6a0",
    "feather": "1c74193487e629d7",
    "gaussian": "45b4575b88d22af8",
    "laplacian": "594d3a57c4e860e1",
    "poisson": "a683569b3ec25932",
    "mixed": "75d25bdc585b57df",
    "harmonize none": "da5cc384fce8b6d4",
    "harmonize meanstd": "4870e84d19a77cac",
    "harmonize histogram": "698d44a7932053fb",
    "harmonize lighting": "33f6a86ccd21c5e8",
    "drop shadow": "b6ddf61f56f7a01b",
    "contact shadow": "9a64fda573b95d93",
    "filling": "e0b87ef0b1e2206e",
}
