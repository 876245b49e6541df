"""What `infgen serve` may be told, and who is let in. Imports no gradio."""

from __future__ import annotations

import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from infgen.records.errors import InputError, Problem

TOKEN_VARIABLE = "INFGEN_TOKEN"
SHORTEST_SECRET = 8
UPLOADS_GB = 20.0


class ServeSettings(msgspec.Struct, frozen=True):
    """All that `infgen serve` may be told."""

    workspace: Annotated[
        Path, Meta(description="folder of all that the studio reads and writes")
    ] = Path("infgen-workspace")
    host: Annotated[
        str,
        Meta(description="address to listen on; any but this machine's own wants a key"),
    ] = "127.0.0.1"
    port: (
        Annotated[
            int,
            Meta(ge=0, le=65535, description="port (default: the first free from 7860; 0: any)"),
        ]
        | None
    ) = None
    user: (
        Annotated[str, Meta(description="name to sign in with, beside --password-file")] | None
    ) = None
    password_file: (
        Annotated[Path, Meta(description="file whose first line is the password to sign in with")]
        | None
    ) = None
    token: Annotated[
        bool,
        Meta(
            description="want a key, which is made and printed once; the variable INFGEN_TOKEN "
            "sets one of your own"
        ),
    ] = False
    idle_hours: Annotated[
        float, Meta(gt=0, description="hours after its last request that a sign-in ends")
    ] = 24.0
    session_hours: Annotated[
        float, Meta(gt=0, description="hours that a sign-in lasts at the most")
    ] = 168.0
    uploads_gb: Annotated[
        float, Meta(gt=0, description="gigabytes that uploaded pictures may take in all")
    ] = UPLOADS_GB


@dataclass(frozen=True)
class Keys:
    """What lets somebody in: a `user` with a `secret`, or, without a user, the secret alone."""

    user: str
    secret: str
    made: bool = False

    def fit(self, user: str, secret: str) -> bool:
        """Whether they do, found out in a time that doesn't tell how far they did."""
        same_user = secrets.compare_digest(user.encode(), self.user.encode())
        same_secret = secrets.compare_digest(secret.encode(), self.secret.encode())
        return same_secret and (same_user or not self.user)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keys_of(settings: ServeSettings) -> Keys | None:
    """Who is let in; None lets in whoever is on this machine.

    Raises:
        InputError: the address is open to others and nothing keeps them out, or the key won't do.
    """
    told = os.environ.get(TOKEN_VARIABLE)
    if settings.user is not None or settings.password_file is not None:
        if settings.user is None or settings.password_file is None:
            raise InputError("--user and --password-file belong together: give both")
        return Keys(settings.user, _password(settings.password_file))
    if told is not None:
        return Keys("", _long_enough(told, TOKEN_VARIABLE))
    if settings.token:
        return Keys("", secrets.token_urlsafe(24), made=True)
    if is_loopback(settings.host):
        return None
    raise InputError(
        f"--host {settings.host} lets others in: give --token (a key is made and printed), set "
        f"{TOKEN_VARIABLE}, or give --user and --password-file"
    )


def _password(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(Problem(f"can't be read: {reason}", str(file))) from None
    return _long_enough(lines[0] if lines else "", str(file))


def _long_enough(secret: str, place: str) -> str:
    if len(secret) < SHORTEST_SECRET:
        text = f"the secret is too short: give it {SHORTEST_SECRET} letters or more"
        raise InputError(Problem(text, place))
    return secret
