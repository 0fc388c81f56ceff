"""What is installed to build and test is known by its hash, and what is built says what it is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import runpy
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
#: It has builds for each kind of machine.
NOT_LOCKED = {"torch", "deepseek-report"}

pytestmark = pytest.mark.skipif(
    not (ROOT / "requirements.lock").is_file(), reason="outside of a checkout"
)


def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def locked() -> dict[str, list[str]]:
    """{distribution: its versions}; every entry has a hash."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    versions: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", text):
        if entry.startswith("#"):
            continue
        match = re.match(r"([\w.-]+)==([\w.!+]+)", entry)
        assert match is not None, entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        versions.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return versions


def wanted() -> list[Requirement]:
    about = project()
    extras = about["optional-dependencies"]
    texts = [*about["dependencies"], *extras["test"], *extras["dev"], *extras["docs"]]
    requirements = [Requirement(text) for text in texts]
    (own,) = [each for each in requirements if each.name == "deepseek-report"]
    return requirements + [Requirement(text) for extra in own.extras for text in extras[extra]]


def test_the_lock_holds_every_library_within_its_bounds_and_by_its_hash() -> None:
    versions = locked()
    for requirement in wanted():
        name = canonicalize_name(requirement.name)
        if name not in NOT_LOCKED:
            assert versions.get(name), f"{name}: make lock"
            for version in versions[name]:
                assert requirement.specifier.contains(version), f"{name} {version}: make lock"


def test_the_lock_names_no_place_and_no_torch() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert not NOT_LOCKED & locked().keys()
    assert "torch>=2.6,<3" in project()["dependencies"]


def bill_of(wheel: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / ".ci" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.bill_of(wheel))


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "deepseek_report-9.0-py3-none-any.whl"
    needs = "Requires-Dist: NumPy<3,>=1.26\nRequires-Dist: skops>=0.16; extra == 'skops'\n"
    about = "Metadata-Version: 2.4\nName: deepseek-report\nVersion: 9.0\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deepseek_report/__init__.py", "")
        archive.writestr("deepseek_report/_shipped/templates/html/vendor/plotly.gz", b"plotly")
        archive.writestr(
            "deepseek_report-9.0.dist-info/METADATA",
            f"{about}License-Expression: Apache-2.0\n{needs}\n",
        )
    return path


def test_the_bill_says_what_the_wheel_is_what_it_needs_and_what_it_carries(wheel: Path) -> None:
    bill = bill_of(wheel)
    component = bill["metadata"]["component"]
    assert component["purl"] == "pkg:pypi/deepseek-report@9.0"
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert component["hashes"] == [{"alg": "SHA-256", "content": sha256}]
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["numpy"]["scope"] == "required"
    assert parts["numpy"]["properties"][0]["value"] == "<3,>=1.26"
    assert parts["skops"]["scope"] == "optional"
    (carried,) = [part for part in parts.values() if part["type"] == "file"]
    assert carried["hashes"][0]["content"] == hashlib.sha256(b"plotly").hexdigest()


def test_every_reference_of_the_bill_has_its_target_and_the_bytes_repeat(wheel: Path) -> None:
    bill = bill_of(wheel)
    known = [part["bom-ref"] for part in bill["components"]]
    assert len(known) == len(set(known))
    assert {*bill["dependencies"][0]["dependsOn"]} <= {*known}
    assert json.dumps(bill) == json.dumps(bill_of(wheel))


def test_a_release_says_what_the_changelog_says_of_its_version_and_refuses_without() -> None:
    notes_of = runpy.run_path(str(ROOT / ".ci" / "notes.py"))["notes_of"]
    changelog = "# Changelog\n\n## 0.2.0 (2027-01-01)\n\n- New.\n\n## 0.1.0\n\nThe first.\n"
    assert notes_of("0.2.0", changelog) == "- New."
    assert notes_of("0.1.0", changelog) == "The first."
    with pytest.raises(SystemExit, match=r"nothing of 0\.3\.0 \(it has 0\.2\.0, 0\.1\.0\)"):
        notes_of("0.3.0", changelog)
