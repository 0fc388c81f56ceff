"""Writes the bill of materials of a wheel beside it: `python .ci/sbom.py WHEEL` (CycloneDX 1.6).

It says what the wheel is (its hash), which libraries it asks for and in which versions, and which
files of others it carries. The same wheel gives the same bytes: it holds no clock and no chance.
"""

from __future__ import annotations

import email
import hashlib
import json
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: Folders of the wheel that hold files of others.
_CARRIED = ("templates/html/vendor/", "templates/typst/fonts/")


def bill_of(wheel: Path) -> dict[str, Any]:
    """The bill of materials of a wheel, as CycloneDX lays it out."""
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(about))
        carried = [
            _file(name, archive.read(name))
            for name in names
            if any(folder in name for folder in _CARRIED) and not name.endswith("/")
        ]
    required = [_library(Requirement(text)) for text in metadata.get_all("Requires-Dist", [])]
    libraries = list({each["bom-ref"]: each for each in required}.values())
    name, version = str(metadata["Name"]), str(metadata["Version"])
    root = f"pkg:pypi/{canonicalize_name(name)}@{version}"
    needed = [each["bom-ref"] for each in libraries if each["scope"] == "required"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, sha256)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": root,
                "name": name,
                "version": version,
                "purl": root,
                "hashes": [{"alg": "SHA-256", "content": sha256}],
                "licenses": [{"expression": str(metadata["License-Expression"])}],
            }
        },
        "components": [*libraries, *carried],
        "dependencies": [
            {"ref": root, "dependsOn": [*needed, *(each["bom-ref"] for each in carried)]}
        ],
    }


def _library(requirement: Requirement) -> dict[str, Any]:
    """A library that the wheel asks for; of an extra alone, it is optional."""
    name = canonicalize_name(requirement.name)
    marker = str(requirement.marker or "")
    properties = [{"name": "python:versions", "value": str(requirement.specifier)}]
    if marker:
        properties.append({"name": "python:marker", "value": marker})
    optional = "extra ==" in marker
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}" + (f"?{marker}" if marker else ""),
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "scope": "optional" if optional else "required",
        "properties": properties,
    }


def _file(name: str, content: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "type": "file",
        "bom-ref": name,
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
    }


def main(arguments: list[str]) -> None:
    """Write `WHEEL.cdx.json` for each wheel."""
    for path in map(Path, arguments):
        text = json.dumps(bill_of(path), indent=1, sort_keys=True) + "\n"
        target = path.with_name(f"{path.name}.cdx.json")
        target.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
