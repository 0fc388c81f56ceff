"""Ed25519 keys of persons, and DSSE envelopes around in-toto statements.

What is signed is the pre-authentication encoding of the payload's bytes as they were received, so
that nothing is parsed before it is known to be genuine. Any tool for DSSE can check an envelope.

Sources: DSSE v1.0 (github.com/secure-systems-lab/dsse), in-toto attestation framework v1, RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.storage import memory_bound, plain_files
from deepseek_report.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
#: Types of what is said: of a whole run, of decisions about it, of what was fixed before it.
RUN_PREDICATE = "urn:deepseek-report:run:v1"
DECISION_PREDICATE = "urn:deepseek-report:decision:v1"
SEAL_PREDICATE = "urn:deepseek-report:seal:v1"
PRIVATE, PUBLIC = ".key", ".pub"
_MOST_KEY, _MOST_KEYS, _MOST_SIGNATURES = 16_384, 1_000, 100
_MOST_ENVELOPE = 2**27
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: The prime of the field of Ed25519, and y of its eight points of small order, of which one of
#: order eight is written by RFC 8032 in these bytes. Anybody can sign for such a key.
#: Source: Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020), table 1,
#: doi 10.1007/978-3-030-64357-7_4.
_PRIME = 2**255 - 19
_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_SMALL_ORDER = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})


@dataclass(frozen=True)
class KnownKey:
    """The public key of a person. name : of its file. id : as securesystemslib makes key ids."""

    name: str
    id: str
    public: Ed25519PublicKey

    def has_signed(self, signature: bytes, content: bytes) -> bool:
        """Whether the signature is of this key and of these bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.public.verify(signature, content)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The private key of a person."""

    name: str
    private: Ed25519PrivateKey

    @property
    def known(self) -> KnownKey:
        """Its public half."""
        public = self.private.public_key()
        return KnownKey(self.name, key_id(public), public)


def key_id(public: Ed25519PublicKey) -> str:
    """SHA-256 of the canonical JSON of a public key, as securesystemslib identifies it."""
    raw = public.public_bytes_raw().hex()
    key = f'{{"keytype":"ed25519","keyval":{{"public":"{raw}"}},"scheme":"ed25519"}}'
    return hashlib.sha256(key.encode()).hexdigest()


def key_fault(raw: bytes) -> str:
    """Why 32 bytes are no public key of one person, in a clause; "" where nothing is wrong."""
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y % _PRIME in _SMALL_ORDER:
        return "the key is a point of small order, for which anybody can sign"
    if y >= _PRIME:
        return "the key is not written in the one way of RFC 8032"
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    return "" if pow(square, (_PRIME - 1) // 2, _PRIME) == 1 else "the key is no point of the curve"


def keys_folder() -> Path:
    """Where a person's own keys lie: `~/.config/deepseek-report/keys`, or below XDG_CONFIG_HOME."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "deepseek-report" / "keys"


def new_key(name: str, folder: Path) -> tuple[Path, Path]:
    """Make a key; its private half can be read by its owner alone.

    Returns the files of the private and of the public half, both PEM.

    Raises ConfigError: the name is no plain name, a key of it is there, the folder belongs to a
        run, or nothing can be written there.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"key new {name}: not a name of a key; allowed are letters, digits, `.`, `_` and `-`"
        )
    _refuse_run_folder(folder)
    paths = folder / f"{name}{PRIVATE}", folder / f"{name}{PUBLIC}"
    if taken := [path for path in paths if os.path.lexists(path)]:
        raise ConfigError(f"{taken[0]}: is there already; a key is never replaced. Name another")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        plain_files.write_private(paths[0], private)
        plain_files.write_bytes(paths[1], public, links=True)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: cannot be written ({error.strerror})"
        ) from None
    return paths


def _refuse_run_folder(folder: Path) -> None:
    """Raise ConfigError where a folder is, or lies in, the folder of a run: those are handed on."""
    for place in (folder.absolute(), *folder.absolute().parents):
        if (place / "manifest.json").exists() and (place / "run.json").exists():
            raise ConfigError(
                f"{folder}: lies in the folder of a run, which is handed on; a private key never "
                "goes there. Name another folder by --out"
            )


_MAKE_A_KEY = "make one with `deepseek-report key new NAME`"


def signing_key(named: str) -> SigningKey:
    """A private key by its file, or by its name in the person's own folder.

    Raises ConfigError: there is none, others may read it, it lies in a run, or it is no such key.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = Path(named)
    if not path.is_file() and _NAME.fullmatch(named):
        path = keys_folder() / f"{named}{PRIVATE}"
    if not path.is_file():
        beside = path.with_name(f"{path.name}{PRIVATE}")
        todo = f"write --key {beside}" if beside.is_file() else _MAKE_A_KEY
        raise ConfigError(f"--key {named}: no such key; {todo}")
    _refuse_run_folder(path.parent)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: others can read this private key; run `chmod 600` on it")
    try:
        content = plain_files.read_bytes(path, _MOST_KEY, links=True)
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"{path}: no private key in PEM without a password ({error})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key; `deepseek-report key new NAME` makes one")
    return SigningKey(path.stem, key)


def known_keys(folder: Path) -> dict[str, KnownKey]:
    """{key id: key} of the public keys (`NAME.pub`) in a folder that the person named.

    Raises ConfigError: there is no such folder, it has none, or a file is no public Ed25519 key.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if not folder.is_dir():
        raise ConfigError(f"--keys {folder}: no such folder; name one with the files NAME{PUBLIC}")
    paths = [e.path for e in plain_files.entries(folder, links=True) if e.name.endswith(PUBLIC)]
    if not paths or len(paths) > _MOST_KEYS:
        raise ConfigError(
            f"--keys {folder}: {len(paths)} files NAME{PUBLIC}; allowed are 1 to {_MOST_KEYS}"
        )
    keys: dict[str, KnownKey] = {}
    for path in paths:
        try:
            key = load_pem_public_key(plain_files.read_bytes(path, _MOST_KEY, links=True))
        except (ValueError, OSError) as error:
            raise ConfigError(f"{path}: no public key in PEM ({error})") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigError(f"{path}: not an Ed25519 key")
        if fault := key_fault(key.public_bytes_raw()):
            raise ConfigError(
                f"{path}: {fault}; remove the file, and ask its owner for a key that "
                "`deepseek-report key new NAME` made"
            )
        known = KnownKey(path.stem, key_id(key), key)
        keys.setdefault(known.id, known)
    return keys


def _need_cryptography() -> None:
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        raise ConfigError(
            "signatures need the library cryptography, which is not installed; install the extra "
            "`sign` of deepseek-report"
        )


# --- statements and envelopes ---------------------------------------------------------------------


def statement(files: Mapping[str, str], predicate: str, content: Mapping[str, object]) -> bytes:
    """An in-toto statement about files, as bytes that are the same for the same content.

    files : {path in the run folder: SHA-256}. predicate : the type of `content`.
    """
    subject = [{"name": name, "digest": {"sha256": files[name]}} for name in sorted(files)]
    whole = {
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": predicate,
        "predicate": content,
    }
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sealed_envelope(payload: bytes, key: SigningKey) -> bytes:
    """A DSSE envelope of one signature around a payload, as JSON."""
    signature = key.private.sign(_encoded(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.known.id, "sig": base64.b64encode(signature).decode()}],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def _encoded(kind: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE v1."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


@dataclass(frozen=True)
class OpenedEnvelope:
    """An envelope that anybody may have written.

    signers : the known keys whose signature is right. unknown : ids of keys that are not known.
    forged : names of known keys whose signature is not of this content.
    files, predicate, content : what the statement says; believed only as far as its signers are.
    """

    signers: tuple[KnownKey, ...]
    unknown: tuple[str, ...]
    forged: tuple[str, ...]
    files: Mapping[str, str]
    predicate: str
    content: Mapping[str, Any]


def open_envelope(path: Path, content: bytes, keys: Mapping[str, KnownKey]) -> OpenedEnvelope:
    """Check an envelope against known keys, then read its statement.

    path : where it stands. keys : {key id: key}. The same key twice counts once.

    Raises ArtifactError: it is no DSSE envelope around an in-toto statement.
    """
    if len(content) > _MOST_ENVELOPE:
        raise ArtifactError(f"more than {_MOST_ENVELOPE} bytes, which no signature here has")
    envelope = _mapping(_parsed(path, content), "an envelope")
    payload, kind = _decoded(envelope.get("payload")), envelope.get("payloadType")
    signatures = envelope.get("signatures")
    if kind != PAYLOAD_TYPE or not isinstance(signatures, list) or not signatures:
        raise ArtifactError(f"no DSSE envelope with signatures of the type {PAYLOAD_TYPE}")
    if len(signatures) > _MOST_SIGNATURES:
        raise ArtifactError(f"more than {_MOST_SIGNATURES} signatures")
    signers: dict[str, KnownKey] = {}
    unknown, forged = [], []
    for entry in signatures:
        signed = _mapping(entry, "a signature")
        named, signature = str(signed.get("keyid", ""))[:200], _decoded(signed.get("sig"))
        known = keys.get(named)
        if known is None:
            unknown.append(named)
        elif known.has_signed(signature, _encoded(PAYLOAD_TYPE, payload)):
            signers[known.id] = known
        else:
            forged.append(known.name)
    files, predicate, claims = _statement(_parsed(path, payload))
    return OpenedEnvelope(
        tuple(signers.values()), tuple(unknown), tuple(forged), files, predicate, claims
    )


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ArtifactError(f"not {what}: no JSON object")
    return value


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ArtifactError("no text in Base64 where one must be")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ArtifactError("no text in Base64 where one must be") from None


def _parsed(path: Path, content: bytes) -> object:
    try:
        return memory_bound.parse(path, content)
    except ValueError:
        raise ArtifactError("not JSON in UTF-8") from None


def _statement(parsed: object) -> tuple[dict[str, str], str, Mapping[str, object]]:
    whole = _mapping(parsed, "a statement")
    listed = whole.get("subject")
    subject: Sequence[object] = listed if isinstance(listed, list) else ()
    if whole.get("_type") != STATEMENT or not subject:
        raise ArtifactError(f"no in-toto statement of the type {STATEMENT} with subjects")
    files: dict[str, str] = {}
    for entry in subject:
        about = _mapping(entry, "a subject")
        name, sha256 = about.get("name"), _mapping(about.get("digest"), "a digest").get("sha256")
        if not isinstance(name, str) or not plain_files.is_sha256(sha256):
            raise ArtifactError("a subject without a name and a SHA-256")
        if name in files:
            raise ArtifactError(f"{name} is a subject twice")
        files[name] = sha256
    predicate = whole.get("predicateType")
    return files, str(predicate)[:200], _mapping(whole.get("predicate"), "a predicate")
