"""Fetch an archive: verified by its SHA-256, kept once, and never half-written in the cache."""

import contextlib
import errno
import os
import shutil
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from helpers.checks import LessonError, shown

TIMEOUT = 30  # seconds without a byte
ATTEMPTS = 2
DEAD_AFTER = 10 * TIMEOUT  # seconds: a download that has not grown for so long was killed
CHUNK = 1 << 16  # bytes
LARGEST_MEMBER = 2**31  # bytes; the largest that is read, ml-25m's ratings, has 0.7 · 10⁹
PLAN_B = (
    "use load_ratings() for the embedded ones, name a mirror (mirror='https://…' or MOVIELENS_URL), "
    "or unpack the archive by hand and give its folder"
)
OTHER_FOLDER = "give another folder (cache='…' or EPOCH_CACHE)"


def cache_folder(cache: str | os.PathLike | None = None) -> Path:
    """Where downloads are kept: `cache`, else EPOCH_CACHE, else the system's folder for such things."""
    if cache is not None and not isinstance(cache, str | os.PathLike):
        raise LessonError(f"cache must be the path of a folder; you gave {shown(cache)}.")
    folder = cache or os.environ.get("EPOCH_CACHE") or pooch.os_cache("epoch-by-epoch")
    return Path(os.path.expanduser(folder))


@dataclass(frozen=True)
class Archive:
    """A published file: its name, its length in bytes, and the SHA-256 that makes any source of it trustworthy."""

    name: str
    size: int
    sha256: str


def fetch(archive: Archive, home: str, cache: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """The path of the whole, verified archive in the cache, downloaded if it is not there yet.

    Looks at `mirror`, else at the address in MOVIELENS_URL, else at `home`; certificates and the SHA-256 are always
    verified. Two processes may fetch at once. Raises `LessonError` when no whole archive can be had; the cache then
    holds nothing of it.
    """
    folder = cache_folder(cache)
    target = folder / archive.name
    url = f"{_address(mirror or os.environ.get('MOVIELENS_URL') or home)}/{archive.name}"
    try:
        if target.is_file() and _is_whole(target, archive):
            return target
        target.unlink(missing_ok=True)  # it went bad since
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
            part = Path(scratch) / archive.name
            _download(url, part, archive)
            open_archive(part).close()
            _move(part, target, archive)
    except OSError as fault:
        raise _cannot_keep(folder, fault) from None
    return target


def open_archive(path: Path) -> zipfile.ZipFile:
    """The zip file at `path`, looked over before anything is read from it.

    Its members are read in place and never unpacked. Raises `LessonError` for anything but a zip, and for absurd sizes.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise LessonError(
            f"{path.name} is damaged or not a zip archive; delete it and fetch it again, or {PLAN_B}."
        ) from None
    largest = max(archive.infolist(), key=lambda member: member.file_size, default=None)
    if largest and largest.file_size > LARGEST_MEMBER:
        archive.close()
        raise LessonError(
            f"{path.name} holds a file that claims {largest.file_size / 1e9:.0f} GB ({largest.filename!r}), so nothing "
            f"was read from it; {PLAN_B}."
        )
    return archive


def _address(mirror: str) -> str:
    try:
        parts = urlsplit(mirror)
        if parts.scheme in ("http", "https") and parts.hostname:
            return mirror.rstrip("/")
    except (ValueError, TypeError, AttributeError):  # what urlsplit makes of a broken address or of a number
        pass
    raise LessonError(f"A mirror must be an address such as https://example.org/movielens; you gave {shown(mirror)}.")


def _host(url: str) -> str:
    """Where an address leads, for messages: without the name and password that it may carry."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_whole(path: Path, archive: Archive) -> bool:
    return path.stat().st_size == archive.size and pooch.file_hash(str(path)) == archive.sha256


def _sweep(folder: Path) -> None:
    """Remove what killed downloads left behind, but not what another process is downloading just now."""
    for scratch in folder.glob(".download-*"):
        with contextlib.suppress(FileNotFoundError):  # the other process has just finished
            newest = max(path.stat().st_mtime for path in (scratch, *scratch.iterdir()))
            if time.time() - newest > DEAD_AFTER:
                shutil.rmtree(scratch, ignore_errors=True)


def _download(url: str, part: Path, archive: Archive) -> None:
    """Put the archive at `part`, at the second attempt if the first was cut off. Raises `LessonError` if it cannot."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with contextlib.closing(_Bar(archive)) as bar:
                pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)(url, str(part), None)
        except requests.RequestException as fault:
            if attempt == ATTEMPTS or not _worth_another_try(fault):
                raise _unreachable(url, archive, fault) from None
        else:
            if _is_whole(part, archive):
                return
            if part.stat().st_size == archive.size:
                break
            if attempt == ATTEMPTS:
                raise LessonError(
                    f"{_host(url)} sent {part.stat().st_size:,} of the {archive.size:,} bytes of "
                    f"{archive.name}, so it was thrown away; try again, or {PLAN_B}."
                )
    raise LessonError(
        f"What {_host(url)} sent is not the published {archive.name} (its SHA-256 differs), so it was thrown away; "
        f"{PLAN_B}."
    )


class _Bar:
    """Progress in megabytes: a widget in a notebook, a line in a terminal. Stops a source that sends too much."""

    def __init__(self, archive: Archive) -> None:
        from tqdm.auto import tqdm  # slow to import, and needed here only

        self.archive, self.received, self.total = archive, 0, 0
        self.bar = tqdm(total=archive.size, desc=archive.name, unit="B", unit_scale=True, leave=False)

    def update(self, count: int) -> None:
        self.received += count
        if self.received > self.archive.size + CHUNK:
            raise LessonError(
                f"The source sends more than the {self.archive.size:,} bytes that {self.archive.name} has, so it was "
                f"stopped; {PLAN_B}."
            )
        self.bar.update(min(count, self.archive.size - self.bar.n))

    def reset(self) -> None:  # pooch calls this at the end, to fill a bar that counted wrong
        self.received = 0

    def close(self) -> None:
        self.bar.close()


def _worth_another_try(fault: requests.RequestException) -> bool:
    """Whether the connection was lost on the way: a certificate or a missing page will not change in a second."""
    cut_off = (requests.exceptions.ChunkedEncodingError, requests.ConnectionError, requests.Timeout)
    return isinstance(fault, cut_off) and not isinstance(fault, requests.exceptions.SSLError)


def _unreachable(url: str, archive: Archive, fault: requests.RequestException) -> LessonError:
    host = _host(url)
    if isinstance(fault, requests.exceptions.SSLError):
        expired = "has expired" if "expired" in str(fault) else "is not to be trusted"
        return LessonError(f"The certificate of {host} {expired}, and verification stays on: {PLAN_B}.")
    if isinstance(fault, requests.HTTPError) and fault.response is not None:
        return LessonError(
            f"{host} has no {archive.name} to give (it answered {fault.response.status_code} "
            f"{fault.response.reason}): {PLAN_B}."
        )
    if isinstance(fault, requests.exceptions.ChunkedEncodingError):
        return LessonError(f"{host} broke off in the middle of {archive.name}: try again, or {PLAN_B}.")
    return LessonError(
        f"{host} cannot be reached for {archive.name}: check the network (a proxy is named by HTTPS_PROXY), or "
        f"{PLAN_B}."
    )


def _move(part: Path, target: Path, archive: Archive) -> None:
    """Into place in one step, so that nobody ever sees half a file."""
    try:
        os.replace(part, target)
    except PermissionError:  # on Windows, while another process that was faster is reading it
        if not (target.is_file() and _is_whole(target, archive)):
            raise


def _cannot_keep(folder: Path, fault: OSError) -> LessonError:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LessonError(f"There is no room left in {folder}: {OTHER_FOLDER}, or {PLAN_B}.")
    reason = fault.strerror or str(fault)
    return LessonError(f"The cache folder {shown(str(folder))} cannot be used ({reason}): {OTHER_FOLDER}, or {PLAN_B}.")
