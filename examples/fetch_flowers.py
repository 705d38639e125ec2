"""Fetch about 3,700 photos of flowers of five classes from Harvard Dataverse.

    python examples/fetch_flowers.py FOLDER

FOLDER then holds ``flowers.zip`` and the photos unpacked from it; the script prints their folder. A second
call needs no network. Source: https://doi.org/10.7910/DVN/1ECTVN.
"""

import sys
from pathlib import Path

import pooch
import requests

SERVER = "https://dataverse.harvard.edu"
FILE_ID = 4105627
HEADERS = {"User-Agent": "gmmaug-plugin"}
"""The server's firewall refuses the default user agents of Python's HTTP libraries."""


def fetch_flowers(folder: Path, *, server: str = SERVER) -> Path:
    """Download the archive, compare its MD5 with the server's, and unpack it.

    Args:
        folder: Where to store the archive and the photos.
        server: Address of the Dataverse server.

    Returns:
        The folder of the unpacked photos.

    Raises:
        requests.RequestException: If the server cannot be reached or refuses.
        ValueError: If the download has another MD5. Nothing is stored then.
    """
    # An archive in the folder was compared when it was downloaded.
    known_hash = None if (folder / "flowers.zip").exists() else f"md5:{_md5(server)}"
    pooch.retrieve(
        f"{server}/api/access/datafile/{FILE_ID}",
        known_hash,
        fname="flowers.zip",
        path=folder,
        processor=pooch.Unzip(extract_dir="photos"),
        downloader=pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), headers=HEADERS),
    )
    return folder / "photos"


def _md5(server: str) -> str:
    response = requests.get(f"{server}/api/files/{FILE_ID}", headers=HEADERS, timeout=60)
    response.raise_for_status()
    return str(response.json()["data"]["dataFile"]["md5"])


if __name__ == "__main__":
    print(fetch_flowers(Path(sys.argv[1])))
