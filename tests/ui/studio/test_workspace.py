"""What the studio may read and write: its workspace, and nothing that a name or a link makes of
it."""

from __future__ import annotations

import os
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.batch.settings import make_settings, options, read_toml
from infgen.models.presets import PRESETS
from infgen.records.errors import FolderBusy, InputError, StorageError
from infgen.sources.disk import write_file
from infgen.ui.studio import files
from infgen.ui.studio.asked import read_asked, settings_of, write_run
from infgen.ui.studio.example import put_example
from infgen.ui.studio.files import archive, folders, keep, no_room, size_of
from infgen.ui.studio.settings import Keys, ServeSettings, keys_of
from infgen.ui.studio.studio import Studio
from infgen.ui.studio.workspace import TABLES, Workspace, checked_name
from tests.making import draw_cutout, draw_scene, make_tables, save

OUTSIDE = ("../x", "..", "/etc", "~/x", "a/../../x", "C:\\x", "c:x", "\\x", "a\\..\\..\\x", "x\0y")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    make_tables(tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


# ---- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["signs", "road signs 2", "v1.2", "größe", "a-b_c (3)", "a"])
def test_names_that_will_do(name: str) -> None:
    assert checked_name(name, "name") == name


@pytest.mark.parametrize(
    "name", [*OUTSIDE, "", ".", ".hidden", "a/b", "a.", "a ", " a", "con", "NUL.txt", "x" * 101]
)
def test_names_that_wont(name: str, workspace: Workspace) -> None:
    with pytest.raises(InputError, match="won't do"):
        workspace.dataset(name)
    with pytest.raises(InputError, match="won't do"):
        workspace.run_file(name)


@given(st.text(max_size=20))
def test_no_name_leads_anywhere_else(name: str) -> None:
    try:
        checked_name(name, "name")
    except InputError:
        return
    path = Path("/workspace/datasets") / name
    assert path.parent == Path("/workspace/datasets") and path.name == name
    assert not set('\0/\\:*?"<>|\n') & set(name)


def test_a_dataset_that_is_a_link_out_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.root / "datasets").mkdir()
    (workspace.root / "datasets" / "signs").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leads out of the workspace"):
        workspace.dataset("signs")
    assert workspace.datasets() == []


# ---- settings ------------------------------------------------------------------------------------


PATHS = ("background_labels", "augment", "model", "inpaint_model", "detector", "segmenter",
         "scorer", "depth_model")  # fmt: skip


def test_every_setting_that_can_be_a_path_is_known() -> None:
    """A new one must be confined, too."""
    texts = {o.name for o in options() if o.kind in (str, Path) and not o.choices}
    assert texts == {*PATHS, "backgrounds", "classes", "out"}


@pytest.mark.parametrize("name", PATHS)
def test_no_setting_leads_out_of_the_workspace(workspace: Workspace, name: str) -> None:
    for text in ("../x/y.toml", "/etc/x.toml", "~/x.toml", "a/../../x.toml"):
        with pytest.raises(InputError, match="leads out of the workspace"):
            settings_of(workspace, "signs", {name: text})
    (workspace.root / "link.toml").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="leads out of the workspace"):
        settings_of(workspace, "signs", {name: "./link.toml"})


def test_what_is_no_path_or_lies_in_the_workspace_is_taken(workspace: Workspace) -> None:
    (workspace.root / "weights").mkdir()
    for model, meant in (
        *((name, name) for name in PRESETS),
        ("owner/model", "owner/model"),
        ("weights", str(workspace.root / "weights")),
    ):
        assert settings_of(workspace, "signs", {"model": model}).model.model == meant
    settings = settings_of(workspace, "signs", {"augment": "light", "images": 3, "width": None})
    assert (settings.augment.augment, settings.plan.images) == ("light", 3)
    assert settings.out == workspace.root / "datasets" / "signs"
    with pytest.raises(InputError, match="set by the studio"):
        settings_of(workspace, "signs", {"out": "elsewhere"})
    with pytest.raises(InputError, match="did you mean 'images'"):
        settings_of(workspace, "signs", {"imags": 3})


def test_what_was_asked_is_read_again_as_it_was(workspace: Workspace) -> None:
    """Also where it names a file of the workspace, from there."""
    (workspace.root / "mine.toml").write_text("[picture.flip]\nchance = 0.5\n")
    asked = {"augment": "./mine.toml", "images": 3, "format": ["coco"], "width": None}
    file = write_run(workspace, "signs", asked, workspace.run_file("signs"))
    again = read_asked(workspace, "signs")
    assert again == {"augment": "./mine.toml", "images": 3, "format": ["coco"]}
    settings = settings_of(workspace, "signs", again)
    assert make_settings(read_toml(file)) == settings
    assert settings.augment.augment == str(workspace.root / "mine.toml")
    assert read_asked(workspace, "others") == {}
    file.write_text("images = 3\n")
    with pytest.raises(InputError, match="isn't as the studio wrote it"):
        read_asked(workspace, "signs")


# ---- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [*OUTSIDE[:-1], "../*.png", "/**", "out", "out/*", "*/secret.jpg"])
def test_no_cell_leads_out_of_the_workspace(
    workspace: Workspace, tmp_path: Path, cell: str
) -> None:
    save(tmp_path / "secret" / "secret.jpg", draw_scene(1))
    (workspace.root / "out").symlink_to(tmp_path / "secret")
    workspace.write_text("background.csv", f'prompt,num_imgs,images\na,,scenes\nb,,"{cell}"\n')
    with pytest.raises(InputError, match=r"^background.csv:3: images: '.*' leads out") as raised:
        workspace.check_cells()
    assert len(raised.value.problems) == 1


def test_cells_within_it_are_taken(workspace: Workspace) -> None:
    for cell in ("scenes", "scenes/*.jpg", "./scenes/scene_0.jpg", "plain", "not/there", "**"):
        workspace.write_text("background.csv", f"prompt,num_imgs,images\na,1,{cell}\n")
        workspace.check_cells()


def test_tables_come_and_go_as_rows(workspace: Workspace) -> None:
    before = workspace.text("classes.csv")
    names, rows = workspace.grid("classes.csv")
    assert {column.name for column in TABLES["classes.csv"][1]} <= set(names)
    workspace.write_grid("classes.csv", names, rows)
    after = workspace.text("classes.csv")
    assert after.replace('"', "") == before.replace('"', "")
    names, rows = workspace.grid("classes.csv")
    rows[0][names.index("weight")] = "0.5"
    workspace.write_grid("classes.csv", names, [*rows, [""] * len(names)])
    assert workspace.grid("classes.csv") == (names, rows)
    workspace.write_text("classes.csv", "mine;name;prompt;\n1;ring;a ring;;\n2\n")
    names, rows = workspace.grid("classes.csv")
    assert names[-3:] == ["mine", "", ""]
    assert [dict(zip(names, row, strict=True))["prompt"] for row in rows] == ["a ring", ""]
    workspace.write_grid("classes.csv", names, rows)
    assert workspace.grid("classes.csv") == (names, rows)
    workspace.write_text("classes.csv", 'prompt\n"open\n')
    with pytest.raises(InputError, match=r"^classes.csv:2: "):
        workspace.grid("classes.csv")


def test_a_workspace_that_takes_no_lock_is_told_in_a_sentence(workspace: Workspace) -> None:
    (workspace.own / "lock").mkdir()
    with pytest.raises(StorageError, match=r"^can't write "), workspace.claimed():
        pass


# ---- uploads and archives ------------------------------------------------------------------------


def test_uploads_are_pictures_and_take_no_others_place(workspace: Workspace) -> None:
    sent = workspace.uploads / "sent"
    save(sent / "a.png", draw_cutout(0, 0))
    save(sent / "b.jpg", draw_scene(0))
    assert keep(workspace, [sent / "a.png"], "cutouts", "rings") == "cutouts/rings"
    assert not (sent / "a.png").exists()  # what was uploaded counts once
    save(sent / "a.png", draw_cutout(0, 0))
    keep(workspace, [sent / "a.png"] * 2, "cutouts", "rings")  # the same again
    save(sent / "a.png", draw_cutout(0, 0))
    save(sent / "other" / "a.png", draw_cutout(0, 1))
    with pytest.raises(InputError, match="two different pictures have this name"):
        keep(workspace, [sent / "a.png", sent / "other" / "a.png"], "cutouts", "more")
    assert ("cutouts/rings", 1) in folders(workspace)
    with pytest.raises(InputError, match=r"^b.jpg: the cutout has no alpha"):
        keep(workspace, [sent / "b.jpg"], "cutouts", "rings")
    save(sent / "a.png", draw_cutout(0, 1))
    with pytest.raises(InputError, match="another picture of this name"):
        keep(workspace, [sent / "a.png"], "cutouts", "rings")
    (sent / "c.png").write_bytes(b"<script>")
    (sent / "d.html").write_bytes((sent / "b.jpg").read_bytes())
    with pytest.raises(InputError) as raised:
        keep(workspace, [sent / name for name in ("b.jpg", "c.png", "d.html")],
                       "backgrounds", "own")  # fmt: skip
    assert [problem.file for problem in raised.value.problems] == ["c.png", "d.html"]
    assert not (workspace.root / "backgrounds" / "own").exists()
    for folder in OUTSIDE:
        with pytest.raises(InputError):
            keep(workspace, [sent / "b.jpg"], "backgrounds", folder)
    with pytest.raises(InputError, match="no kind"):
        keep(workspace, [sent / "b.jpg"], "../x", "own")


def test_of_two_who_upload_a_name_at_once_one_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, later = Studio(workspace), list[Future[str]]()

    def upload(number: int) -> str:
        file = workspace.uploads / str(number) / "a.png"
        save(file, draw_cutout(0, number))
        return studio.upload([str(file)], "cutouts", "rings")

    def write_later(path: Path, data: bytes) -> None:
        if not later:  # before the first is written, the second comes
            later.append(threads.submit(upload, 1))
            wait(later, timeout=0.3)
        write_file(path, data)

    monkeypatch.setattr(files, "write_file", write_later)
    with ThreadPoolExecutor(1) as threads:
        upload(0)
        with pytest.raises(InputError, match="another picture of this name"):
            later[0].result()


def test_only_what_was_uploaded_is_taken(workspace: Workspace, tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", draw_scene(0))
    (workspace.uploads / "b.jpg").symlink_to(tmp_path / "a.jpg")
    for file in (tmp_path / "a.jpg", workspace.uploads / "b.jpg"):
        with pytest.raises(InputError, match="that were uploaded"):
            keep(workspace, [file], "backgrounds", "own")


def test_uploads_have_a_limit_in_all(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("cutouts/rings/0.png", "backgrounds/own/0.jpg", f".studio/files/{'a' * 64}/1.jpg"):
        (workspace.root / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / path).write_bytes(b"x" * 1000)
    cutouts = [path for path in (workspace.root / "cutouts").rglob("*") if path.is_file()]
    workspace.uploads_gb = (sum(path.stat().st_size for path in cutouts) + 2000) / 1e9
    assert no_room(workspace, 0) == ""
    assert "delete some of backgrounds/ or cutouts/" in no_room(workspace, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=999_999_999))
    assert "the disk has 1.0 GB left" in no_room(workspace, 0)


def test_archives_hold_the_files_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    folder = workspace.root / "datasets" / "signs"
    folder.mkdir(parents=True)
    (folder / "run.toml").write_text("")
    (folder / "a.jpg").write_bytes(b"x" * 1000)
    (folder / "out").symlink_to("/etc/hostname")
    (folder / ".lock").write_text("")
    assert size_of(workspace, "signs") == (2, 1000)
    (folder / "manifest.json").write_text("x")  # is written last
    assert size_of(workspace, "signs") == (3, 1001)
    (folder / "b.jpg").write_bytes(b"x")  # as by somebody else
    assert size_of(workspace, "signs") == (3, 1001)
    os.utime(folder / "manifest.json", (1, 1))
    assert size_of(workspace, "signs") == (4, 1002)
    (folder / "b.jpg").unlink()
    (folder / "manifest.json").unlink()
    with zipfile.ZipFile(archive(workspace, "signs")) as pack:
        assert sorted(pack.namelist()) == ["signs/a.jpg", "signs/run.toml"]
        assert pack.getinfo("signs/a.jpg").compress_type == zipfile.ZIP_STORED
        assert pack.read("signs/a.jpg") == b"x" * 1000
    with zipfile.ZipFile(archive(workspace, "")) as pack:
        assert sorted(pack.namelist()) == sorted(TABLES)
    with pytest.raises(InputError, match="there is no dataset"):
        archive(workspace, "others")


def test_the_example_is_for_empty_workspaces(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has rows"):
        put_example(workspace)
    fresh = Workspace(tmp_path / "fresh")
    put_example(fresh)
    fresh.check_cells()
    assert len(list(fresh.root.glob("cutouts/*/*.png"))) == 8


def test_one_studio_at_a_time(workspace: Workspace) -> None:
    with (
        workspace.claimed(),
        pytest.raises(FolderBusy, match="another studio"),
        Workspace(workspace.root).claimed(),
    ):
        pass


# ---- who is let in -------------------------------------------------------------------------------


def test_who_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFGEN_TOKEN", raising=False)
    for host in ("127.0.0.1", "localhost", "::1"):
        assert keys_of(ServeSettings(host=host)) is None
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org", ""):
        with pytest.raises(InputError, match="lets others in"):
            keys_of(ServeSettings(host=host))
    made = keys_of(ServeSettings(host="0.0.0.0", token=True))
    assert made and made.made and len(made.secret) >= 32
    assert made.fit("", made.secret) and made.fit("anyone", made.secret)
    assert not made.fit("", made.secret[:-1]) and not made.fit("", "")
    monkeypatch.setenv("INFGEN_TOKEN", "short")
    with pytest.raises(InputError, match="INFGEN_TOKEN: the secret is too short"):
        keys_of(ServeSettings())
    monkeypatch.setenv("INFGEN_TOKEN", "long enough")
    assert keys_of(ServeSettings()) == Keys("", "long enough")


def test_users_have_a_password_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(InputError, match="belong together"):
        keys_of(ServeSettings(user="ann"))
    with pytest.raises(InputError, match="can't be read"):
        keys_of(ServeSettings(user="ann", password_file=file))
    file.write_text("\n")
    with pytest.raises(InputError, match="too short"):
        keys_of(ServeSettings(user="ann", password_file=file))
    file.write_text("pass word 1\nmore\n")
    keys = keys_of(ServeSettings(user="ann", password_file=file))
    assert keys and keys.fit("ann", "pass word 1")
    assert not keys.fit("bob", "pass word 1") and not keys.fit("ann", "pass word 1\n")
