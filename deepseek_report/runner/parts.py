"""The sections that a run folder names, built only from code that this person trusts."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.local_paths import without_local_paths
from deepseek_report.artifacts.protocols.sections import SectionContent, SectionPlugin
from deepseek_report.artifacts.results import Results
from deepseek_report.config.trust import trusted_packages
from deepseek_report.findings.wording import sentence_case

_OWN = "deepseek_report.sections."
_PACKAGE = "deepseek_report"


class UntrustedPartError(Exception):
    """A part is not loaded, with the reason and what to do."""


def load_section(entry: Mapping[str, Any], trust: Sequence[str] = ()) -> SectionPlugin:
    """Build a section from its `_target_` and fields.

    trust : packages that the person named, beside this one.

    Raises
    ------
    UntrustedPartError : the target is no section of this package or of a trusted one.
    """
    target = str(entry.get("_target_", ""))
    module, _, name = target.rpartition(".")
    package = module.partition(".")[0]
    if package not in trusted_packages(trust) or not module:
        raise UntrustedPartError(
            f"its code is {target or 'not named'}, and {package or 'that package'} is not trusted "
            f"here; render the run again with --trust {package or 'PACKAGE'} if you trust it"
        )
    if package == _PACKAGE and not module.startswith(_OWN):
        raise UntrustedPartError(f"its code is {target}, which is no section of this package")
    found = getattr(importlib.import_module(module), name)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise UntrustedPartError(f"its code is {target}, which is no section")
    fields = {key: value for key, value in entry.items() if key != "_target_"}
    built: SectionPlugin = TypeAdapter(found).validate_python(fields)
    return built


def write_section(
    results: Results, name: str, entry: Mapping[str, Any], trust: Sequence[str] = ()
) -> SectionContent:
    """A section's content; one that cannot be built or breaks stays in the report and says why."""
    title = sentence_case(name.replace("_", " "))
    try:
        plugin = load_section(entry, trust)
        title = plugin.title
        return plugin.content(results)
    except UntrustedPartError as error:
        reason = str(error)
    except Exception as error:  # a broken section must not take the others with it
        reason = without_local_paths(f"{type(error).__name__}: {error}")
    results.failures[ArtifactId.of("sections", name)] = reason
    incomplete = [f"this section could not be written ({reason})"]
    return SectionContent(name, title, "", "", incomplete=incomplete)
