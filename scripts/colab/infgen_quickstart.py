# ---
# jupyter:
#   accelerator: GPU
#   colab:
#     gpuType: T4
#     provenance: []
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# [![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/scripts/colab/infgen_quickstart.ipynb)
#
# # infgen: two tables in, a labelled dataset out
#
# From top to bottom in a few minutes: with a GPU (Colab's T4 will do) a diffusion model paints
# everything from words, without one infgen pastes cutouts into photographs. All of it ends up in one
# folder, `quickstart`, beside this notebook.
#
# (The badge needs your copy's address: replace `OWNER/REPOSITORY` above, and in the next cell.)

# %% [markdown]
# ## Settings
#
# What you are most likely to change is here.

# %%
IMAGES = 60  # pictures to make: begin with few, then go up to thousands
MODEL = "sd15-fast"  # what paints on a GPU; `python -m infgen models` lists others
SOURCE = "https://github.com/OWNER/REPOSITORY"  # where Colab gets infgen: for git, or a folder
ON_DRIVE = (
    "infgen-quickstart"  # Colab: the folder in your Drive that outlives the session; "": none
)
SAVE_EVERY = 60  # seconds between two copies into it

# %% [markdown]
# ## Install
#
# On Colab only; anywhere else the notebook uses the infgen of its kernel. Colab's own torch, numpy
# and Pillow stay as they are: other versions would break what else is installed there.

# %%
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

IN_COLAB = "google.colab" in sys.modules
CHECKOUT = Path(SOURCE) if Path(SOURCE).is_dir() else Path("infgen-source")
if IN_COLAB:
    if not CHECKOUT.exists():
        subprocess.run(["git", "clone", "--depth", "1", SOURCE, CHECKOUT], check=True)
    keep = [f"{name}=={version(name)}\n" for name in ("torch", "numpy", "pillow")]
    Path("constraints.txt").write_text("".join(keep))
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "constraints.txt"]
    subprocess.run([*pip, f"{CHECKOUT.resolve()}[diffusion]"], check=True)

# %% [markdown]
# If this cell fails, the one above didn't install it: nothing further down would work.

# %%
from importlib.util import find_spec

import infgen

TORCH = find_spec("torch") is not None
if TORCH:
    import torch
GPU = TORCH and torch.cuda.is_available()
print(f"infgen {infgen.__version__},", "a GPU paints" if GPU else "no GPU: cutouts are pasted")

# %% [markdown]
# ## Where things are
#
# Pictures are written to the local disk, which is fast, and copied to Drive now and then: what only
# the local disk holds is gone when Colab ends the session.

# %%
WORK = Path("quickstart").resolve()
OUT = WORK / "dataset"
KEPT = None
if IN_COLAB and ON_DRIVE:
    from google.colab import drive

    drive.mount("/content/drive")
    KEPT = Path("/content/drive/MyDrive", ON_DRIVE)
WORK.mkdir(exist_ok=True)
print(WORK, "and a copy in", KEPT)

# %% [markdown]
# The first call fetches what an earlier session left on Drive. A copy in the middle of a run is
# good enough to go on from: infgen makes again whatever isn't whole.

# %%
import shutil
from contextlib import suppress


def copy_new(source, target):
    """Copy what `target` lacks, or has older or in another size; pictures before the records of
    them."""
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        with suppress(FileNotFoundError):  # it has got its final name in the meantime
            if path.is_file() and not (copy.exists() and is_same(copy, path)):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)


def is_same(copy, path):
    """As far as size and time tell, the latter in whole seconds: more isn't kept everywhere."""
    here, there = path.stat(), copy.stat()
    return there.st_size == here.st_size and int(there.st_mtime) >= int(here.st_mtime)


if KEPT and KEPT.exists():
    copy_new(KEPT, WORK)

# %% [markdown]
# While infgen works, a thread brings what is new to Drive, so that a session may end at any time.

# %%
from contextlib import contextmanager
from threading import Event, Thread


@contextmanager
def copied_to_drive():
    """While the block runs, and once more at its end, however it ends."""
    done = Event()

    def keep_copying():
        while not done.wait(SAVE_EVERY):
            copy_new(WORK, KEPT)

    keeper = Thread(target=keep_copying, daemon=True)
    try:
        if KEPT:
            keeper.start()
        yield
    finally:
        done.set()
        if KEPT:
            keeper.join()
            copy_new(WORK, KEPT)


# %% [markdown]
# ## The two tables
#
# `background.csv` says what the scenes are, `classes.csv` which objects appear in them, how many and
# how large. **Without a GPU** both name pictures: photographs, and cutouts with a transparent
# background. Here they are the demo's; put your own into `quickstart/backgrounds` and
# `quickstart/cutouts` instead, with a folder for each class.

# %%
if not GPU:
    homes = [CHECKOUT, Path(infgen.__file__).parents[1]]
    demo = next((home / "prompts/demo" for home in homes if (home / "prompts/demo").is_dir()), None)
    for name in ("backgrounds", "cutouts"):
        if demo and not (WORK / name).exists():
            shutil.copytree(demo / name, WORK / name)

    (WORK / "background.csv").write_text("""\
prompt,num_imgs,images
a country road at noon,,backgrounds/day_*.jpg
ripe fields in the evening sun,,backgrounds/golden_*.jpg
a road at dusk,,backgrounds/dusk_*.jpg
""")
    (WORK / "classes.csv").write_text("""\
prompt,        name,       cutouts,            min_appear,max_appear,width_min,width_max,height_min,height_max,y_min,y_max,mirror
a stop sign,   stop,       cutouts/stop,       0,         1,         9%,       17%,      20%,       38%,       0.52, 0.72, no
a speed limit, speed limit,cutouts/speed_limit,1,         2,         8%,       16%,      18%,       36%,       0.5,  0.72, no
a roundabout,  roundabout, cutouts/roundabout, 0,         1,         10%,      18%,      20%,       36%,       0.52, 0.72, no
""")

# %% [markdown]
# **With a GPU** words are enough: the scenes are painted from their prompts, and the objects into
# them. (Columns may be mixed: own photographs with painted objects, painted scenes with cutouts.)

# %%
if GPU:
    (WORK / "background.csv").write_text("""\
prompt,num_imgs,negative_prompt
"wide savannah, golden grass, acacia trees, midday sun, wildlife photograph",2,"animals, people, text"
"fresh green grassland, distant blue hills, landscape photograph",1,"animals, people, text"
"dry river bed, red earth, thorn bushes, hot afternoon, photograph",1,"animals, people, text"
""")
    (WORK / "classes.csv").write_text("""\
prompt,name,min_appear,max_appear,width_min,width_max,height_min,height_max,y_min,y_max
"a zebra standing in the grass, full body, side view, photograph",zebra,0,2,18%,34%,18%,34%,0.55,0.8
"an african elephant walking, full body, side view, photograph",elephant,0,1,25%,45%,25%,45%,0.55,0.75
"a giraffe standing, full body, side view, photograph",giraffe,0,1,16%,28%,38%,62%,0.45,0.65
""")

# %% [markdown]
# ## Plan and preview
#
# All dice are thrown before anything is painted, so what a run would make can be counted and looked
# at for nothing. `help(infgen.run)` lists every setting.

# %%
import csv
from collections import Counter

settings = {
    "backgrounds": WORK / "background.csv",
    "classes": WORK / "classes.csv",
    "out": OUT,
    "images": IMAGES,
    "val_frac": 0.2,
}
if GPU:
    settings |= {"method": "inpaint", "model": MODEL}
else:
    settings |= {"method": "paste", "width": 640, "height": 480}
with (WORK / "classes.csv").open() as file:
    names = [row["name"] for row in csv.DictReader(file, skipinitialspace=True)]
counts = Counter(names[one.class_id] for plan in infgen.plan(**settings) for one in plan.objects)
print(IMAGES, "pictures with", dict(counts))

# %%
from IPython.display import Image, display

sheet = infgen.preview(file=WORK / "plan.png", count=8, **settings)
display(Image(filename=str(sheet), width=900))

# %% [markdown]
# ## Run
#
# The bar shows how far it is; *interrupt* (the square button) stops it safely at any time.

# %%
with copied_to_drive():
    manifest = infgen.run(**settings)
manifest

# %% [markdown]
# ## Go on after the session has died
#
# Open the notebook again and run it from the top: what is there is kept, and only what is missing is
# made. This is the same run once more, from the settings that the dataset itself holds; as nothing
# is missing, it is over at once.

# %%
with copied_to_drive():
    manifest = infgen.run(config=OUT / "run.toml", out=OUT)

# %% [markdown]
# ## Look
#
# Labels are what can really be seen: masks are the visible pixels, boxes are tight around them.

# %%
display(Image(filename=str(OUT / "preview.png"), width=900))

# %%
import cv2
import numpy as np

COLOURS = np.array([(230, 60, 60), (60, 110, 230), (40, 170, 80), (220, 160, 30)])


def overlaid(item, height=300):
    """The picture with its masks and boxes drawn over it."""
    picture = item["image"].copy()
    for mask, box, label in zip(item["masks"], item["boxes"], item["labels"], strict=True):
        colour = COLOURS[label % len(COLOURS)]
        picture[mask] = picture[mask] // 2 + colour // 2
        corners = [(int(x), int(y)) for x, y in box.reshape(2, 2)]
        cv2.rectangle(picture, *corners, colour.tolist(), 2)
    width = picture.shape[1] * height // picture.shape[0]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


dataset = infgen.Dataset(OUT, split="train")
row = np.hstack([overlaid(dataset[index]) for index in range(3)])
display(Image(cv2.imencode(".png", row[:, :, ::-1])[1].tobytes()))

# %% [markdown]
# The report has every picture with its history, and the rejects; it opens from disk in any browser.
# (Colab shows no files: there, open it from the archive that is made below.)

# %%
from IPython.display import FileLink

report = OUT / "report/index.html"
if report.exists() and not IN_COLAB:
    display(FileLink(report.relative_to(Path.cwd())))

# %% [markdown]
# ## Numbers
#
# Before training, know what it is made of: objects of each class, and how large they are.

# %%
print(f"{'class':<14}{'objects':>8}{'pictures':>9}")
for one in manifest.classes:
    print(f"{one.name:<14}{one.objects:>8}{one.images:>9}")
boxes = np.concatenate([dataset[index]["boxes"] for index in range(len(dataset))])
low, middle, high = np.quantile(boxes[:, 2:] - boxes[:, :2], (0.05, 0.5, 0.95), axis=0).round()
print(f"boxes (width, height): mostly from {low} to {high}, half of them up to {middle} pixels")

# %% [markdown]
# ## Take it home
#
# One file is quicker to download, and to copy to Drive, than thousands.

# %%
archive = shutil.make_archive(str(WORK / "dataset"), "zip", OUT)
print(archive, f"{Path(archive).stat().st_size / 1e6:.1f} MB")
if IN_COLAB:
    from google.colab import files

    if KEPT:
        shutil.copy2(archive, KEPT)
    files.download(archive)

# %% [markdown]
# ## Train on it
#
# `infgen.Dataset` augments on the way and goes into torch's DataLoader as it is. A toy, so that
# something learns before your eyes: which class covers which part of a small picture.

# %%
if TORCH:
    from torch.utils.data import DataLoader

    torch.manual_seed(0)
    train = infgen.Dataset(OUT, augment="light", split="train")
    loader = DataLoader(train, batch_size=8, shuffle=True, collate_fn=train.collate)
    classes = len(train.classes)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, 2, 2), torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 5, 2, 2), torch.nn.ReLU(), torch.nn.Conv2d(32, classes, 5, 1, 2),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)


def small(batch, size=(128, 96)):
    """Pictures (B, 3, 96, 128) in 0..1, and each class's share of every cell (B, C, 24, 32)."""
    pictures = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in batch["image"]]
    shares = np.zeros((len(pictures), classes, size[1] // 4, size[0] // 4), np.float32)
    for share, masks, labels in zip(shares, batch["masks"], batch["labels"], strict=True):
        for mask, label in zip(masks.astype(np.float32), labels, strict=True):
            share[label] += cv2.resize(mask, share.shape[:0:-1], interpolation=cv2.INTER_AREA)
    inputs = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return torch.from_numpy(inputs), torch.from_numpy(shares.clip(0, 1))


# %%
if TORCH:
    for epoch in range(4):
        train.set_epoch(epoch)
        losses = []
        for batch in loader:
            pictures, shares = small(batch)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(pictures), shares)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}")

# %% [markdown]
# A real detector: Ultralytics' YOLO takes the dataset's `data.yaml` as it is (its code is AGPL-3.0).
# Other formats are written from the records, at any time and without painting again.

# %%
infgen.export(OUT, "coco,yolo", yolo_labels="detect")
print(
    f"pip install ultralytics && yolo detect train data={OUT / 'data.yaml'} model=yolo11n.pt epochs=50"
)
