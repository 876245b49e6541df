"""Small random models, built once for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.models.fake_hub import Hub, serve


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`small("sd", 9, seed=1)` is the folder of such a model; don't change what is in it."""
    root = tmp_path_factory.mktemp("small")

    def build(family: str, channels: int = 4, **options: object) -> Path:
        import torch

        from tests.models.small import BUILDERS

        torch.set_num_threads(1)  # of such small models two threads make a slower one

        name = f"{family}{channels}" + "".join(f"-{k}{v}" for k, v in sorted(options.items()))
        folder = root / name
        return folder if folder.exists() else BUILDERS[family](folder, channels, **options)

    return build


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The real hub client, speaking with a hub on localhost and an empty cache."""
    pytest.importorskip("huggingface_hub", reason="the diffusion extra isn't installed")
    from huggingface_hub import constants

    with serve() as served:
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
        template = served.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield served


def edit_index(folder: Path, **entries: object) -> None:
    """Change a pipeline's model_index.json."""
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
