"""Picture files of every kind: found, checked and decoded, or refused in a sentence."""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from infgen.records.errors import PictureError
from infgen.records.specs import Picture
from infgen.sources.packs import packed_file
from infgen.sources.pictures import (
    PICTURE_ENDINGS,
    PictureCache,
    check_cutout,
    check_picture,
    find_pictures,
    read_rgb,
    read_rgba,
)
from tests.sources.desk import noise, save, save_cutout

# check_picture leaves it to its caller to quieten Pillow, once for all threads
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::RuntimeWarning:PIL")

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif"}


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def checked(path: Path) -> Picture:
    return check_picture(path, path.name)


# ---- found ---------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder as users have them: pictures among other things, some of them deep or hidden."""
    shown = (
        "b.PNG",
        "a.jpg",
        "c.JPeG",
        "cat [1].png",
        "sub/d.webp",
        "sub/deep/e.tiff",
        "sub/f.gif",
    )
    hidden = (".hidden.png", "._a.jpg", ".thumbnails/t.png", "sub/.git/g.png")
    others = ("notes.txt", "Thumbs.db", "raw.cr2", "png", "sub/a.jpg.part", "e.json")
    for name in (*shown, *hidden, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.jpg", ["a.jpg"]),
        ("./sub/../a.jpg", ["a.jpg"]),
        (".", ["a.jpg", "b.PNG", "c.JPeG", "cat [1].png"]),
        ("sub", ["sub/d.webp", "sub/f.gif"]),
        ("sub/", ["sub/d.webp", "sub/f.gif"]),
        ("*", ["a.jpg", "b.PNG", "c.JPeG", "cat [1].png"]),
        ("*.jpg", ["a.jpg"]),
        ("[ab].*", ["a.jpg", "b.PNG"]),
        ("sub/?.*", ["sub/d.webp", "sub/f.gif"]),
        ("*/*", ["sub/d.webp", "sub/f.gif"]),
        ("**/e.*", ["sub/deep/e.tiff"]),
        ("sub/**", ["sub/d.webp", "sub/deep/e.tiff", "sub/f.gif"]),
        ("**/**/*.tiff", ["sub/deep/e.tiff"]),
        ("cat [1].png", ["cat [1].png"]),
        ("sub\\deep\\e.tiff", ["sub/deep/e.tiff"]),
        ("sub\\*.webp", ["sub/d.webp"]),
        (".hidden.png", [".hidden.png"]),
        (".thumbnails", [".thumbnails/t.png"]),
    ],
)
def test_a_cell_names_a_file_a_folder_or_a_glob(album: Path, cell: str, names: list[str]) -> None:
    found = find_pictures(cell, album)
    assert [path.resolve().relative_to(album.resolve()).as_posix() for path in found] == names


def test_a_file_may_be_named_whatever_its_ending(album: Path) -> None:
    assert find_pictures("notes.txt", album) == [album / "notes.txt"]


def test_an_absolute_path_is_taken_as_it_is(album: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert find_pictures(str(album / "sub"), elsewhere) == [
        album / "sub/d.webp",
        album / "sub/f.gif",
    ]
    assert find_pictures(str(album / "*.jpg"), elsewhere) == [album / "a.jpg"]


def test_a_home_folder_is_found(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(album))
    monkeypatch.setenv("USERPROFILE", str(album))
    assert find_pictures("~/a.jpg", Path("elsewhere")) == [album / "a.jpg"]
    assert find_pictures("~/*.jpg", Path("elsewhere")) == [album / "a.jpg"]


def test_marks_of_globs_in_the_tables_own_folder_mean_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data[1] *"
    picture = save(folder / "pics" / "a.png")
    assert find_pictures("pics/*.png", folder) == [picture]
    assert find_pictures("pics", folder) == [picture]


def test_every_known_ending_is_found_in_any_case(tmp_path: Path) -> None:
    for ending in PICTURE_ENDINGS:
        (tmp_path / f"low{ending}").touch()
        (tmp_path / f"up{ending.upper()}").touch()
    assert len(find_pictures(".", tmp_path)) == 2 * len(PICTURE_ENDINGS) == 16


def test_a_cell_may_lead_into_archives(tmp_path: Path) -> None:
    for name in ("1.zip", "2.zip", "3.tar"):
        with packed_file(tmp_path / "packs" / name, name[2:]) as add:
            for file in ("images/train/a.jpg", "images/val/b.png", "images/val/notes.txt"):
                add(file, memoryview(b"bytes"))

    def found(cell: str) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in find_pictures(cell, tmp_path)]

    assert found("packs/3.tar") == [
        "packs/3.tar/images/train/a.jpg",
        "packs/3.tar/images/val/b.png",
    ]
    assert found("packs/*.zip/images/train/") == [
        "packs/1.zip/images/train/a.jpg",
        "packs/2.zip/images/train/a.jpg",
    ]
    assert found("packs/2.zip/images/val/b.png") == ["packs/2.zip/images/val/b.png"]
    with pytest.raises(ValueError, match="is not there"):
        found("packs/1.zip/images/test")
    with packed_file(tmp_path / "none.zip", "zip") as add:
        add("notes.txt", memoryview(b"bytes"))
    with pytest.raises(ValueError, match=r"^'none\.zip' holds no picture"):
        found("none.zip")
    (tmp_path / "packs/1.zip").write_bytes(b"little is left")
    with pytest.raises(ValueError, match=r"can't be read \(.*1\.zip is damaged: "):
        found("packs/*.zip")


def test_broken_links_are_passed_over(tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("gone.png")
    assert find_pictures(".", tmp_path) == [picture]


# ---- turned --------------------------------------------------------------------------------------

STORED = {  # how an upright picture lies in a file of each EXIF orientation
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def patches(width: int = 64, height: int = 48) -> np.ndarray:
    """Four different quarters, large enough to survive JPEG: (H, W, 3) uint8."""
    colours = np.array([[[250, 20, 20], [20, 250, 20]], [[20, 20, 250], [240, 240, 240]]], np.uint8)
    return colours.repeat(height // 2, 0).repeat(width // 2, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_is_read_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = patches()
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif, "quality": 95} if kind != "TIFF" else {"exif": exif}
    path = save(tmp_path / f"a.{FORMATS[kind]}", stored, **options)
    with Image.open(path) as image:  # what we save is what others take for upright
        assert np.abs(np.asarray(ImageOps.exif_transpose(image)) - upright.astype(int)).mean() < 5
    picture = checked(path)
    assert picture.size == (64, 48)
    assert read_rgb(picture).shape == (48, 64, 3)
    assert np.abs(read_rgb(picture) - upright.astype(int)).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_turned_cutout_is_read_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = np.dstack([patches(), np.full((48, 64), 255, np.uint8)])
    upright[:10, :30, 3] = 0
    upright[:10, :30, :3] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    path = save(tmp_path / f"a.{FORMATS[kind]}", stored, exif=exif, lossless=True)
    cutout = check_cutout(path, "a")
    assert cutout.size == (64, 48)
    assert (read_rgba(cutout) == upright).all()


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_means_nothing_is_passed_over(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", patches(), exif=exif)
    assert read_rgb(checked(path)).shape == (48, 64, 3) and checked(path).size == (64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM"]
)
def test_broken_exif_is_no_reason_to_refuse_a_picture(
    tmp_path: Path, kind: str, exif: bytes
) -> None:
    path = save(tmp_path / f"a.{FORMATS[kind]}", patches(), exif=exif)
    picture = checked(path)
    assert picture.size == (64, 48) and read_rgb(picture).shape == (48, 64, 3)


def test_a_phones_jpeg_with_a_second_picture_behind(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    first, second = Image.fromarray(np.rot90(patches()).copy()), Image.fromarray(patches(8, 8))
    path = tmp_path / "phone.jpg"
    first.save(path, "MPO", save_all=True, append_images=[second], exif=exif, quality=95)
    picture = checked(path)
    assert picture.size == (64, 48)
    assert np.abs(read_rgb(picture) - patches().astype(int)).mean() < 5


# ---- kinds of pixels -----------------------------------------------------------------------------


def solid(mode: str, colour: object, size: tuple[int, int] = (10, 6)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def palette(transparent: bool) -> tuple[Image.Image, dict[str, int]]:
    image = Image.new("P", (10, 6), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(0, (0, 0, 5, 6))  # the left half
    return image, {"transparency": 0} if transparent else {}


def deep_grey() -> Image.Image:
    return Image.fromarray(np.full((6, 10), 0x80FF, np.uint16))


def left_half_clear(mode: str, colour: tuple[int, ...]) -> Image.Image:
    image = Image.new(mode, (10, 6), (*colour, 255))
    image.paste((*[0] * len(colour), 0), (0, 0, 5, 6))
    return image


WHITE, SAND = (255, 255, 255), (200, 100, 50)
# (file name, picture, how to save it, colour read on the left, colour read on the right)
KINDS: list[tuple[str, Image.Image, dict[str, Any], tuple[int, ...], tuple[int, ...]]] = [
    ("rgb.png", solid("RGB", SAND), {}, SAND, SAND),
    ("rgb.jpg", solid("RGB", SAND), {"quality": 95}, SAND, SAND),
    ("progressive.jpg", solid("RGB", SAND), {"quality": 95, "progressive": True}, SAND, SAND),
    ("rgb.webp", solid("RGB", SAND), {"lossless": True}, SAND, SAND),
    ("rgb.bmp", solid("RGB", SAND), {}, SAND, SAND),
    ("rgb.tif", solid("RGB", SAND), {"compression": "tiff_lzw"}, SAND, SAND),
    ("rgb.gif", solid("RGB", SAND), {}, SAND, SAND),
    ("grey.png", solid("L", 77), {}, (77,) * 3, (77,) * 3),
    ("grey.jpg", solid("L", 77), {}, (77,) * 3, (77,) * 3),
    ("bits.png", solid("1", 1), {}, WHITE, WHITE),
    ("deep.png", deep_grey(), {}, (128,) * 3, (128,) * 3),
    ("deep.tif", deep_grey(), {}, (128,) * 3, (128,) * 3),
    ("cmyk.jpg", solid("CMYK", (0, 128, 255, 0)), {"quality": 95}, (255, 127, 0), (255, 127, 0)),
    ("palette.png", palette(False)[0], {}, (10, 20, 30), SAND),
    ("palette.gif", palette(False)[0], {}, (10, 20, 30), SAND),
    ("holes.png", palette(True)[0], palette(True)[1], WHITE, SAND),
    ("holes.gif", palette(True)[0], palette(True)[1], WHITE, SAND),
    (
        "key.png",
        left_half_clear("RGBA", SAND).convert("RGB"),
        {"transparency": (0, 0, 0)},
        WHITE,
        SAND,
    ),
    ("grey_alpha.png", left_half_clear("LA", (77,)), {}, WHITE, (77,) * 3),
    ("rgba.png", left_half_clear("RGBA", SAND), {}, WHITE, SAND),
    ("rgba.webp", left_half_clear("RGBA", SAND), {"lossless": True}, WHITE, SAND),
    ("rgba.tif", left_half_clear("RGBA", SAND), {}, WHITE, SAND),
    ("half.png", solid("RGBA", (0, 0, 0, 51)), {}, (204,) * 3, (204,) * 3),
]


@pytest.mark.parametrize(
    ("name", "image", "options", "left", "right"), KINDS, ids=[k[0] for k in KINDS]
)
def test_a_background_is_rgb_whatever_its_file_holds(
    tmp_path: Path,
    name: str,
    image: Image.Image,
    options: dict[str, Any],
    left: tuple[int, ...],
    right: tuple[int, ...],
) -> None:
    """Transparent parts lie on white, 16 bits become 8, grey and CMYK become colours."""
    picture = checked(save(tmp_path / name, image, **options))
    pixels = read_rgb(picture)
    assert picture.size == (10, 6)
    assert (pixels.shape, pixels.dtype) == ((6, 10, 3), np.uint8)
    assert np.abs(pixels[:, 0].astype(int) - left).max() <= 3
    assert np.abs(pixels[:, -1].astype(int) - right).max() <= 3
    pixels[:] = 0  # a canvas is painted into


def test_sixteen_bit_colours_become_eight(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pixels = np.full((6, 10, 3), (0x80FF, 0x1234, 0xFFFF), ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", 10, 6, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    (tmp_path / "a.png").write_bytes(data + chunk(b"IEND", b""))
    assert (read_rgb(checked(tmp_path / "a.png")) == (0x80, 0x12, 0xFF)).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_have_no_known_range(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.tif", solid(mode, 7))
    with pytest.raises(ValueError, match="32 bits a channel: save it with 8"):
        checked(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_of_one_pixel_is_a_picture(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / f"a.{FORMATS[kind]}", noise(1, 1))
    assert checked(path).size == (1, 1) and read_rgb(checked(path)).shape == (1, 1, 3)


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (7, 9), (1999, 3)])
def test_thin_jpegs_are_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save(tmp_path / "a.jpg", noise(*size))
    assert checked(path).size == size and read_rgb(checked(path)).shape == (*size[::-1], 3)


def test_jpegs_are_decoded_as_pillow_does(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", noise(123, 77), quality=80)
    with Image.open(path) as image:
        assert np.abs(read_rgb(checked(path)) - np.asarray(image).astype(int)).max() <= 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, kind: str) -> None:
    frames = [solid("RGB", colour) for colour in (SAND, (0, 0, 255), (0, 255, 0))]
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / f"a.{FORMATS[kind]}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    assert (read_rgb(checked(path)) == SAND).all()


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("kind", [*FORMATS, "progressive JPEG", "animated GIF", "animated WEBP"])
def test_a_picture_cut_short_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    options: dict[str, Any] = {"progressive": True} if kind.startswith("progressive") else {}
    if kind.startswith("animated"):
        options = {"save_all": True, "append_images": [Image.fromarray(noise(90, 70, seed=1))]}
        share *= 0.5  # within the first frame
    data = encoded(Image.fromarray(noise(90, 70)), kind.split()[-1], **options)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert checked(path).size == (90, 70)
    path.write_bytes(data[: int(len(data) * share)])
    for judge in (check_picture, check_cutout):
        with pytest.raises(ValueError, match=r"cut short|known format"):
            judge(path, "a")


@pytest.mark.parametrize("last", range(1, 200, 9))
def test_a_jpeg_that_lacks_its_last_bytes_is_refused(tmp_path: Path, last: int) -> None:
    data = encoded(Image.fromarray(noise(90, 70)), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data[:-last])
    with pytest.raises(ValueError, match=r"broken or cut short \(image file is truncated"):
        checked(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_spoilt_file_is_read_or_refused_but_never_a_crash(tmp_path: Path, kind: str) -> None:
    """Whatever passes the check can be read, at the size that the check told."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}
    whole = encoded(Image.fromarray(noise(31, 17)), kind, **options)
    path = tmp_path / "a"
    outcomes = Counter[str]()
    for _ in range(150):
        data = np.frombuffer(whole, np.uint8).copy()
        reach = min(len(data), int(rng.choice([40, 200, len(data)])))
        places = rng.integers(0, reach, rng.integers(1, 5))
        data[places] = rng.integers(0, 256, len(places))
        end = len(data) if rng.random() < 0.5 else int(rng.integers(len(data)))
        path.write_bytes(data[:end].tobytes())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 10**6)  # spoilt sizes must not fill the memory
            try:
                picture = checked(path)
            except ValueError as error:
                assert str(error) and "object at 0x" not in str(error)
                outcomes["refused"] += 1
            else:
                assert read_rgb(picture).shape == (*picture.size[::-1], 3)
                outcomes["read"] += 1
    assert outcomes["refused"] > 5 and outcomes["read"] > 0


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"<html>404</html>", b"GIF", b"\xff\xd8\xff", b"RIFF"]
)
def test_what_is_no_picture_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    for judge in (check_picture, check_cutout):
        with pytest.raises(ValueError, match="or remove") as caught:
            judge(tmp_path / "a.jpg", "a.jpg")
        assert "BytesIO" not in str(caught.value)


def test_other_programs_files_are_not_opened_whatever_their_ending(tmp_path: Path) -> None:
    """Pillow would hand PostScript to Ghostscript."""
    (tmp_path / "a.jpg").write_bytes(encoded(solid("RGB", SAND), "EPS"))
    with pytest.raises(ValueError, match="known format"):
        checked(tmp_path / "a.jpg")


def test_a_decompression_bomb_is_refused_in_a_sentence(tmp_path: Path) -> None:
    data = bytearray(encoded(solid("RGB", SAND), "PNG"))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(data)
    for judge in (check_picture, check_cutout):
        with pytest.raises(
            ValueError, match=r"^the picture has more than 178 megapixels: scale it"
        ):
            judge(tmp_path / "a.png", "a.png")


def test_a_file_that_goes_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't be read \(No such file or directory\): check"):
        checked(tmp_path / "a.png")


# ---- cutouts -------------------------------------------------------------------------------------


def test_an_opaque_cutout_is_accepted(tmp_path: Path) -> None:
    path = save_cutout(tmp_path / "a.png")
    cutout = check_cutout(path, "cats/a.png")
    assert (cutout.name, cutout.path, cutout.size) == ("cats/a.png", path, (40, 30))
    with Image.open(path) as image:
        assert (read_rgba(cutout) == np.asarray(image)).all()


@pytest.mark.parametrize(("most", "accepted"), [(0, False), (127, False), (128, True), (255, True)])
def test_a_cutout_is_somewhere_more_than_half_opaque(
    tmp_path: Path, most: int, accepted: bool
) -> None:
    alpha = np.zeros((30, 40), np.uint8)
    alpha[29, 39] = most
    path = save_cutout(tmp_path / "a.png", alpha)
    if accepted:
        assert read_rgba(check_cutout(path, "a"))[29, 39, 3] == most
    else:
        with pytest.raises(ValueError, match="transparent all over"):
            check_cutout(path, "a")


@pytest.mark.parametrize(
    "name",
    ["holes.png", "holes.gif", "key.png", "grey_alpha.png", "rgba.png", "rgba.webp", "rgba.tif"],
)
def test_cutouts_of_every_kind_with_alpha_are_read(tmp_path: Path, name: str) -> None:
    _, image, options, _, right = next(kind for kind in KINDS if kind[0] == name)
    pixels = read_rgba(check_cutout(save(tmp_path / name, image, **options), name))
    assert (pixels.shape, pixels.dtype) == ((6, 10, 4), np.uint8)
    assert (pixels[:, 0, 3] == 0).all() and (pixels[:, -1] == (*right, 255)).all()


@pytest.mark.parametrize("name", [k[0] for k in KINDS if k[3] == k[4] and k[0] != "half.png"])
def test_pictures_without_alpha_are_no_cutouts(tmp_path: Path, name: str) -> None:
    _, image, options, *_ = next(kind for kind in KINDS if kind[0] == name)
    with pytest.raises(ValueError, match="no alpha channel: save it as PNG or WebP"):
        check_cutout(save(tmp_path / name, image, **options), name)


def test_lab_colours_have_no_alpha(tmp_path: Path) -> None:
    """One of their channels is called A all the same."""
    with pytest.raises(ValueError, match="no alpha channel"):
        check_cutout(save(tmp_path / "a.tif", solid("LAB", (120, 0, 0))), "a")


# ---- read in the run -----------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_rgb, read_rgba])
def test_a_picture_that_has_changed_since_the_check_fails_by_name(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    path = save_cutout(tmp_path / "a.png")
    picture = check_picture(path, "pics/a.png")
    save_cutout(path, alpha=254)
    with pytest.raises(PictureError, match=r"^pics/a.png: .*changed since the run began"):
        read(picture)
    path.write_bytes(b"")
    with pytest.raises(PictureError, match=r"^pics/a.png: "):
        read(picture)
    path.unlink()
    with pytest.raises(PictureError, match=r"^pics/a.png: .*No such file"):
        read(picture)


def test_reading_a_picture_is_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    picture = Picture("a.jpg", path, checked(path).sha256, (40, 30))
    recwarn.clear()
    read_rgb(picture)
    assert capfd.readouterr() == ("", "") and not recwarn


# ---- the cache -----------------------------------------------------------------------------------


class Shelf:
    """A cache whose values are sizes, and how often each was made."""

    def __init__(self, max_bytes: int):
        self.cache, self.made = PictureCache(max_bytes), Counter[int]()

    def get(self, size: int) -> int:
        def make() -> int:
            self.made[size] += 1
            return size

        value: int = self.cache.get(size, make, lambda value: value)
        return value


def test_a_held_picture_is_made_once() -> None:
    shelf = Shelf(100)
    assert [shelf.get(size) for size in (30, 40, 30, 40, 30)] == [30, 40, 30, 40, 30]
    assert shelf.made == {30: 1, 40: 1}


def test_the_least_recently_used_picture_makes_room() -> None:
    shelf = Shelf(100)
    for size in (30, 40, 30, 50):  # 50 pushes out 40, which was used before 30
        shelf.get(size)
    shelf.get(30)
    assert shelf.made == {30: 1, 40: 1, 50: 1}
    shelf.get(40)
    assert shelf.made[40] == 2


def test_a_picture_beyond_the_bound_is_kept_while_it_is_the_only_one() -> None:
    shelf = Shelf(100)
    for _ in range(3):
        shelf.get(500)
    assert shelf.made[500] == 1
    shelf.get(10)
    shelf.get(500)
    assert shelf.made[500] == 2


def test_what_fails_is_not_held() -> None:
    cache = PictureCache(100)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda value: 1)
    assert cache.get("a", lambda: 7, lambda value: 1) == 7


@given(st.integers(0, 60), st.lists(st.integers(1, 30), max_size=80))
def test_the_cache_keeps_what_fits_newest_first(bound: int, wanted: list[int]) -> None:
    """Against a plain model: the most recently used pictures that fit together, at least one."""
    shelf = Shelf(bound)
    held: list[int] = []
    made = Counter[int]()
    for size in wanted:
        assert shelf.get(size) == size
        made[size] += size not in held
        held = [*(other for other in held if other != size), size]
        while sum(held) > bound and len(held) > 1:
            held.pop(0)
        assert +made == shelf.made


# ---- real pictures -------------------------------------------------------------------------------


def test_real_photographs_are_read_at_the_size_that_is_told(shared_data: Path) -> None:
    paths = find_pictures("backgrounds", shared_data)
    assert len(paths) == 22
    for path in paths:
        picture = checked(path)
        assert read_rgb(picture).shape == (*picture.size[::-1], 3)
        assert max(picture.size) <= 1600


def test_real_photographs_cut_short_are_refused(tmp_path: Path, shared_data: Path) -> None:
    for path in find_pictures("backgrounds", shared_data):
        data = path.read_bytes()
        for share in (0.3, 0.999):
            (tmp_path / "a.jpg").write_bytes(data[: int(len(data) * share)])
            with pytest.raises(ValueError, match="cut short"):
                checked(tmp_path / "a.jpg")


def test_real_cutouts_are_read_with_their_alpha(shared_data: Path) -> None:
    paths = find_pictures("cutouts/**", shared_data)
    assert len({path.parent for path in paths}) == 13
    for path in paths:
        pixels = read_rgba(check_cutout(path, path.name))
        assert pixels[..., 3].max() == 255 and pixels[..., 3].min() == 0


def test_a_folder_of_real_pictures_among_other_files(shared_data: Path) -> None:
    pictures = [checked(path) for path in find_pictures("bccd/**", shared_data)]
    assert len(pictures) == 364
    assert {picture.size for picture in pictures} == {(640, 480)}
