"""Damage of every kind to a run folder ends in a sentence: no traceback, no write outside of it.

A sample in the suite; `make fuzz` sets DEEPSEEK_REPORT_FUZZ=long for as much as its minutes allow.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from deepseek_report.cli import run as command
from deepseek_report.store import hash_folder
from tests.shared_runs import offered

from .conftest import LONG, reseal

#: What a type is changed to.
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "../x",
    "\ud800",
    [],
    {},
    [[]],
    {"a": 1},
    "9" * 999,
)
RECORDS = (
    *("run.json", "manifest.json", "records.json", "documents.json", "provenance.json"),
    *("findings.json", "evidence.json", "config.yaml", "scores.parquet"),
)


def flip(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return f"bit of byte {place} flipped"


def cut(path: Path, chance: random.Random) -> str:
    content = path.read_bytes()
    place = chance.randrange(len(content))
    path.write_bytes(content[:place])
    return f"cut at byte {place}"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*path, key)
        if isinstance(value[key], (dict, list)):
            yield from places(value[key], (*path, key))


def pick(value: Any, chance: random.Random) -> tuple[Any, Any, tuple[Any, ...]]:
    """A container, a key of it, and the way there; shallow places are as likely as deep ones."""
    ways = sorted(places(value), key=len)
    depth = chance.choice(sorted({len(candidate) for candidate in ways}))
    way = chance.choice([candidate for candidate in ways if len(candidate) == depth])
    for key in way[:-1]:
        value = value[key]
    return value, way[-1], way


def edit(change: Callable[[Any, Any, random.Random], str]) -> Callable[[Path, random.Random], str]:
    def edited(path: Path, chance: random.Random) -> str:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not content:
            return cut(path, chance)
        container, key, way = pick(content, chance)
        damage = change(container, key, chance)
        path.write_text(json.dumps(content), encoding="utf-8")
        return f"{damage} at {'/'.join(map(str, way))}"

    return edited


def drop(container: Any, key: Any, chance: random.Random) -> str:
    del container[key]
    return "dropped"


def retype(container: Any, key: Any, chance: random.Random) -> str:
    container[key] = chance.choice(ODD)
    return f"set to {container[key]!r:.20}"


DAMAGE = (flip, cut, edit(drop), edit(retype))


def check(
    folder: Path, damage: str, capsys: pytest.CaptureFixture[str], *further: list[str]
) -> None:
    """Commands that read a folder end with a code that is documented, and with sentences."""
    before = hash_folder(folder.parent)
    for words in offered(["verify", str(folder)], ["render", str(folder)], *further):
        code = command(words)
        captured = capsys.readouterr()
        both = captured.out + captured.err
        assert code in {0, 1, 2, 3}, (words, damage, code)
        assert "Traceback" not in both, (words, damage, both)
        assert "nobody foresaw" not in both, (words, damage, both)
        assert both.strip(), (words, damage)
    after = hash_folder(folder.parent)
    prefix = f"{folder.name}/"
    assert {n: s for n, s in after.items() if not n.startswith(prefix)} == {
        n: s for n, s in before.items() if not n.startswith(prefix)
    }, damage


@pytest.mark.parametrize("number", range(600 if LONG else 2))
@pytest.mark.parametrize("name", [*RECORDS, "artifacts"])
def test_damage_that_the_manifests_do_not_know_of(
    short_run: Any, tmp_path: Path, name: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(f"{name} {number}")
    folder = short_run.copied(tmp_path / "run")
    path = folder / name
    if path.is_dir():
        path = chance.choice(sorted(file for file in path.rglob("*") if file.is_file()))
    damage = chance.choice(DAMAGE if path.suffix == ".json" else DAMAGE[:2])
    done = f"{path.name}: {damage(path, chance)}"
    check(folder, done, capsys)


#: What a stranger's artifacts may look like who seals the folder again.
SEALED = ("artifacts/data", "artifacts/predictions", "artifacts/measures", "artifacts/explanations")


@pytest.mark.parametrize("number", range(200 if LONG else 1))
@pytest.mark.parametrize("name", [*SEALED, "artifacts/pictures", "artifacts/training", "run.json"])
def test_damage_that_is_sealed_again(
    small_run: Any,
    short_run: Any,
    tmp_path: Path,
    name: str,
    number: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(f"sealed {name} {number}")
    folder = tmp_path / "run"
    damaged, other = (small_run, short_run) if LONG else (short_run, small_run)
    shutil.copytree(damaged.folder, folder)
    path = folder / name
    if path.is_dir():
        path = chance.choice(sorted(path.rglob("*.json")))
    done = f"{path.relative_to(folder)}: {chance.choice(DAMAGE[2:])(path, chance)}"
    with contextlib.suppress(AttributeError, TypeError, KeyError, OSError, ValueError):
        reseal(folder)  # else it is so damaged that nobody could seal it
    with TemporaryDirectory() as place:
        others = [str(other.folder), "--output", f"{place}/compared"]
        repeat = ["reproduce", str(folder), "--dry-run"]
        check(folder, done, capsys, ["compare", str(folder), *others], repeat)
