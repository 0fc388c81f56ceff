"""The sections and pictures that a run folder names, built only from code that is trusted here."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.sections import SectionContent, SectionPart
from deepseek_report.artifacts.protocols.traits import PicturePart, completed
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.config.trusted import trusted_packages
from deepseek_report.errors import MissingArtifactError
from deepseek_report.extension import installed
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording.of_results import words_of

OWN_SECTIONS = "deepseek_report.sections."
_OWN = {"section": OWN_SECTIONS, "picture": "deepseek_report.visualizations."}
_BASES = {"section": SectionPart, "picture": PicturePart}
_PACKAGE = "deepseek_report"


class UntrustedPartError(Exception):
    """A part is not loaded; `reason` says why and what to do."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


def load_section(entry: Mapping[str, object], trust: Sequence[str] = ()) -> SectionPart:
    """Build a section from its `_target_` and fields.

    trust : packages that the person named, beside this one.

    Raises UntrustedPartError: the target is no section of this package or of a trusted one.
    """
    section: SectionPart = _load(entry, "section", trust)
    return section


def load_picture(entry: Mapping[str, object], trust: Sequence[str] = ()) -> PicturePart:
    """Build the plug-in of a picture; it raises as `load_section` does."""
    picture: PicturePart = _load(entry, "picture", trust)
    return picture


def _load(entry: Mapping[str, object], kind: str, trust: Sequence[str]) -> Any:
    """The plug-in of this kind that an entry of the config names."""
    target = str(entry.get("_target_", ""))
    module, _, name = target.rpartition(".")
    package = module.partition(".")[0]
    if package not in trusted_packages(trust) or not module:
        raise UntrustedPartError(message("refusals.untrusted", target=target, package=package))
    brought = (known for each in installed() for known in each.parts)
    if package == _PACKAGE and not module.startswith(_OWN[kind]) and module not in brought:
        raise UntrustedPartError(message(f"refusals.no_own_part.{kind}", target=target))
    cls = getattr(importlib.import_module(module), name)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise UntrustedPartError(message(f"refusals.no_part.{kind}", target=target))
    return TypeAdapter(completed(cls, _BASES[kind])).validate_python(
        {key: value for key, value in entry.items() if key != "_target_"}
    )


def write_section(
    results: Results, name: str, entry: Mapping[str, object], trust: Sequence[str] = ()
) -> SectionContent:
    """A section's content; one that cannot be built or breaks stays in the report and says why."""
    try:
        return load_section(entry, trust).content(results)
    except UntrustedPartError as error:
        reason: Text = error.reason
    except MissingArtifactError as error:
        if results.failed_below(error.artifact):  # told already; this section cannot help it
            return Draft(name, results).without(error.artifact)
        reason = str(error)
    except Exception as error:  # a broken section must not take the others with it
        reason = without_local_paths(f"{type(error).__name__}: {error}")
    words = words_of(results)
    incomplete = [words.text("refusals.unwritten_section", reason=reason)]
    title = words.label("section_titles", name)
    return SectionContent(name, title, "", "", incomplete=incomplete, failure=reason)
