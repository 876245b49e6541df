"""`infgen serve` from outside: as the README has it, refused where it would be open, and gone with
all that it started."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import infgen
from infgen.batch.store import Store
from infgen.records.errors import MissingExtra, StorageError
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.workspace import Workspace
from tests.making import (
    ROOT,
    draw_cutout,
    infgen_command,
    processes_with,
    save,
    wait_until,
)
from tests.ui.studio.served import served

EXAMPLE = re.search(
    r"```python\n(# studio\n.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S
)


def test_the_readmes_example_and_a_killed_studio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of its own: that it ends is what is tested."""
    monkeypatch.setenv("INFGEN_TEST_TOKEN", str(tmp_path))  # tells its processes from others
    workspace = tmp_path / "workspace"
    save(workspace / "cutouts/ring/0.png", draw_cutout(0, 0))
    with served(workspace) as studio:
        assert EXAMPLE
        code = EXAMPLE[1].replace("http://127.0.0.1:7860/", studio.url)
        done = subprocess.run(
            [sys.executable, "-c", code + f"\n{LONG_RUN}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "finished 20 " in done.stdout and "rings.zip" in done.stdout
        assert (workspace / "datasets/rings/marks.json").exists()
        again = infgen_command("serve", "--workspace", workspace, "--port", 0)
        assert again.returncode == 4 and "another studio is open" in again.stderr

        made = workspace / "datasets/long"
        wait_until(lambda: list(made.glob("images/*/*")), "a picture is there", studio.process)
        assert len(processes_with(str(tmp_path))) >= 2
        studio.process.send_signal(signal.SIGKILL)
        wait_until(lambda: not processes_with(str(tmp_path)), "nothing of it is left")
    assert not (made / "manifest.json").exists()

    there = sum(1 for _ in Store(made).lines())
    with Studio(Workspace(workspace)).open() as later:  # as after a restart
        later.resume("long")
        wait_until(lambda: later.status()["done"] > there + 8, "it goes on")
        assert later.status()["total"] == 20_000
    assert later.status()["state"] == "stopped" and not processes_with(str(tmp_path))
    assert there < sum(1 for _ in Store(made).lines()) < 20_000


LONG_RUN = """
assert studio.predict(api_name="/datasets")[0]["finished"]
large = {"images": 20000, "width": 320, "height": 240, "workers": 2}
studio.predict("long", large, api_name="/start")
try:
    studio.predict("other", {}, api_name="/start")
except Exception as error:
    assert "'long' is being worked on" in str(error), error
else:
    raise AssertionError("two runs at once")
"""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--host", "0.0.0.0"), "--host 0.0.0.0 lets others in: give --token"),
        (("--user", "ann"), "--user and --password-file belong together"),
        (("--port", "70000"), "--port: '70000' won't do"),
        (("--port", "1", "--host", "192.0.2.1", "--token"), "can't listen on 192.0.2.1, port 1"),
        (("--pasword-file", "x"), "did you mean --password-file?"),
    ],
)
def test_what_wont_do_is_refused(
    tmp_path: Path, options: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from infgen.ui import cli

    assert cli.main(["serve", "--workspace", str(tmp_path / "workspace"), *options]) == 2
    seen = capfd.readouterr()
    assert sentence in seen.err and not seen.out


def test_without_gradio_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infgen.ui.studio.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"needs gradio: pip install 'infgen\[ui\]'"):
        infgen.serve(workspace=tmp_path / "workspace")
    assert not (tmp_path / "workspace").exists()


def test_the_help_page_loads_no_gradio() -> None:
    code = (
        "import sys\nfrom infgen.ui import cli\n"
        "try: cli.main(['serve', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'gradio', 'uvicorn', 'starlette'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def test_a_workspace_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't write"):
        Workspace(tmp_path / "file")
