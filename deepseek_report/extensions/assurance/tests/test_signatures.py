"""Signatures as an auditor tests them: changed bytes, edited decisions, forged folders, packs."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.storage.plain_files import sha256_file, unpack, write_pack
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.extensions.assurance.packing import changes, pack_run
from deepseek_report.extensions.assurance.signatures import (
    DECISION_PREDICATE,
    RUN_PREDICATE,
    SEAL_PREDICATE,
    KnownKey,
    SigningKey,
    known_keys,
    new_key,
    open_envelope,
    sealed_envelope,
    signing_key,
    statement,
)
from deepseek_report.extensions.assurance.signing import check_signatures, sign_run
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.store.run_folder import class_of, hash_files, look_into
from tests.safety.conftest import forge
from tests.shared_runs import Terminal

pytest.importorskip("cryptography", reason="needs the extra `sign`")
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys of Ada, Grace and a stranger; their public halves in `known/`."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "known").mkdir()
    for name in ("ada", "grace", "stranger"):
        _, public = new_key(name, folder)
        if name != "stranger":
            shutil.copy(public, folder / "known")
    return folder


def key(keys: Path, name: str) -> SigningKey:
    return signing_key(str(keys / f"{name}.key"))


def checked(folder: Path, keys: Path) -> Any:
    return check_signatures(folder, look_into(folder), known_keys(keys / "known"))


def decision(folder: Path, path: Path, name: str, role: str, **output: str) -> Path:
    """A file of a decision about the whole model, by the form beside the report."""
    form = yaml.safe_load((folder / "decisions.yaml").read_text(encoding="utf-8"))
    day = json.loads((folder / "provenance.json").read_text())["started"]
    by = {"name": name, "role": role, "date": str(day or "2026-11-29")[:10]}
    model = next(entry for entry in form["decisions"] if "model" in entry)
    entry = {**model, "verdict": "accepted", "reason": "I read all of it.", **output}
    content = {"subject": form["subject"], "by": by, "decisions": [entry]}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.fixture
def signed(received: Path, keys: Path) -> Path:
    """The short run, all of whose files Ada signed."""
    sign_run(received, key(keys, "ada"))
    return received


# --- what a signature proves ---


def test_a_signature_proves_results_and_documents_without_any_digest(
    signed: Path, keys: Path, terminal: Terminal
) -> None:
    output = terminal("verify", signed, "--keys", keys / "known").out
    assert output.startswith("Results proved: signed by ada. Documents proved: signed by ada.")
    output = terminal("verify", signed).out
    assert "Results not proved" in output
    assert "signature: by a key that you do not know" in output


def test_a_changed_byte_in_a_file_of_any_class_fails(signed: Path, keys: Path) -> None:
    assert not checked(signed, keys).problems
    by_class: dict[Any, str] = {}
    for name in look_into(signed).files:
        by_class.setdefault(class_of(name), name)
    for name in [*by_class.values(), "report.html", "decide.html", "scores.parquet"]:
        if class_of(name) == "signature":
            continue
        content = (signed / name).read_bytes()
        (signed / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert any(name in problem for problem in checked(signed, keys).problems), name
        (signed / name).write_bytes(content)
    assert not checked(signed, keys).problems


def test_a_file_that_is_removed_or_added_fails(signed: Path, keys: Path) -> None:
    name = next(n for n in look_into(signed).files if n.startswith("artifacts/measures/"))
    content = (signed / name).read_bytes()
    (signed / name).unlink()
    assert any("was removed after ada signed it" in p for p in checked(signed, keys).problems)
    (signed / name).write_bytes(content)
    (signed / "notes").mkdir()
    (signed / "notes" / "summary.qmd").write_text("Approved.")
    assert any("notes/summary.qmd is not as" in p for p in checked(signed, keys).problems)


def test_a_byte_of_the_signature_itself_fails(signed: Path, keys: Path) -> None:
    path = next((signed / "signatures").iterdir())
    envelope = json.loads(path.read_text())
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[-3] ^= 1
    envelope["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(envelope))
    assert any("not one of this content" in p or "cannot be read" in p
               for p in checked(signed, keys).problems)  # fmt: skip


def test_a_whole_forged_folder_fails_against_the_key_and_without_it_nothing_is_proved(
    signed: Path, keys: Path, terminal: Terminal
) -> None:
    def raised(run: dict[str, Any]) -> None:
        run["digests"]["weights"] = "0" * 64

    forge(signed, raised)
    shutil.rmtree(signed / "signatures")
    terminal("render", signed)
    sign_run(signed, key(keys, "stranger"))
    output = terminal("verify", signed, "--keys", keys / "known", code=1).out
    assert "no key that you know signed this folder as a run: ada, grace" in output
    assert "Results proved" not in output
    output = terminal("verify", signed).out
    assert output.startswith("Results not proved: they agree with one another, but whoever")


def test_the_same_key_twice_counts_once(keys: Path) -> None:
    ada = key(keys, "ada")
    envelope = json.loads(sealed_envelope(statement({"a": "0" * 64}, "urn:x", {}), ada))
    envelope["signatures"] *= 2
    known = {ada.known.id: ada.known}
    opened = open_envelope(Path("x"), json.dumps(envelope).encode(), known)
    assert [known.name for known in opened.signers] == ["ada"]


# --- what a signature is about ---


def put(folder: Path, payload: bytes, signer: SigningKey, name: str = "put") -> Path:
    """A genuine signature of any statement, where those of a run lie."""
    path = folder / "signatures" / f"{name}.dsse.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(sealed_envelope(payload, signer))
    return path


def part_of_a_run(folder: Path) -> dict[str, str]:
    return {name: sha256_file(folder / name) for name in ("run.json", "config.yaml")}


@pytest.mark.parametrize("predicate", [SEAL_PREDICATE, "urn:x", RUN_PREDICATE, DECISION_PREDICATE])
@pytest.mark.parametrize("whole", [True, False])
def test_only_a_statement_that_says_so_of_all_results_is_a_signature_of_the_run(
    predicate: str, whole: bool, received: Path, keys: Path, terminal: Terminal
) -> None:
    opened, files = open_run(received), part_of_a_run(received)
    if whole:
        files = hash_files(received, look_into(received).files)
    content = {"run_digest": opened.run_digest, "decisions": [{"id": "0" * 64}]}
    put(received, statement(files, predicate, content), key(keys, "ada"))
    counts = predicate == RUN_PREDICATE and whole
    output = terminal("verify", received, "--keys", keys / "known", code=0 if counts else 1).out
    assert ("Results proved: signed by ada" in output) is counts
    assert ("signed this folder as a run" in output) is not counts
    assert (f"ada signed {predicate}, which is not a run" in output) is not counts


def test_a_seal_beside_a_signature_of_the_run_does_no_harm(signed: Path, keys: Path) -> None:
    put(signed, statement({"seal.json": "0" * 64}, SEAL_PREDICATE, {}), key(keys, "grace"))
    assert not checked(signed, keys).problems
    assert checked(signed, keys).names == ["ada"]


def test_documents_that_are_rolled_back_are_not_what_the_last_signature_covers(
    signed: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    shutil.copytree(signed, tmp_path / "then")
    file = decision(signed, tmp_path / "g.yaml", "Grace Hopper", "independent_validator")
    later = sign_run(signed, key(keys, "grace"), file)
    assert terminal("verify", signed, "--keys", keys / "known").out.startswith(
        "Results proved: signed by ada, grace. Documents proved: signed by grace."
    )
    then = look_into(tmp_path / "then").of_class("document")
    changed = [n for n in then if sha256_file(tmp_path / "then" / n) != sha256_file(signed / n)]
    assert "report.html" in changed
    for name in [*changed, "documents.json"]:
        shutil.copy(tmp_path / "then" / name, signed / name)
        if name in {"report.html", "documents.json"}:  # each alone, then all of them
            assert told_of(name, later, checked(signed, keys).problems)
    output = terminal("verify", signed, "--keys", keys / "known", code=1).out
    assert told_of("report.html", later, output.splitlines())
    assert "Documents proved" not in output


def told_of(name: str, signature: Path, problems: list[str]) -> bool:
    last = f"not as grace did, whose signature signatures/{signature.name} is the last"
    return any(text.startswith(f"{name} is as ada signed it") and last in text for text in problems)


def test_an_earlier_signature_is_covered_by_the_later_one(signed: Path, keys: Path) -> None:
    earlier = next((signed / "signatures").iterdir())
    sign_run(signed, key(keys, "grace"))
    earlier.unlink()
    problems = checked(signed, keys).problems
    assert any(f"{earlier.name} was removed after grace signed it" in text for text in problems)


def test_a_signed_rejection_is_replaced_by_no_other_key_in_the_same_name(
    received: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    person = ("Grace Hopper", "independent_validator")
    first = decision(received, tmp_path / "g.yaml", *person, verdict="rejected")
    signature = sign_run(received, key(keys, "grace"), first)
    payload = json.loads(base64.b64decode(json.loads(signature.read_text())["payload"]))
    taken = payload["predicate"]["decisions"][0]["id"]
    second = decision(received, tmp_path / "h.yaml", *person, supersedes=taken)
    for signer, code in (("ada", 4), ("grace", 0)):
        copy = received.with_name(f"by_{signer}")
        shutil.copytree(received, copy)
        sign_run(copy, key(keys, signer), second)
        output = terminal("verify", copy, "--keys", keys / "known", code=code).out
        assert output.startswith("Rejected: model by Grace Hopper (signed by grace)") is (code == 4)


# --- decisions ---


def test_a_signed_decision_is_told_with_its_key_and_an_edited_one_fails(
    received: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    rejected = {"verdict": "rejected", "reason": "In-sample period only."}
    file = decision(
        received, tmp_path / "g.yaml", "Grace Hopper", "independent_validator", **rejected
    )
    sign_run(received, key(keys, "grace"), file)
    assert "Rejected by Grace Hopper" in (received / "report.qmd").read_text(encoding="utf-8")
    output = terminal("verify", received, "--keys", keys / "known", code=4).out
    assert output.startswith("Rejected: model by Grace Hopper (signed by grace). Results proved")
    assert "rejected. In-sample period only. Signed by grace." in output
    assert terminal("verify", received).out.startswith("Rejected: model by Grace Hopper")
    inside = received / "people" / "g.yaml"
    inside.write_text(inside.read_text().replace("rejected", "accepted"))
    output = terminal("verify", received, "--keys", keys / "known", code=1).out
    assert "people/g.yaml was changed after grace signed it" in output
    terminal("render", received)
    terminal("verify", received, "--keys", keys / "known", code=1)


def test_a_rejection_gives_3_where_the_run_asks_for_it(
    received: Path, tmp_path: Path, terminal: Terminal
) -> None:
    forge(received, lambda run: run["config"]["report"].update(fail_on=True))
    terminal("render", received)
    person = ("Grace Hopper", "independent_validator")
    fine = decision(received, tmp_path / "a.yaml", "Ada Lovelace", "owner")
    rejected = decision(received, tmp_path / "g.yaml", *person, verdict="rejected")
    people = ["--people", fine, "--people", rejected]
    terminal("render", received, *people, code=3)


def test_two_persons_sign_one_after_the_other_and_both_stand(
    received: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    policy = tmp_path / "policy.yaml"
    rules = [
        {"id": "validation", "roles": ["independent_validator"], "apart_from": ["owner"]},
        {"id": "ownership", "roles": ["owner"]},
    ]
    policy.write_text(yaml.safe_dump({"format": "deepseek-report/policy", "rules": rules}))
    words = ("--keys", str(keys / "known"), "--policy", str(policy))
    first = decision(received, tmp_path / "g.yaml", "Grace Hopper", "independent_validator")
    second = decision(received, tmp_path / "a.yaml", "Ada Lovelace", "owner")
    sign_run(received, key(keys, "grace"), first)
    output = terminal("verify", received, *words, code=4).out
    assert "1 of 2 required decisions are not given" in output
    sign_run(received, key(keys, "ada"), second)
    output = terminal("verify", received, *words).out
    assert "Policy satisfied." in output
    assert {"ada", "grace"} == set(checked(received, keys).names)


def test_one_key_in_two_roles_does_not_satisfy_a_policy(
    received: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    policy = tmp_path / "policy.yaml"
    rules = [{"id": "validation", "roles": ["independent_validator"]}]
    policy.write_text(yaml.safe_dump({"format": "deepseek-report/policy", "rules": rules}))
    first = decision(received, tmp_path / "g.yaml", "Grace Hopper", "independent_validator")
    second = decision(received, tmp_path / "a.yaml", "Ada Lovelace", "developer")
    sign_run(received, key(keys, "ada"), first)
    sign_run(received, key(keys, "ada"), second)
    output = terminal("verify", received, "--keys", keys / "known", "--policy", policy, code=4).out
    assert "Grace Hopper acts in 2 roles" in " ".join(output.split()).replace(
        "two roles", "2 roles"
    )


# --- keys ---


def test_a_private_key_is_for_its_owner_alone_and_never_lies_in_a_run(
    received: Path, tmp_path: Path
) -> None:
    private, public = new_key("ada", tmp_path / "mine")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    with pytest.raises(ConfigError, match="never replaced"):
        new_key("ada", tmp_path / "mine")
    for place in (received, received / "people"):
        with pytest.raises(ConfigError, match="folder of a run"):
            new_key("ada", place)
    private.chmod(0o644)
    if os.name == "posix":
        with pytest.raises(ConfigError, match="others can read this private key"):
            signing_key(str(private))


def test_a_key_that_is_named_without_its_ending_is_told_with_it(keys: Path) -> None:
    with pytest.raises(ConfigError, match=f"no such key; write --key {keys / 'ada.key'}"):
        signing_key(str(keys / "ada"))
    with pytest.raises(ConfigError, match="no such key; make one with"):
        signing_key(str(keys / "nobody"))


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x" * 80])
def test_a_key_has_a_plain_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a name of a key"):
        new_key(name, tmp_path)


_ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize(
    "raw",
    [*_ORDER_8, *(f"{y.to_bytes(32, 'little').hex()}" for p in [2**255 - 19]
                  for y in (0, 1, p - 1, p, p + 1, p + 3, 2))],
)  # fmt: skip
def test_a_key_for_which_anybody_can_sign_is_refused_where_it_is_read(
    raw: str, sign: int, tmp_path: Path
) -> None:
    content = bytearray.fromhex(raw)
    content[-1] |= sign
    public = Ed25519PublicKey.from_public_bytes(bytes(content))
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "eve.pub").write_bytes(pem)
    with pytest.raises(ConfigError, match=r"eve\.pub: the key is .*ask its owner for a key"):
        known_keys(tmp_path)


HOSTILE: list[Callable[[dict[str, Any]], object]] = [
    lambda e: e.update(payload=7),
    lambda e: e.update(payload="no base64!"),
    lambda e: e.update(payload=base64.b64encode(b"[" * 100_000).decode()),
    lambda e: e.update(payloadType="text/plain"),
    lambda e: e.update(signatures=[]),
    lambda e: e.update(signatures=["x"]),
    lambda e: e.update(signatures=[{"keyid": "a", "sig": ""}] * 1000),
    lambda e: e.update(payload=base64.b64encode(b'{"_type": "x"}').decode()),
]


@pytest.mark.parametrize("change", HOSTILE)
def test_a_hostile_envelope_is_a_sentence_and_no_signature(
    change: Callable[[dict[str, Any]], object], keys: Path, tmp_path: Path
) -> None:
    ada = key(keys, "ada")
    envelope = json.loads(sealed_envelope(statement({"a": "0" * 64}, "urn:x", {}), ada))
    change(envelope)
    with pytest.raises(ArtifactError):
        open_envelope(tmp_path / "x", json.dumps(envelope).encode(), {ada.known.id: ada.known})


def test_a_stranger_checks_a_signature_by_the_five_lines_of_the_documentation(
    signed: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("securesystemslib") is None:
        pytest.skip("needs securesystemslib")
    text = (ROOT / "docs" / "signatures.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = block[1].strip().splitlines()
    assert len([line for line in lines if not line.startswith(("import", "from"))]) <= 5
    envelope = next((signed / "signatures").iterdir())
    code = block[1].replace("ada.pub", str(keys / "ada.pub"))
    code = code.replace("RUN/signatures/FILE.dsse.json", str(envelope))
    names: dict[str, Any] = {}
    exec(compile(code, "docs/signatures.md", "exec"), names)  # noqa: S102 - our own page
    assert {entry["name"] for entry in names["statement"]["subject"]} >= {"run.json", "report.html"}
    other = code.replace(str(keys / "ada.pub"), str(keys / "grace.pub"))
    with pytest.raises(Exception, match="do not match threshold"):
        exec(compile(other, "docs/signatures.md", "exec"), {})  # noqa: S102


# --- packs ---


def test_a_pack_has_the_same_bytes_twice_and_verifies(
    signed: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    first = pack_run(signed, tmp_path / "a.zip").read_bytes()
    later = signed.with_name("later")
    shutil.copytree(signed, later)
    assert pack_run(later, tmp_path / "b.zip").read_bytes() == first
    output = terminal("verify", tmp_path / "a.zip", "--keys", keys / "known").out
    assert output.startswith("Results proved: signed by ada.")


def test_what_changed_since_the_previous_pack_names_weights_scores_and_void_decisions(
    received: Path, keys: Path, tmp_path: Path
) -> None:
    file = decision(received, tmp_path / "g.yaml", "Grace Hopper", "independent_validator")
    sign_run(received, key(keys, "grace"), file)
    before = pack_run(received, tmp_path / "before.zip")

    def retrained(run: dict[str, Any]) -> None:
        run["digests"]["weights"] = "0" * 64

    forge(received, retrained)
    pack_run(received, tmp_path / "after.zip", before)
    with zipfile.ZipFile(tmp_path / "after.zip") as pack:
        text = pack.read("changes.md").decode().replace("\\", "")
    assert re.search(r"Weights: changed from [0-9a-f]{12} to 000000000000", text)
    assert "Data: the same" in text
    assert "Void: what Grace Hopper decided" in text
    assert "the weights have changed" in text
    same = changes(open_run(received), open_run(received))
    assert "changed" not in same.replace("Nothing changed", "")


@pytest.mark.parametrize("name", ["evil.sh", ".hidden/evil.sh", "Run/evil.sh", "run.sh"])
def test_what_lies_beside_the_run_in_a_pack_is_named(
    name: str, signed: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    pack = pack_run(signed, tmp_path / "a.zip")
    with zipfile.ZipFile(pack, "a") as members:
        members.writestr(name, "x")
    error = terminal("verify", pack, "--keys", keys / "known", code=1).err
    assert f"holds {name}; a pack holds" in error


@pytest.mark.parametrize("before", [True, False])
def test_bytes_of_no_file_in_a_pack_are_refused(before: bool, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as pack:
        pack.writestr("run/run.json", "{}")
        pack.comment = b"" if before else b"evil"
    if before:
        content = (tmp_path / "a.zip").read_bytes()
        (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\nevil\n" + content)
    (tmp_path / "into").mkdir()
    with pytest.raises(ArtifactError, match="bytes that belong to no file"):
        unpack(tmp_path / "a.zip", tmp_path / "into")
    assert not list((tmp_path / "into").iterdir())


def test_what_changed_is_proved_by_the_previous_pack_alone(
    signed: Path, keys: Path, tmp_path: Path, terminal: Terminal
) -> None:
    before, pack = pack_run(signed, tmp_path / "before.zip"), tmp_path / "after.zip"
    pack_run(signed, pack, before)
    words = ("--keys", keys / "known")
    assert "Added: changes.md." in terminal("verify", pack, *words, code=3).out
    output = terminal("verify", pack, *words, "--previous", before).out
    assert "No file was added." in output
    write_pack(tmp_path / "forged.zip", {
        **{f"run/{name}": signed / name for name in look_into(signed).files},
        "changes.md": b"Nothing changed.",
    })  # fmt: skip
    output = terminal("verify", tmp_path / "forged.zip", *words, "--previous", before, code=1).out
    assert "changes.md is not what this run and" in output


@pytest.mark.parametrize("name", ["../out.txt", "/etc/x", "a/../../b", "a\\b", "c:x", "a//b"])
def test_a_pack_whose_names_lead_out_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr("run/run.json", "{}")
        pack.writestr(zipfile.ZipInfo(name), "x")
    (tmp_path / "into").mkdir()
    with pytest.raises(ArtifactError, match="nothing was unpacked"):
        unpack(tmp_path / "x.zip", tmp_path / "into")
    assert not list((tmp_path / "into").iterdir())


def test_a_link_a_double_name_and_a_bomb_in_a_pack_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = zipfile.ZipInfo("run/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as pack:
        pack.writestr(link, "/etc/passwd")
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as pack:
        pack.writestr("a", "x")
        pack.writestr("A", "y")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a", bytes(2**25))
    monkeypatch.setenv("DEEPSEEK_REPORT_ARTIFACT_MIB", "1")
    for name in ("link", "twice", "bomb"):
        (tmp_path / name).mkdir()
        with pytest.raises(ArtifactError):
            unpack(tmp_path / f"{name}.zip", tmp_path / name)


def test_keys_are_known_by_the_id_that_securesystemslib_gives_them(keys: Path) -> None:
    signer = pytest.importorskip("securesystemslib.signer", reason="needs securesystemslib")
    known: KnownKey = key(keys, "ada").known
    assert signer.SSlibKey.from_crypto(known.public).keyid == known.id
