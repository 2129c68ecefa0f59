"""Remote files: addresses, time-outs, and versions as reported by servers."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lineshape.engine.core.errors import DataError, RequestError

#: Seconds after which a missing answer counts as a transient error; a user's own settings take precedence.
TIMEOUT = 30
_XROOTD = {
    "XRD_REQUESTTIMEOUT": str(TIMEOUT),
    "XRD_STREAMTIMEOUT": str(TIMEOUT),
    "XRD_CONNECTIONWINDOW": "10",
    "XRD_CONNECTIONRETRY": "3",
    "XRD_STREAMERRORWINDOW": "10",
}

#: Names of a file's version in file systems' answers: of the web, of XRootD, of object stores.
_MARKS = ("ETag", "Last-Modified", "mtime", "LastModified")
#: Maximum number of concurrent requests to servers.
_AT_ONCE = 16


def is_remote(path: str) -> bool:
    """Return whether a path is a URL (root://, https://)."""
    return "://" in path


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, with time-outs set, and the path within it.

    Raises RequestError where the package for its protocol is not installed.
    """
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(url, **options(url))
    except ImportError as error:
        raise _needs(url, error) from error
    return files, path


def _needs(url: str, error: ImportError) -> RequestError:
    return RequestError(f"{url}: {error}; install what it needs with: pip install 'lineshape[remote]'")


def first_bytes(url: str) -> bytes:
    """Return a file's first four bytes; raise DataError where it is missing, OSError where no server answers."""
    return _of_web(url) if url.startswith(("http://", "https://")) else _of_other(url)


def _of_web(url: str) -> bytes:
    request = Request(url, headers={"Range": "bytes=0-3"})  # noqa: S310 - only http and https come here
    try:
        with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            if response.status != 206:
                raise DataError(
                    f"{url}: the server ignores range requests (status {response.status}, expected 206), without which "
                    "a ROOT file cannot be read in parts; copy the file, or serve it with a server that knows ranges"
                )
            content: bytes = response.read(4)
            return content
    except HTTPError as error:
        if error.code == 416:
            return b""
        if error.code < 500 and error.code not in {408, 429}:
            raise DataError(f"{url}: the server answers {error.code} {error.reason}; expected a ROOT file") from error
        raise OSError(f"{url}: the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise OSError(f"{url}: the server cannot be reached: {error.reason}") from error
    except HTTPException as error:
        raise OSError(f"{url}: the server's answer was cut short: {type(error).__name__} {error}") from error


def _of_other(url: str) -> bytes:
    files, path = file_system(url)
    try:
        content: bytes = files.cat_file(path, start=0, end=4)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or "[3011]" in str(error):
            raise DataError(f"{url}: no such file; expected a ROOT file") from error
        raise
    return content


def versions_of(urls: Sequence[str]) -> dict[str, str]:
    """Return a text for each URL that changes when the file does: its size, with its time of change or its tag.

    Empty where the server reports too little; a server that does not answer is not asked again.
    """
    silent: set[str] = set()

    def version(url: str) -> str:
        host = url.partition("://")[2].partition("/")[0]
        if host in silent:
            return ""
        try:
            files, path = file_system(url)
            info = files.info(path)
        except FileNotFoundError:
            return ""
        except Exception:  # noqa: BLE001 - the file is then inspected on a worker, which reports what is wrong
            silent.add(host)
            return ""
        marks = [str(info[name]) for name in _MARKS if info.get(name)]
        return " ".join([str(info.get("size")), *marks]) if marks else ""

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(zip(urls, threads.map(version, urls), strict=True))


def read_text(url: str) -> str:
    """Return the content of a text file; raise OSError where it cannot be read."""
    files, path = file_system(url)
    try:
        content: bytes = files.cat_file(path)
    except OSError:
        raise
    except Exception as error:  # such as aiohttp's
        raise OSError(f"{type(error).__name__}: {error}") from error
    return content.decode("utf-8")


def options(path: str) -> dict[str, Any]:
    """Return the time-outs for uproot.open and fsspec; XRootD reads its own from the environment when imported."""
    if not is_remote(path):
        return {}
    for name, value in _XROOTD.items():
        os.environ.setdefault(name, value)
    if path.startswith(("http://", "https://")):
        try:
            from aiohttp import ClientTimeout
        except ImportError as error:
            raise _needs(path, error) from error
        return {"client_kwargs": {"timeout": ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=TIMEOUT)}}
    return {"timeout": TIMEOUT} if path.startswith("root://") else {}
