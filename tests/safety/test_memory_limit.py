"""Every command on a folder that was made to harm, in a process that may take 3 GB of memory.

Each ends with a code that is documented and a sentence: no traceback, no lack of memory, nothing
written outside, and no folder praised that is not as the run wrote it.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepseek_report.artifacts.storage.files import load_arrays, load_json, load_table
from deepseek_report.artifacts.storage.plain_files import MOST_LEVELS, remove, walk
from deepseek_report.errors import ArtifactError
from deepseek_report.store import hash_folder
from tests.real_runs import small_results, write_rows
from tests.shared_runs import SMALL, offered

from .conftest import LONG, reseal
from .test_fuzz import DAMAGE

#: Bytes of address space, as `ulimit -v` counts them: 3 GB, of which torch takes one.
LIMIT = 3 * 10**9


Answers = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def answers_of() -> Iterator[Answers]:
    """Asks one process with the limit, which runs each command in a copy of itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.safety.limited_commands", str(LIMIT)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip

    def ask(*commands: list[str]) -> list[dict[str, Any]]:
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps(commands), file=process.stdin, flush=True)
        return list(json.loads(process.stdout.readline()))

    with process:
        yield ask


# --- what harms -----------------------------------------------------------------------------------


def repeated_text(path: Path) -> None:
    """Parquet: one text of 4 MiB in a dictionary, and 1 500 rows that name it."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1500, pa.int32()), ["x" * 2**22])
    pq.write_table(pa.table({"metric": texts}), path, compression="zstd")
    assert path.stat().st_size < 5000


def shared_beginnings(path: Path) -> None:
    """Parquet: 64 texts of 4 MiB, each written as the beginning that the one before has too."""
    table = pa.table({"metric": ["x" * 2**22] * 64})
    encoding = {"metric": "DELTA_BYTE_ARRAY"}
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoding)
    assert path.stat().st_size < 5000


def endless_rows(path: Path) -> None:
    """Parquet: 50 million rows of the same number in some kilobytes."""
    pq.write_table(pa.table({"a": np.zeros(50_000_000, np.int8)}), path, compression="zstd")


def one_endless_list(path: Path) -> None:
    """Parquet: one row with a list of ten million numbers."""
    pq.write_table(pa.table({"a": [np.zeros(10_000_000, np.int8)]}), path, compression="zstd")


def false_pages(path: Path) -> None:
    """Parquet whose page says that it is larger than the file's own list of contents tells."""
    pd.DataFrame({"a": [1.0, 2.0]}).to_parquet(path, compression=None)
    content = path.read_bytes()
    size = content.index(b"\x15", 6)
    path.write_bytes(content[:size] + b"\x15\xfe\xff\xff\xff\x0f" + content[size + 3 :])


def many_lists(path: Path) -> None:
    """JSON: 12 million empty lists, 36 MB that take a gigabyte once they are parsed."""
    path.write_text("[" + "[]," * 12_000_000 + "0]", encoding="ascii")


def deep_lists(path: Path) -> None:
    """JSON: lists in each other, within what Python's own parser reads."""
    path.write_text("[" * 900 + "]" * 900, encoding="ascii")


def endless_text(path: Path) -> None:
    """JSON that never closes its text, with a quotation mark at every second place."""
    path.write_text('["' + '\\"' * 2_000_000, encoding="ascii")


def _head(shape: tuple[int, ...]) -> bytes:
    head = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, about)
    return head.getvalue()


def false_head(path: Path) -> None:
    """Npz: an array that claims 8 GB and has none of it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs.npy", _head((10**9,)))


def packed_zeros(path: Path) -> None:
    """Npz: an array of 700 MiB of zeros, in some kilobytes."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("inputs.npy", "w", force_zip64=True) as member,
    ):
        member.write(_head((700 * 2**17,)))
        for _ in range(700):
            member.write(bytes(2**20))


def many_members(path: Path) -> None:
    """Npz: 40 000 members, for each of which an object is made."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40_000):
            archive.writestr(f"{number}.npy", b"")


LOADERS = {".parquet": load_table, ".json": load_json, ".npz": load_arrays}
BOMBS: tuple[tuple[Callable[[Path], None], str], ...] = (
    *((bomb, ".parquet") for bomb in (repeated_text, shared_beginnings, endless_rows)),
    *((bomb, ".parquet") for bomb in (one_endless_list, false_pages)),
    *((bomb, ".json") for bomb in (many_lists, deep_lists, endless_text)),
    *((bomb, ".npz") for bomb in (false_head, packed_zeros, many_members)),
)
NAMES = [bomb.__name__ for bomb, _ in BOMBS]


@pytest.mark.parametrize(("bomb", "ending"), BOMBS, ids=NAMES)
def test_a_bomb_is_refused_before_room_is_made_for_it(
    bomb: Callable[[Path], None], ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_REPORT_ARTIFACT_MIB", "64")
    path = tmp_path / f"bomb{ending}"
    bomb(path)
    with pytest.raises(ArtifactError) as refused:
        LOADERS[ending](path)
    assert str(path) in str(refused.value)


def test_a_dictionary_of_ordinary_texts_is_read_as_it_was_written(tmp_path: Path) -> None:
    from deepseek_report.artifacts.storage.files import save_table

    texts = ["ein Wort", "", None, "“zwei”"]
    table = pd.DataFrame(
        {
            "text": np.resize(np.array(texts, dtype=object), 1000),
            "kind": pd.Categorical(np.resize(["a", "b"], 1000)),
            "number": np.arange(1000) / 3,
            "yes": np.resize([True, False], 1000),
        }
    )
    path = tmp_path / "table.parquet"
    save_table(path, table)
    pd.testing.assert_frame_equal(load_table(path), pd.read_parquet(path))


def test_texts_that_are_counted_first_are_the_same_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just above the size below which no text needs to be counted, and within the bound."""
    path = tmp_path / "table.parquet"
    pd.DataFrame({"text": np.resize(["x" * 20_000, "y"], 300), "n": range(300)}).to_parquet(path)
    monkeypatch.setenv("DEEPSEEK_REPORT_ARTIFACT_MIB", "4")
    pd.testing.assert_frame_equal(load_table(path), pd.read_parquet(path))


# --- folders --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(short_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A row as a person would write it."""
    return write_rows(small_results(short_run), 1, tmp_path_factory.mktemp("rows") / "rows.csv")


def all_commands(folder: Path, short_run: Any, rows: Path, place: Path) -> list[list[str]]:
    """Each command that reads a run folder; what it writes goes below `place`."""
    run, store = str(folder), ["--store", str(short_run.store)]
    replay = ["--replay", "--once", "--explain", "0", "--board", str(place / "board")]
    return offered(
        ["verify", run],
        ["compare", run, str(short_run.folder), "--output", str(place / "compared")],
        ["reproduce", run, "--dry-run"],
        ["explain-case", run, "--row", str(rows), "--out", str(place / "case.html"), *store],
        ["score-stream", run, *replay, *store],
        ["track", run, "--uri", str(place / "mlruns")],
        ["runs", f"paths.reports={folder.parent.parent}"],
        ["clean", f"paths.reports={folder.parent.parent}", f"paths.store={short_run.store}"],
        ["render", run],
    )


def check(answers: list[dict[str, Any]], commands: list[list[str]], damage: str) -> None:
    for words, answer in zip(commands, answers, strict=True):
        text = str(answer["text"])
        assert not answer["raised"], (damage, words, answer)
        assert answer["code"] in {0, 1, 2, 3}, (damage, words, answer)
        for sign in ("Traceback", "nobody foresaw", "MemoryError", "not enough memory"):
            assert sign not in text, (damage, words, text[-2000:])
        assert text.strip(), (damage, words)


@pytest.fixture
def strange(short_run: Any, tmp_path: Path) -> Path:
    """A copy of the short run with nothing of the person's beside it."""
    return short_run.copied(tmp_path / "received" / "study" / "run")


#: Where each bomb lies: what a command reads, and what it hashes alone.
PLACES = {
    ".parquet": ("scores.parquet", "artifacts/measures/cases/cases.parquet"),
    ".json": ("artifacts/data/card.json", "run.json"),
    ".npz": ("artifacts/data/test.npz",),
}
AIMED = [(bomb, place) for bomb, ending in BOMBS for place in PLACES[ending]]
SHORT = {("repeated_text", "scores.parquet"), ("packed_zeros", "artifacts/data/test.npz")}


@pytest.mark.parametrize(
    ("bomb", "place"),
    [
        pytest.param(bomb, place, id=f"{bomb.__name__}-{place}")
        for bomb, place in AIMED
        if LONG or (bomb.__name__, place) in SHORT
    ],
)
def test_no_command_needs_3_gb_for_a_folder_with_a_bomb(
    bomb: Callable[[Path], None],
    place: str,
    strange: Path,
    short_run: Any,
    rows: Path,
    answers_of: Answers,
) -> None:
    bomb(strange / place)
    if place != "run.json":
        reseal(strange)
    outside = strange.parents[1] / "out"
    outside.mkdir()
    commands = all_commands(strange, short_run, rows, outside)
    before = short_run.folder, hash_folder(short_run.folder)
    answers = answers_of(*commands)
    check(answers, commands, f"{bomb.__name__} in {place}")
    assert answers[0]["code"] == 1 or place != "scores.parquet", "verify was content with a bomb"
    assert hash_folder(before[0]) == before[1]


@pytest.mark.parametrize("number", range(400 if LONG else 1))
def test_no_command_needs_3_gb_for_a_damaged_folder(
    number: int, strange: Path, short_run: Any, rows: Path, answers_of: Answers
) -> None:
    chance = random.Random(f"limited {number}")
    files = sorted(path for path in strange.rglob("*") if path.is_file())
    path = chance.choice(files)
    before = path.read_bytes()
    damage = chance.choice(DAMAGE if path.suffix == ".json" else DAMAGE[:2])
    done = f"{path.relative_to(strange)}: {damage(path, chance)}"
    changed = path.read_bytes() != before and not path.is_relative_to(strange / "people")
    outside = strange.parents[1] / "out"
    outside.mkdir()
    commands = all_commands(strange, short_run, rows, outside)
    answers = answers_of(*commands)
    check(answers, commands, done)
    assert answers[0]["code"] in ({1} if changed else {0, 3}), done


@pytest.mark.parametrize("number", range(100 if LONG else 1))
def test_no_command_needs_3_gb_for_a_damaged_store(
    number: int, short_run: Any, tmp_path: Path, answers_of: Answers
) -> None:
    """One file of a shared store was changed; what follows a run in it, and what cleans it."""
    chance = random.Random(f"store {number}")
    store, reports = tmp_path / "store", tmp_path / "reports"
    shutil.copytree(short_run.store, store)
    files = sorted(path for path in store.rglob("*") if path.is_file() and path.stat().st_size)
    path = chance.choice(files)
    damage = chance.choice(DAMAGE if path.suffix == ".json" else DAMAGE[:2])
    done = f"{path.relative_to(store)}: {damage(path, chance)}"
    places = [f"paths.reports={reports}", f"paths.store={store}"]
    commands = offered(
        ["watch", *SMALL, *places, "--once", "--board", str(tmp_path / "board")],
        ["clean", *places],
        ["runs", places[0]],
        ["check", *SMALL, *places],
    )
    check(answers_of(*commands), commands, done)


def nested(folder: Path, levels: int) -> None:
    """Folders in each other, deeper than a path can name, with a file in the last."""
    start = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(levels):
            Path("d").mkdir()
            os.chdir("d")
        Path("file").touch()
    finally:
        os.chdir(start)


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 3000])
def test_a_very_deep_folder_is_told_and_can_be_removed(
    levels: int, strange: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepseek_report.cli import run as command

    nested(strange, levels)
    try:
        for words in offered(["verify"], ["render"], ["reproduce", "--dry-run"]):
            assert command([words[0], str(strange), *words[1:]]) in {1, 2}
            printed = "".join(capsys.readouterr())
            assert "deep" in printed
            assert "they match" not in printed
        with pytest.raises(ArtifactError):
            list(walk(strange))
    finally:
        remove(strange / "d")
    assert not (strange / "d").exists()
    assert command(["render", str(strange)]) == 0


#: {what may be a link beside a run folder: the commands that write there, or read it first}.
BESIDE = {
    ".store": ("score-stream", "explain-case"),
    ".boards": ("score-stream",),
    ".boards/stream-run": ("score-stream",),
    "comparisons": ("compare",),
}


@pytest.mark.parametrize("name", BESIDE)
def test_nothing_is_written_through_a_link_beside_a_run_folder(
    name: str, strange: Path, short_run: Any, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who made the run folder may have made what lies beside it, too."""
    from deepseek_report.cli import run as command

    home = strange.parents[1]
    victim = home.parent / "victim"
    (victim / "stream").mkdir(parents=True)
    for kept in ("stream/events.out.tfevents.1", "in-use"):
        (victim / kept).write_text("kept", encoding="utf-8")
    if name != ".store":
        shutil.copytree(short_run.store, home / ".store")
    (home / name).parent.mkdir(exist_ok=True)
    (home / name).symlink_to(victim)
    before = hash_folder(victim)
    for words in offered(
        ["score-stream", str(strange), "--replay", "--once", "--explain", "0"],
        ["compare", str(strange), str(short_run.folder)],
        ["explain-case", str(strange), "--row", str(rows), "--out", str(home / "x.html")],
    ):
        if not LONG and words[0] not in BESIDE[name]:
            continue
        assert command(words) in {0, 1}
        assert "Traceback" not in "".join(capsys.readouterr())
    assert hash_folder(victim) == before


def test_a_lock_of_a_store_is_not_emptied_through_a_link(tmp_path: Path) -> None:
    from deepseek_report.store import Store
    from deepseek_report.store.folders import held

    victim = tmp_path / "victim"
    victim.write_text("kept", encoding="utf-8")
    store = Store(tmp_path / "store")
    (store.root / ".locks").mkdir(parents=True)
    for lock in ("in-use", "data-" + "a" * 32):
        (store.root / ".locks" / lock).symlink_to(victim)
    with pytest.raises(ArtifactError, match="no regular file"), store.lock("data", "a" * 64):
        pass
    with pytest.raises(ArtifactError, match="no regular file"), held(store.root):
        pass
    assert victim.read_text(encoding="utf-8") == "kept"


def test_a_lack_of_memory_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    from deepseek_report.cli.dispatch import exit_code_of

    def greedy() -> int:
        raise MemoryError("64 GiB")

    assert exit_code_of(greedy) == 1
    assert capsys.readouterr().err.startswith("there is not enough memory (64 GiB)")
