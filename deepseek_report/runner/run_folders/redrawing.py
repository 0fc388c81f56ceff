"""Concludes and draws again, from the stored results of a finished run, in another language."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.local_paths import without_local_paths
from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.findings.conclude import conclude
from deepseek_report.runner.planning.plan import CONCLUSIONS
from deepseek_report.runner.run_folders.section_plugins import UntrustedPartError, load_picture
from deepseek_report.wording.of_results import in_words


def drawn_again(results: Results, folder: Path, trust: Sequence[str] = ()) -> Results:
    """The results with conclusions and pictures in the language of their config, in `folder`.

    A picture whose code is not trusted here stays as it was stored. One that cannot be drawn is
    shown with the reason, as in a run.
    """
    entries: Mapping[str, Mapping[str, Any]] = results.config["visualizations"]
    if results.has(CONCLUSIONS):
        conclude(results).save(folder / CONCLUSIONS)
        results = dataclasses.replace(
            results, paths={**results.paths, CONCLUSIONS: folder / CONCLUSIONS}
        )
    paths, failures = dict(results.paths), dict[str, str]()
    shown = in_words(results)
    for name in results.names("pictures"):
        artifact = ArtifactId.picture(name)
        try:
            _draw(shown, entries[name], folder / name, trust)
        except UntrustedPartError:
            continue
        except Exception as error:  # one picture must not take the others with it
            failures[artifact] = without_local_paths(f"{type(error).__name__}: {error}")
        paths[artifact] = folder / name
    return dataclasses.replace(results, paths=paths).with_failures(failures)


def _draw(results: Results, entry: Mapping[str, Any], folder: Path, trust: Sequence[str]) -> None:
    plugin = load_picture(entry, trust)
    make_folder(folder)
    for picture in plugin.draw(results):
        picture.declared(plugin.section, plugin.needs).save(folder)
