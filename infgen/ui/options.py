"""The verbs' options as type checkers and editors see them. Written by scripts/type_options.py from
the settings: change those, and run it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict


class PlanSlice(TypedDict, total=False):
    seed: int
    """the run's seed: same seed, same dataset (default: 0)"""
    images: int | None
    """number of pictures (default: every num_imgs x --per-background)"""
    per_background: int
    """layouts made on every background (default: 1)"""
    width: int | None
    """picture width in pixels (default: 768)"""
    height: int | None
    """picture height in pixels (default: 768)"""
    val_frac: float
    """share of the pictures that goes to the val split (default: 0.1)"""
    max_overlap: float
    """share of a planned box that later boxes may cover (default: 0.3)"""
    min_visible: float
    """no object is painted where less of one would be left to see (default: 0.3)"""
    balance: bool
    """paint more of rare classes and fewer of frequent ones, as many in all, so that each comes
    to the same expected number of labels (--background-labels count), up to its max_appear;
    min_appear isn't kept to"""
    max_uses: int | None
    """pastes of one cutout at the most; they are dealt evenly, and a run that would need more
    is refused (decoys, which show none of it, don't count)"""
    max_background_uses: int | None
    """pictures on one background at the most; more are refused"""
    decoys: float
    """share of the objects beside which a decoy is painted: background where an object could
    be, so that detectors learn objects and not traces of painting (default: 0.3)"""
    cut_off_frac: float
    """share of the pasted objects that stick out over the border, by a tenth to six tenths of
    their box (default: 0.0)"""
    flip_frac: float
    """share of backgrounds and cutouts that are mirrored left to right (default: 0.5)"""
    degrade: float
    """strength of the blur, grain and JPEG loss that all of a finished picture gets, so that
    one camera seems to have taken what was painted, too; 0 is off (default: 0.5)"""


class GridSlice(TypedDict, total=False):
    grid: bool
    """every cutout on every background, plain and flipped: one object a picture, each with a
    mask of its own (no decoys, no --images)"""
    placements: int
    """places for each of them in the --grid (default: 20)"""


class LookSlice(TypedDict, total=False):
    blend: str | Sequence[str]
    """how pasted objects go over into the scene; each draws one of those named: alpha, hard,
    choke, feather, gaussian, laplacian, poisson, mixed, or random: all of them (default:
    alpha,choke,feather,gaussian)"""
    harmonize: str | Sequence[str]
    """how pasted objects are brought nearer to the scene's colours; each draws one of those
    named: none, meanstd, histogram, lighting (default: none)"""
    shadow_frac: float
    """share of pasted objects that throw a shadow (default: 0.0)"""


class AugmentSlice(TypedDict, total=False):
    augment: str
    """changes to pasted objects and whole pictures, with their labels: none, light, strong,
    keras, or your own TOML file (default: none)"""


class InpaintSlice(TypedDict, total=False):
    attempts: int
    """tries for an object before it is left out (default: 2)"""
    vae_parity: bool
    """pass your pictures through the model's VAE first, as painted parts are"""


class ModelSlice(TypedDict, total=False):
    model: str | None
    """diffusion model: a preset (default: sd15), a hub id or a folder"""
    inpaint_model: str | None
    """another model for the objects: hub id or folder"""
    steps: int | None
    """denoising steps (default: the preset's)"""
    guidance: float | None
    """how closely prompts are followed (the preset's)"""
    guidance_end: float
    """share of the steps that are guided: less is faster (default: 1.0)"""
    strength: float | None
    """how much of the masked area is repainted (preset's)"""
    device: Literal["auto", "cuda", "mps", "cpu"]
    """where the model runs (default: auto)"""
    dtype: Literal["auto", "bf16", "fp16", "fp32"]
    """number format of the weights; auto: bf16 or fp16 on a GPU, fp32 else (default: auto)"""
    batch_size: int | None
    """pictures at a time (default: by free memory)"""
    offload: Literal["auto", "none", "model", "sequential"]
    """keep weights in main memory; auto: where the GPU has too little (default: auto)"""
    compile: Literal["auto", "on", "off"]
    """compile the model; auto: on a GPU, where the job is long enough (default: auto)"""
    safety_checker: bool
    """reject pictures that the model's safety checker flags"""


class VerifySlice(TypedDict, total=False):
    verify: Literal["auto", "change", "detector", "off"]
    """what judges painted objects; auto: the change map, and the models that are named or, on a
    GPU, downloaded before; change: that map alone; detector: always a detector, too; off:
    nothing beyond what is needed for labels (default: auto)"""
    detector: str | None
    """finds objects by their names: a hub id or a folder"""
    segmenter: str | None
    """outlines objects in their boxes: hub id or folder"""
    scorer: str | None
    """says how well a name fits an object: hub id or folder"""


class PicturesSlice(TypedDict, total=False):
    image_format: Literal["jpg", "png"]
    """file format of the pictures (default: jpg)"""
    jpeg_quality: int
    """quality of jpg pictures (default: 90)"""


class DepthSlice(TypedDict, total=False):
    depth: bool
    """write a depth map of every picture, as a model estimates it"""
    depth_model: str | None
    """what estimates it: a hub id or a folder (default:
    depth-anything/Depth-Anything-V2-Small-hf)"""
    depth_scale: bool
    """objects on your own background pictures are the larger within their class's sizes the
    nearer their place is, as that model sees it"""
    depth_bits: Literal["8", "16"] | None
    """bits a pixel of depth maps (default: 16; JPEG in a --grid: 8)"""


class FilesSlice(TypedDict, total=False):
    pack: Literal["none", "zip", "tar"]
    """archives that pictures are written into, as they are made (by pasting) (default: none)"""
    pack_size: int
    """pictures in each archive (default: 4000)"""
    statistics: bool
    """write statistics.json: counts, sizes on disk, mean and deviation of the pixels (a --grid
    always has it)"""


class ExportSlice(TypedDict, total=False):
    format: str | Sequence[str]
    """label formats to write, separated by commas (coco, yolo, voc, masks, hf, npy, sigtor,
    idg, classification) (default: coco,yolo)"""
    coco_masks: Literal["polygon", "rle"]
    """how COCO files hold masks; some readers refuse rle (default: polygon)"""
    yolo_labels: Literal["segment", "detect"]
    """YOLO label rows: polygons (serve both trainings), or boxes only (default: segment)"""
    first_label: int | None
    """the first class's label in coco, yolo and idg (default: coco 1, others 0); yolo names
    those before it unused_0 and so on"""
    crop_backgrounds: bool
    """classification crops show what is around the object; else grey"""


class ReportSlice(TypedDict, total=False):
    report: bool
    """end with a report (report/index.html) and a dataset card"""
    gallery: int
    """pictures that the report shows; it counts all of them (default: 2000)"""


class CuttingSlice(TypedDict, total=False):
    matte: Literal["auto", "white", "chroma", "grabcut", "none"]
    """what opaque pictures of a class folder are cut out of: white (or any even backdrop),
    chroma (a key colour), grabcut (anything else), none (all is object); auto: by the picture's
    border (default: auto)"""
    boxes: Literal["grabcut", "rectangle", "skip"]
    """what is cut out of a dataset's boxes that have no masks (default: grabcut)"""
    min_side: int
    """pixels that a dataset's object has on each side (default: 24)"""
    keep_cut_off: bool
    """also take what the picture's border cuts off"""


class RunOptions(
    PlanSlice,
    GridSlice,
    LookSlice,
    AugmentSlice,
    InpaintSlice,
    ModelSlice,
    VerifySlice,
    PicturesSlice,
    DepthSlice,
    FilesSlice,
    ExportSlice,
    ReportSlice,
    total=False,
):
    backgrounds: str | Path | None
    """background.csv: the scenes"""
    classes: str | Path | None
    """classes.csv: the objects"""
    out: str | Path
    """folder of the dataset (default: dataset)"""
    append: bool
    """add pictures, or classes, to the finished dataset in --out"""
    method: Literal["auto", "inpaint", "paste"]
    """how objects are painted; auto: inpaint on a GPU, else paste (default: auto)"""
    background_labels: str | Path | None
    """labelled dataset (COCO, YOLO, VOC, SIGtor, infgen) that pictures of background.csv belong
    to: their labels are kept, cut back to what stays visible"""
    workers: int | None
    """processes (default: one per core)"""
    max_failures: int
    """failed pictures that still count as success (default: 0)"""
    keep_backgrounds: bool
    """keep every background without its objects, as PNG"""


class ExportOptions(TypedDict, total=False):
    workers: int | None
    """processes (default: one per core)"""
    coco_masks: Literal["polygon", "rle"]
    """how COCO files hold masks; some readers refuse rle (default: polygon)"""
    yolo_labels: Literal["segment", "detect"]
    """YOLO label rows: polygons (serve both trainings), or boxes only (default: segment)"""
    first_label: int | None
    """the first class's label in coco, yolo and idg (default: coco 1, others 0); yolo names
    those before it unused_0 and so on"""
    crop_backgrounds: bool
    """classification crops show what is around the object; else grey"""


class ReportOptions(TypedDict, total=False):
    gallery: int
    """pictures that the report shows; it counts all of them (default: 2000)"""


class AuditOptions(TypedDict, total=False):
    out: str | Path
    """folder of audit.json and audit.md (default: audit)"""
    reference: str | Path | None
    """a dataset of real pictures, beside which object contours are held"""
    fail_on: str | Sequence[str]
    """limits such as seam>0.6,leakage>0; crossing one ends with exit code 3"""
    seams: bool
    """look for seams (needs scikit-learn: the extra 'audit')"""
    estimate: Literal["grabcut", "none"]
    """the second opinion that labels are held against (default: grabcut)"""
    sample: int
    """pictures whose pixels are probed; all are counted (default: 200)"""
    seed: int
    """of the sample and of the probe (default: 0)"""


class RelabelOptions(ExportSlice, ReportSlice, total=False):
    classes: str | Path | None
    """classes.csv: what the channels of .npy files show"""
    out: str | Path
    """folder of the dataset (default: dataset)"""
    min_confidence: float
    """labels less certain than this are left out and counted (default: 0.4)"""
    segmenter: str | None
    """outlines objects in their boxes: hub id or folder"""
    val_frac: float
    """share of val, split by background (default: 0.0)"""
    seed: int
    """what is random follows from it (default: 0)"""
    workers: int | None
    """processes (default: one per core)"""
    max_failures: int
    """failed pictures that still count as success (default: 0)"""
    keep_backgrounds: bool
    """keep the pictures before, too"""


class BankOptions(ModelSlice, total=False):
    classes: str | Path | None
    """classes.csv: the objects"""
    out: str | Path
    """folder of the cutouts (default: bank)"""
    per_class: int
    """good cutouts of each class; more add to a bank (default: 20)"""
    attempts: int
    """tries for each cutout, all in all, before a class is left (default: 4)"""
    seed: int
    """the bank's seed: same seed, same cutouts (default: 0)"""
    width: int
    """width of the pictures to come, for sizes in percent (default: 768)"""
    height: int
    """and their height (default: 768)"""
    max_failures: int
    """failed tries that still count as success (default: 0)"""


class MergeOptions(ExportSlice, ReportSlice, total=False):
    out: str | Path
    """folder of the dataset (default: dataset)"""
    map: str | Path | None
    """CSV file of what classes become: dataset,class,becomes"""
    names: str | Path | None
    """text file of class names, for a dataset without"""
    workers: int | None
    """processes (default: one per core)"""
    max_failures: int
    """failed pictures that still count as success (default: 0)"""


class CutoutsOptions(CuttingSlice, total=False):
    out: str | Path
    """folder of the cutouts (default: cutouts)"""
    segmenter: str | None
    """outlines objects in their boxes: hub id or folder"""
    workers: int | None
    """processes (default: one per core)"""
    max_failures: int
    """failed pictures that still count as success (default: 0)"""


class ServeOptions(TypedDict, total=False):
    workspace: str | Path
    """folder of all that the studio reads and writes (default: infgen-workspace)"""
    host: str
    """address to listen on; any but this machine's own wants a key (default: 127.0.0.1)"""
    port: int | None
    """port (default: the first free from 7860; 0: any)"""
    user: str | None
    """name to sign in with, beside --password-file"""
    password_file: str | Path | None
    """file whose first line is the password to sign in with"""
    token: bool
    """want a key, which is made and printed once; the variable INFGEN_TOKEN sets one of your
    own"""
    idle_hours: float
    """hours after its last request that a sign-in ends (default: 24.0)"""
    session_hours: float
    """hours that a sign-in lasts at the most (default: 168.0)"""
    uploads_gb: float
    """gigabytes that uploaded pictures may take in all (default: 20.0)"""
