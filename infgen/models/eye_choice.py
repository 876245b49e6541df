"""What will look at painted objects, found out before any weights are loaded.

Imports no torch; transformers only to see which models it has.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from infgen.models import hub, verdict
from infgen.models.choice import name_of, weights_of
from infgen.models.files import CONFIG, Need
from infgen.models.hub import Found
from infgen.models.known_eyes import ARCHITECTURES, EYES, JUDGES, Role, default_of, taken
from infgen.models.settings import DepthSettings, VerifySettings
from infgen.records.errors import Problem

DTYPE = "fp32"
"""Whatever the device. One look at a picture costs a fraction of painting it, so that 16 bits would
save little; and coordinates are what is asked for: from 512 on fp16 tells only half pixels apart,
bf16 only every fourth."""


class Named(NamedTuple):
    """A model that has to be there, and the option that says so. `revision` is the hub's, where
    it has to be a certain one; `begun` means that the dataset was begun with it, and nobody names
    it now."""

    role: Role
    source: str
    option: str
    revision: str | None = None
    begun: bool = False

    @property
    def need(self) -> Need:
        """Its files."""
        return _need(self.role, self.source, self.revision)

    def problem(self, text: str) -> Problem:
        """A sentence about it."""
        return Problem(f"{self.option} {self.source}: {text}{self._how() if self.begun else ''}")

    def _how(self) -> str:
        if hub.is_path(self.source):
            return f"; the dataset was begun with it: say with {self.option} where it is here"
        folder = f"models--{self.source.replace('/', '--')}"
        return (
            f"; the dataset was begun with its revision {(self.revision or '')[:8]}: it can be had "
            f"from the hub, or with {folder} from the other machine's cache"
        )


@dataclass(frozen=True)
class Eye:
    """A model for one role, and where its files are."""

    role: Role
    found: Found

    @property
    def name(self) -> str:
        """A hub id with its revision, or a folder's own name."""
        return name_of(self.found)

    @property
    def pin(self) -> str:
        """Where a later run finds the same: a folder, or a hub id and the whole of its revision."""
        source = self.found.need.source
        if self.found.where == "folder":
            return str(Path(source).expanduser().resolve())
        return f"{source}@{self.found.revision}"

    @property
    def architecture(self) -> str:
        """Its `model_type`."""
        return str(self.found.configs.get(CONFIG, {}).get("model_type") or "")

    @property
    def licence(self) -> str:
        """A line for people."""
        row = EYES[self.role].get(self.found.need.source)
        text = row.licence if row else self.found.licence
        source = self.found.need.source if self.found.where != "folder" else self.name
        return f"{source}: {text or 'see its model card'}"

    @property
    def memory_gb(self) -> float:
        """What it takes where it runs; of a model that infgen doesn't know, no less than its files
        do."""
        if row := EYES[self.role].get(self.found.need.source):
            return row.memory_gb
        here = [self.found.folder / name for name in self.found.files]
        return (self.found.size or sum(path.stat().st_size for path in here)) / 1e9


@dataclass(frozen=True)
class ResolvedEyes:
    """The answer of `resolve_eyes` or `resolve_depth`: the models by their roles, which may be none
    at all. Without problems `load_eyes` can be tried. `missing` names packages to install."""

    settings: VerifySettings | DepthSettings
    device: str = "cpu"
    eyes: dict[Role, Eye] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The models, with revisions."""
        return tuple(eye.name for eye in self.eyes.values())

    @property
    def licences(self) -> tuple[str, ...]:
        """One line per model."""
        return tuple(eye.licence for eye in self.eyes.values())

    @property
    def parts(self) -> tuple[Found, ...]:
        """Everything that has to be on this disk."""
        return tuple(eye.found for eye in self.eyes.values())

    @property
    def download_bytes(self) -> int:
        """What has to be fetched from the hub first."""
        return sum(part.size for part in self.parts)

    @property
    def memory_gb(self) -> float:
        """What all of them take together where they run."""
        return sum(eye.memory_gb for eye in self.eyes.values())

    @property
    def pins(self) -> dict[str, str]:
        """What a later run has to be told to have the same models, by role."""
        return {role: eye.pin for role, eye in self.eyes.items()}

    @property
    def record(self) -> dict[str, Any]:
        """What changes a label and is of these models, as plain values for a run's record."""
        return {
            role: {"model": eye.name, "weights": weights_of(eye.found), "dtype": DTYPE}
            for role, eye in self.eyes.items()
        }


def resolve_eyes(
    settings: VerifySettings,
    device: str,
    pinned: Mapping[str, str] | None = None,
    roles: Collection[Role] = JUDGES,
) -> ResolvedEyes:
    """Find out what the settings mean on a machine whose models run on `device` ("cuda", "mps" or
    "cpu"), for the `roles` that there is something to do for. The hub is asked only for models that
    are wanted by name, or by `--verify detector`, and aren't in its cache.

    `pinned` are those of a dataset that was begun before (see `Eye.pin`), by role. What the
    settings leave open is as it was then, whatever the cache holds by now.
    """
    named = settings.named
    if settings.verify in ("off", "change"):
        unused = tuple(f"--{role} does nothing with --verify {settings.verify}" for role in named)
        return ResolvedEyes(settings, device, warnings=unused)
    idle = tuple(
        f"--{role} does nothing where no objects are painted: only the detector looks at scenes"
        for role in named
        if role not in roles
    )
    wanted = {
        role: one for role in roles if (one := _wanted(role, settings, (pinned or {}).get(role)))
    }
    if missing := verdict.missing_packages(lora=False) if wanted else ():
        text = f"needs {', '.join(missing)}: pip install 'infgen[diffusion]'"
        unmet = tuple(one.problem(text) for one in wanted.values())
        return ResolvedEyes(settings, device, warnings=idle, problems=unmet, missing=missing)
    eyes = {role: Eye(role, _find(one)) for role, one in wanted.items()}
    problems = [
        wanted[role].problem(text) for role, eye in eyes.items() if (text := _trouble_with(eye))
    ]
    if lacking := hub.space_lacking(eye.found for eye in eyes.values()):
        problems.append(Problem(lacking))
    if device != "cpu" and pinned is None:  # where a look costs little, what is there is used
        eyes |= {role: eye for role in roles if role not in eyes and (eye := _at_hand(role))}
    return ResolvedEyes(
        settings,
        device,
        {role: eyes[role] for role in JUDGES if role in eyes},
        warnings=idle + _warnings(eyes, device),
        problems=tuple(problems),
    )


def resolve_depth(settings: DepthSettings, device: str) -> ResolvedEyes:
    """The same for the model that estimates depth: the default, or the one that is named."""
    option = "--depth-model" if settings.depth_model else "--depth:"
    one = Named("depth", settings.depth_model or default_of("depth"), option)
    if missing := verdict.missing_packages(lora=False):
        text = f"needs {', '.join(missing)}: pip install 'infgen[diffusion]'"
        return ResolvedEyes(settings, device, problems=(one.problem(text),), missing=missing)
    eye = Eye("depth", _find(one))
    problems = tuple(filter(None, [_trouble_with(eye)]))
    lacking = hub.space_lacking([eye.found])
    return ResolvedEyes(
        settings,
        device,
        {"depth": eye},
        warnings=_warnings({"depth": eye}, device),
        problems=tuple(map(one.problem, problems)) + ((Problem(lacking),) if lacking else ()),
    )


def _wanted(role: Role, settings: VerifySettings, pin: str | None) -> Named | None:
    """The model that has to be there for a role: the one that is named, that the dataset was begun
    with, or the default, if it is asked for by word."""
    source, revision = _of_pin(pin) if pin else ("", None)
    if name := settings.named.get(role):
        return Named(role, name, f"--{role}", revision if name == source else None)
    if source:
        return Named(role, source, f"--{role}", revision, begun=True)
    if settings.verify == "detector" and role == "detector":
        return Named(role, default_of(role), "--verify detector:")
    return None


def _of_pin(pin: str) -> tuple[str, str | None]:
    """Source and revision of what `Eye.pin` says."""
    if hub.is_path(pin):
        return pin, None
    source, _, revision = pin.rpartition("@")
    return source, revision


def _need(role: Role, source: str, revision: str | None = None) -> Need:
    """Detectors and scorers read, the others don't."""
    return Need(source, revision, "vision-text" if role in ("detector", "scorer") else "vision")


def _find(one: Named) -> Found:
    """Look up what the user named; what can be neither a folder nor an id isn't asked for."""
    if "/" in one.source or hub.is_path(one.source):
        return hub.find(one.need, half=False)
    known = ", ".join(EYES[one.role])
    text = f"no such model: give a hub id (owner/name) or a folder; infgen knows {known}"
    return Found(one.need, problem=text)


def _at_hand(role: Role) -> Eye | None:
    """The role's default where it was downloaded before and can be loaded."""
    if verdict.missing_packages(lora=False):
        return None
    found = hub.find_here(_need(role, default_of(role)), half=False)
    eye = Eye(role, found) if found else None
    return eye if eye and not _trouble_with(eye) else None


def _trouble_with(eye: Eye) -> str:
    """Why a model can't be loaded: not found, of another kind, or too new for transformers."""
    known = ARCHITECTURES.get(eye.architecture)
    right = known is not None and known.role == eye.role
    if eye.found.problem and (right or not eye.architecture):
        source = eye.found.need.source
        near = difflib.get_close_matches(source, EYES[eye.role], n=1, cutoff=0.85)
        hint = f"; did you mean {near[0]}?" if near and near[0] != source else ""
        return eye.found.problem + hint
    if known is None or not right:
        what = f"a model of the kind {eye.architecture}" if eye.architecture else "something else"
        takes = ", ".join(taken(eye.role))
        kind = "depth model" if eye.role == "depth" else eye.role
        return f"{what}, which is no {kind} that infgen can run: it takes {takes}"
    import transformers

    if known.class_name in dir(transformers):
        return ""
    have = f"transformers {transformers.__version__} has no {known.class_name}"
    return f"{have}: pip install -U transformers"


def _warnings(eyes: Mapping[Role, Eye], device: str) -> tuple[str, ...]:
    """What the user should know and may ignore."""
    if device != "cpu":
        return ()
    known = [eye for role, eye in eyes.items() if eye.found.need.source in EYES[role]]
    return tuple(f"{eye.found.need.source} takes seconds a picture without a GPU" for eye in known)
