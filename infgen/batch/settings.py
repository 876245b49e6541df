"""Every setting of a run in one place: put together from the stages' own, checked, saved, read.

A setting is declared once, as a struct field with its type, bounds, default and help. From that
come the command line's option, the check of every value wherever it comes from, and the run's
record.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import tomli_w
from msgspec import Meta

from infgen.batch.packing import PackSettings
from infgen.formats.settings import ExportSettings
from infgen.models.hub import is_path
from infgen.models.presets import PRESETS
from infgen.models.settings import DepthSettings, ModelSettings, SegmenterName, VerifySettings
from infgen.ops.augment.recipe import AugmentSettings
from infgen.ops.grid import GridSettings
from infgen.ops.looks import LookSettings
from infgen.ops.planning import PlanSettings
from infgen.ops.refit import MIN_CONFIDENCE
from infgen.records.errors import InputError, Problem
from infgen.report.settings import ReportSettings
from infgen.sources.recipes import is_recipe_file, recipe_path
from infgen.stages.cutting import CuttingSettings
from infgen.stages.inpaint import InpaintSettings

DEFAULT_CANVAS = 768  # pixels a side for pasting, where the settings leave it open


class PictureSettings(msgspec.Struct, frozen=True):
    """How pictures are kept."""

    image_format: Annotated[
        Literal["jpg", "png"], Meta(description="file format of the pictures")
    ] = "jpg"
    jpeg_quality: Annotated[int, Meta(ge=1, le=100, description="quality of jpg pictures")] = 90


Workers = Annotated[int, Meta(ge=1, le=1024, description="processes (default: one per core)")]
MaxFailures = Annotated[int, Meta(ge=0, description="failed pictures that still count as success")]


class RunSettings(msgspec.Struct, frozen=True):
    """All that `infgen run` may be told. The nested structs are the stages' own slices."""

    backgrounds: Annotated[Path, Meta(description="background.csv: the scenes")] | None = None
    classes: Annotated[Path, Meta(description="classes.csv: the objects")] | None = None
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    append: Annotated[
        bool, Meta(description="add pictures, or classes, to the finished dataset in --out")
    ] = False
    method: Annotated[
        Literal["auto", "inpaint", "paste"],
        Meta(description="how objects are painted; auto: inpaint on a GPU, else paste"),
    ] = "auto"
    background_labels: (
        Annotated[
            Path,
            Meta(
                description="labelled dataset (COCO, YOLO, VOC, SIGtor, infgen) that pictures of "
                "background.csv belong to: their labels are kept, cut back to what stays visible"
            ),
        ]
        | None
    ) = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    keep_backgrounds: Annotated[
        bool, Meta(description="keep every background without its objects, as PNG")
    ] = False
    plan: PlanSettings = PlanSettings()
    grid: GridSettings = GridSettings()
    look: LookSettings = LookSettings()
    augment: AugmentSettings = AugmentSettings()
    inpaint: InpaintSettings = InpaintSettings()
    model: ModelSettings = ModelSettings()
    verify: VerifySettings = VerifySettings()
    pictures: PictureSettings = PictureSettings()
    depth: DepthSettings = DepthSettings()
    files: PackSettings = PackSettings()
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()

    @property
    def decisive(self) -> dict[str, Any]:
        """The settings that change a plan or a pixel, by name: part of a run's fingerprint."""
        slices = (self.plan, self.look, self.pictures)
        values = {k: v for part in slices for k, v in msgspec.to_builtins(part).items()}
        del values["max_background_uses"]  # it refuses a run, or changes nothing
        return values


class RelabelSettings(msgspec.Struct, frozen=True):
    """All that `infgen relabel` may be told."""

    pairs: (
        Annotated[Path, Meta(description="folder of pairs, or a CSV file that names them")] | None
    ) = None
    classes: (
        Annotated[Path, Meta(description="classes.csv: what the channels of .npy files show")]
        | None
    ) = None
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    min_confidence: Annotated[
        float,
        Meta(ge=0, le=1, description="labels less certain than this are left out and counted"),
    ] = MIN_CONFIDENCE
    segmenter: SegmenterName | None = None
    val_frac: Annotated[
        float, Meta(ge=0, le=0.9, description="share of val, split by background")
    ] = 0.0
    seed: Annotated[int, Meta(ge=0, description="what is random follows from it")] = 0
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    keep_backgrounds: Annotated[bool, Meta(description="keep the pictures before, too")] = False
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()


class BankSettings(msgspec.Struct, frozen=True):
    """All that `infgen bank` may be told."""

    classes: Annotated[Path, Meta(description="classes.csv: the objects")] | None = None
    out: Annotated[Path, Meta(description="folder of the cutouts")] = Path("bank")
    per_class: Annotated[
        int, Meta(ge=1, le=100_000, description="good cutouts of each class; more add to a bank")
    ] = 20
    attempts: Annotated[
        int,
        Meta(ge=1, le=100, description="tries for each cutout, all in all, before a class is left"),
    ] = 4
    seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="the bank's seed: same seed, same cutouts")
    ] = 0
    width: Annotated[
        int,
        Meta(ge=16, le=16384, description="width of the pictures to come, for sizes in percent"),
    ] = DEFAULT_CANVAS
    height: Annotated[int, Meta(ge=16, le=16384, description="and their height")] = DEFAULT_CANVAS
    max_failures: Annotated[
        int,
        Meta(ge=0, description="failed tries that still count as success"),
    ] = 0
    model: ModelSettings = ModelSettings()


class MergeSettings(msgspec.Struct, frozen=True):
    """All that `infgen convert` and `infgen merge` may be told."""

    datasets: Annotated[
        tuple[Path, ...], Meta(description="folders or index files of the datasets")
    ] = ()
    out: Annotated[Path, Meta(description="folder of the dataset")] = Path("dataset")
    map: (
        Annotated[Path, Meta(description="CSV file of what classes become: dataset,class,becomes")]
        | None
    ) = None
    names: (
        Annotated[Path, Meta(description="text file of class names, for a dataset without")] | None
    ) = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    export: ExportSettings = ExportSettings()
    report: ReportSettings = ReportSettings()

    @property
    def keep_backgrounds(self) -> bool:
        """There are none."""
        return False


class CutoutsSettings(msgspec.Struct, frozen=True):
    """All that `infgen cutouts` may be told."""

    source: (
        Annotated[
            Path,
            Meta(description="a folder with a folder of pictures for each class, or a dataset"),
        ]
        | None
    ) = None
    out: Annotated[Path, Meta(description="folder of the cutouts")] = Path("cutouts")
    segmenter: SegmenterName | None = None
    workers: Workers | None = None
    max_failures: MaxFailures = 0
    cutting: CuttingSettings = CuttingSettings()


Settings = TypeVar("Settings", bound=msgspec.Struct)

# names, or folders
MODELS = ("model", "inpaint_model", "detector", "segmenter", "scorer", "depth_model")
NOT_RECORDED = ("out", "workers")  # of the machine, not of the dataset
FLAGS = {"source": ("--from",), "out": ("--out", "-o")}  # `from` is a word of Python's own


@dataclass(frozen=True)
class Option:
    """A setting as the command line sees it. `group` is the slice it belongs to ("run" for none),
    `kind` its type without None, `choices` the values it may take (none: any), `takes` the same in
    words."""

    name: str
    group: str
    type: Any
    kind: type
    choices: tuple[str, ...]
    takes: str
    default: Any
    help: str

    @property
    def flags(self) -> tuple[str, ...]:
        return FLAGS.get(self.name, ("--" + self.name.replace("_", "-"),))

    @property
    def flag(self) -> str:
        return self.flags[0]


@cache  # reading the types of so many takes milliseconds
def options(of: type[msgspec.Struct] = RunSettings) -> tuple[Option, ...]:
    """Every setting of a verb's struct, in the order of the help page."""
    found = []
    for field in msgspec.structs.fields(of):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += [_option(inner, field.name) for inner in msgspec.structs.fields(field.type)]
        else:
            found.append(_option(field, "run"))
    return tuple(found)


def _option(field: msgspec.structs.FieldInfo, group: str) -> Option:
    kind, choices, metas = field.type, (), []
    while (origin := get_origin(kind)) in (Annotated, Union, UnionType):
        if origin is Annotated:
            kind, *metas = get_args(kind)
        else:
            kind = next(arg for arg in get_args(kind) if arg is not NoneType)
    if origin is Literal:
        kind, choices = str, get_args(kind)
    kind = origin if origin is tuple else kind
    takes = "one of " + ", ".join(choices) if choices else _in_words(kind, metas)
    help_text = next((meta.description for meta in metas if meta.description), "")
    return Option(field.name, group, field.type, kind, choices, takes, field.default, help_text)


def _in_words(kind: type, metas: list[Meta]) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path",
             tuple: "names separated by commas"}.get(kind, "text")  # fmt: skip
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    if low is None:
        return words
    return f"{words} of at least {low}" if high is None else f"{words} from {low} to {high}"


def make_settings(values: Mapping[str, Any]) -> RunSettings:
    """The settings of `run` and its kin, as `fill` makes them."""
    return fill(RunSettings, values)


def fill(of: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Settings from flat names and values (text or typed); names left out keep their defaults.

    Raises:
        InputError: with every unknown name and every value that doesn't fit.
    """
    known = {option.name: option for option in options(of)}
    problems: list[Problem] = []
    groups: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        option = known.get(name)
        if option is None:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the settings are {', '.join(known)}"
            problems.append(Problem(f"there is no setting '{name}': {hint}"))
            continue
        try:
            converted = _convert(option, value)
        except ValueError as error:
            problems.append(Problem(str(error)))
            continue
        groups.setdefault(option.group, {})[name] = converted
    if problems:
        raise InputError(problems)
    top = groups.pop("run", {})
    default = of()
    return of(
        **top,
        **{group: msgspec.structs.replace(getattr(default, group), **inner)
           for group, inner in groups.items()},
    )  # fmt: skip


def _convert(option: Option, value: Any) -> Any:
    if option.kind is tuple and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        # msgspec reads JSON's numbers, and .5 is none of them
        read = float(value) if option.kind is float and isinstance(value, str) else value
        return msgspec.convert(read, option.type, strict=False, dec_hook=_as_path)
    except (ValueError, TypeError, RuntimeError):  # RuntimeError: ~ without a home
        raise ValueError(f"{option.flag}: '{value}' won't do: it takes {option.takes}") from None


def _as_path(kind: type, raw: Any) -> Any:
    return kind(raw).expanduser()


def flatten(settings: msgspec.Struct) -> dict[str, Any]:
    """Settings by flat name, as plain values for TOML and JSON; paths absolute, None left out."""
    flat = {}
    for option in options(type(settings)):
        holder = settings if option.group == "run" else getattr(settings, option.group)
        value = getattr(holder, option.name)
        if value is not None and option.name not in NOT_RECORDED:
            flat[option.name] = _plain(_own_path(option, value) or value)
    return flat


def _own_path(option: Option, value: Any) -> Path | None:
    """The path that a name means, where it is one of something that the user has."""
    if option.name == "augment":
        return recipe_path(value) if is_recipe_file(value) else None
    own_folder = option.name in MODELS and value not in PRESETS and is_path(value)
    return Path(value).expanduser() if own_folder else None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.resolve())
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def write_toml(
    settings: msgspec.Struct,
    record: Mapping[str, Any],
    verb: str = "run",
) -> bytes:
    """The file that `--config` reads, with the run's `record` as a table that it passes over."""
    text = f"# Made by infgen. The same again: python -m infgen {verb} --config run.toml\n"
    return (text + tomli_w.dumps(flatten(settings) | {"record": dict(record)})).encode()


def read_toml(path: Path, of: type[msgspec.Struct] = RunSettings) -> dict[str, Any]:
    """Flat settings from a --config file; its relative paths are relative to itself.

    Raises:
        InputError: the file can't be read, or isn't TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(Problem(f"can't be read: {error.strerror or error}", str(path))) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(Problem(f"isn't TOML: {error}", str(path))) from None
    values.pop("record", None)
    for option in options(of):
        value = values.get(option.name)
        if not isinstance(value, str):
            continue
        if option.kind is Path or (option.name == "augment" and is_recipe_file(value)):
            given = Path(value)
            values[option.name] = str(given if given.parts[:1] == ("~",) else path.parent / given)
    return values
