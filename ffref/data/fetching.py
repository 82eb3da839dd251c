"""Fetch the canonical files of a data set, from the net or from a folder; verified, or not at all.

A file comes under a temporary name, is compared with its digest, and only then gets its own. What
an interruption leaves is gone on with. Pooch speaks HTTP, as the extra "fetch".
"""

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ffref.data.canonical_files import (
    CanonicalFile,
    Download,
    canonical,
    chunks,
    is_canonical,
    places,
    state_of,
)
from ffref.data.errors import DataError
from ffref.data.files import PathLike, is_gzip, open_file, reason
from ffref.data.loading import find_data_dir

_SILENCE = 30
"""Seconds without a byte after which a server is given up."""
_SPARE = 2**20
"""Bytes by which a file that was packed anew may be larger than its content."""

_NO_SUCH_RANGE = 416

Say = Callable[[str], None]


def fetch(
    name: str,
    data_dir: PathLike | None = None,
    *,
    mirror: str | None = None,
    source: PathLike | None = None,
    say: Say = lambda _: None,
    progress: bool = False,
) -> None:
    """Put the canonical files of a data set into the data folder, if they are not there.

    Parameters
    ----------
    name : str
        One of `names()` that is not bundled.
    data_dir : str or path, optional
        The data folder, as told by `find_data_dir`.
    mirror : str, optional
        Address of a folder that has the files under their names; without it the known sources.
    source : str or path, optional
        A folder on this machine that has the files or archives, instead of the net.
    say : callable
        Gets a line of text for each file.
    progress : bool
        Show a bar while a file comes; needs tqdm.

    Raises
    ------
    DataError
        If a file cannot be had, or is another than the canonical one, or another one stands in
        its place, which is never overwritten.
    """
    folder = find_data_dir(data_dir)
    known = canonical(name)
    for download in known.downloads:
        states = [state_of(folder, file) for file in download.files]
        wrong = [found.place for found in states if found.state == "differs"]
        if wrong:
            raise DataError(
                f"{wrong[0]}: the file is there, but is not the canonical one; move it away, or "
                f"name another folder by --data-dir"
            )
        missing = [found.file for found in states if found.state == "missing"]
        if not missing:
            say(f"{download.name}: is there, verified")
        elif source is not None:
            _from_folder(Path(source), folder, download, missing, say)
        else:
            addresses = known.folders if mirror is None else (mirror.rstrip("/") + "/",)
            urls = [address + download.name for address in addresses]
            _from_net(urls, folder, download, say, progress=progress)


# -- from a folder -------------------------------------------------------------------------------


def _from_folder(
    source: Path, folder: Path, download: Download, missing: list[CanonicalFile], say: Say
) -> None:
    archive = source / download.name
    if download.sha256 is not None and archive.is_file():
        _unpack(archive, folder, download)
        say(f"{archive}: verified, unpacked into {folder}")
        return
    for file in missing:
        here = _find(source, file)
        if here is None:
            raise DataError(
                f"{source}: expected {download.name} or {file.path} in this folder, got neither"
            )
        part = _part(folder, file.path)
        _copy(here, part)
        _install(part, folder, file, str(here))
        say(f"{here}: verified, copied into {folder}")


def _find(source: Path, file: CanonicalFile) -> Path | None:
    """Find a file in the folder, below it as in a data folder, or packed."""
    flat = [source / place.name for place in places(source, file)]
    return next((place for place in (*places(source, file), *flat) if place.is_file()), None)


def _copy(here: Path, part: Path) -> None:
    try:
        shutil.copyfile(here, part)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise DataError(f"{here}: cannot be copied to {part}: {reason(problem)}") from problem


# -- from the net --------------------------------------------------------------------------------


def _from_net(
    urls: list[str], folder: Path, download: Download, say: Say, *, progress: bool
) -> None:
    part = _part(folder, download.name)
    problems = []
    for url in urls:
        going_on = _size(part) > 0
        problem = _attempt(url, part, folder, download, say, progress=progress)
        if problem and going_on and not part.exists():  # what was there did not fit
            problem = _attempt(url, part, folder, download, say, progress=progress)
        if problem is None:
            say(f"{download.name}: verified")
            return
        problems.append(problem)
    raise DataError(
        f"{download.name} could not be fetched: {'; '.join(problems)}; try again, name a mirror "
        f"by --mirror URL, or bring the file yourself and name its folder by --from DIR"
    )


def _attempt(
    url: str, part: Path, folder: Path, download: Download, say: Say, *, progress: bool
) -> str | None:
    """Fetch and verify, and say what went wrong; `part` is left only if it may be gone on with."""
    done = _size(part)
    start = f"going on at byte {done:,}" if done else "fetching"
    say(f"{url}: {start}, {download.size:,} bytes in all")
    try:
        if done != download.size:
            _get(url, part, download, progress=progress)
        _take(part, folder, download, url)
    except DataError as problem:  # not the right bytes
        part.unlink(missing_ok=True)
        return str(problem)
    except OSError as problem:  # Requests' errors are such
        status = getattr(getattr(problem, "response", None), "status_code", None)
        if status == _NO_SUCH_RANGE:
            part.unlink(missing_ok=True)
        return f"{url}: {type(problem).__name__}: {reason(problem)[:200]}"
    return None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _get(url: str, part: Path, download: Download, *, progress: bool) -> None:
    """Fetch `url` into `part`, behind what is already in it if the server can."""
    limit = max(download.size, *(file.size for file in download.files)) + _SPARE
    with part.open("ab") as file:
        headers = {"Accept-Encoding": "identity"}
        if file.tell():
            headers["Range"] = f"bytes={file.tell()}-"

        def begin(response: Any, **_: object) -> None:  # noqa: ANN401
            if response.status_code == 200:  # the whole file, asked for or not
                file.truncate(0)

        get = _pooch().HTTPDownloader(
            progressbar=progress,
            chunk_size=2**16,
            timeout=_SILENCE,
            headers=headers,
            hooks={"response": begin},
        )
        get(url, _Limited(file, limit, url), None)


class _Limited:
    """A file that refuses to grow beyond what can be right."""

    def __init__(self, file: Any, limit: int, url: str) -> None:  # noqa: ANN401
        self.file, self.limit, self.url = file, limit, url

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > self.limit:
            raise DataError(f"{self.url}: more than {self.limit} bytes came, which is too much")
        return int(self.file.write(data))

    def flush(self) -> None:
        self.file.flush()


def _pooch() -> Any:  # noqa: ANN401
    try:
        return import_module("pooch")
    except ImportError:
        raise DataError(
            "fetching needs the package pooch: python -m pip install 'ffref[fetch]'; or bring the "
            "file yourself and name its folder by --from DIR"
        ) from None


# -- verified, then in place ---------------------------------------------------------------------


def _take(part: Path, folder: Path, download: Download, origin: str) -> None:
    if download.sha256 is None:
        _install(part, folder, download.files[0], origin)
    else:
        _unpack(part, folder, download, origin)
        part.unlink()


def _install(part: Path, folder: Path, file: CanonicalFile, origin: str) -> None:
    """Give the file its name, if its content is right."""
    if not is_canonical(part, file):
        part.unlink(missing_ok=True)
        raise DataError(
            f"{origin}: this is not the canonical file: its content has not the SHA-256 "
            f"{file.sha256}; nothing was kept of it"
        )
    with open_file(part) as (raw, _):
        packed = is_gzip(raw)
    target = folder / file.path
    _make_folder(target.parent)
    part.replace(f"{target}.gz" if packed else target)


def _unpack(archive: Path, folder: Path, download: Download, origin: str | None = None) -> None:
    """Unpack the files that are needed, and these alone, of an archive whose bytes are right."""
    with open_file(archive) as (raw, _):
        digest = hashlib.sha256()
        for chunk in chunks(raw):
            digest.update(chunk)
    if digest.hexdigest() != download.sha256:
        raise DataError(
            f"{origin or archive}: this is not the canonical file: its SHA-256 is "
            f"{digest.hexdigest()}, not {download.sha256}"
        )
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for file in download.files:
                member = tar.extractfile(file.path)
                if member is None:
                    raise DataError(f"{archive}: {file.path} is no file in it")
                part = _part(folder, file.path)
                with member, part.open("wb") as target:
                    shutil.copyfileobj(member, target, 2**20)
                _install(part, folder, file, f"{archive}: {file.path}")
    except (tarfile.TarError, KeyError, EOFError) as problem:
        raise DataError(f"{archive}: cannot be unpacked: {reason(problem)}") from problem


def _part(folder: Path, path: str) -> Path:
    """Temporary name of a file, in the folder where it will stand."""
    target = folder / path
    _make_folder(target.parent)
    return target.with_name(f".{target.name}.part")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise DataError(f"{folder}: cannot be made: {reason(problem)}") from problem
