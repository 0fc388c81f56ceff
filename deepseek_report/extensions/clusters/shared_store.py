"""The store of a machine that shares its stages with others through a remote store.

`runner.run` asks for it where the environment names a place; to all that computes it is a store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.clusters.remote_stages import (
    DamagedError,
    RemoteStages,
    UnreachableError,
    remote_of_environment,
)
from deepseek_report.store import MANIFEST, Store

#: {URL of a remote store: {stage: why it could not be fetched whole}}, as this process found.
_DAMAGED: dict[str, dict[str, str]] = {}
#: Folder of a store that holds a mark for each stage that is still to be sent.
_UNSENT = ".unsent"


def shared_store(root: Path) -> Store:
    """The store of this folder, shared by the place that the environment names.

    Raises ArtifactError: what it names is no URL.
    """
    remote = remote_of_environment()
    return Store(root) if remote is None else SharedStore(root, remote)


@dataclass(frozen=True)
class SharedStore(Store):
    """A store of this machine, and what machines share.

    remote : where stages that are not here are fetched from, and those made here are sent to.
    """

    remote: RemoteStages

    def begin(self) -> list[str]:
        """What this process found out about the remote store; stages that wait for it are sent."""
        news = self.news()
        if not self.remote.rests:
            self.end()  # of runs before; what still cannot be sent is told at the end
        return news

    def news(self) -> list[str]:
        """What this process found out about the remote store and did not tell yet."""
        news = []
        if silence := self.remote.silence:
            news.append(
                f"the remote store is not used for now, and the run goes on here: {silence}"
            )
        if damaged := _DAMAGED.pop(self.remote.url, None):
            stages = "1 stage" if len(damaged) == 1 else f"{len(damaged)} stages"
            news.append(
                f"{stages} of the remote store could not be fetched whole; the run makes what it "
                f"needs of them and sends it again: {next(iter(damaged.values()))}"
            )
        return news

    def end(self) -> list[str]:
        """Send every finished stage whose sending failed, be it in a run before; what is left.

        Ends at the first that fails; the next command that uses the store tries again.
        """
        with self.locked("send"):
            waiting = list(self._waiting())
            for done, (stage, key) in enumerate(waiting):
                try:
                    self._send(stage, key)
                except ArtifactError as error:
                    left = len(waiting) - done
                    stages = "1 stage" if left == 1 else f"{left} stages"
                    return [
                        f"{stages} could not be sent to the remote store, and the next run with "
                        f"this paths.store sends what is left: {error}"
                    ]
        return []

    # --- what is not here -------------------------------------------------------------------------

    def find(self, stage: str, key: str) -> Path | None:
        """The finished folder of a stage, fetched where it is elsewhere.

        None where it is nowhere, where what is elsewhere is damaged, and where the remote store
        does not answer: then it is to be made here. `news` tells of that.

        Raises ArtifactError: nothing is installed that knows the kind of the remote store.
        """
        here = self.holds(stage, key) or self._fetch(stage, key)
        return self.folder(stage, key) if here else None

    def _fetch(self, stage: str, key: str) -> bool:
        """Bring a stage here, by one process of this machine; whether it is here then."""
        if self.remote.rests:
            return False
        with self.locked(f"fetch.{stage.replace('/', '.')}-{key[:32]}"):
            try:
                return self.holds(stage, key) or self._bring(stage, key)
            except UnreachableError:
                return False
            except DamagedError as error:
                _DAMAGED.setdefault(self.remote.url, {})[f"{stage}/{key}"] = str(error)
                self._mark_unsent(stage, key, anew=True)
                return False

    def _bring(self, stage: str, key: str) -> bool:
        """Bring a stage here; False where it is not elsewhere either."""
        manifest = self.remote.manifest(stage, key)
        if manifest is None:
            return False
        if not manifest.is_of(stage, key):
            url = self.remote.url
            raise DamagedError(f"{url}: what is there as {stage} {key[:12]} is another one")
        work = self.root / ".fetching" / stage / key[:32]
        plain_files.remove(work)
        plain_files.make_folder(work, below=self.root)
        self.remote.fetch(manifest, work)
        save_json(work / MANIFEST, manifest.to_json())
        self.put_in_place(work, self.folder(stage, key))
        return True

    # --- what is made here ------------------------------------------------------------------------

    def publish(self, stage: str, key: str, work: Path, facts: Mapping[str, object]) -> Path:
        """Make it visible here, then send it where other machines look for it.

        What cannot be sent now is marked beforehand, and `end` sends it.
        """
        self._mark_unsent(stage, key)
        final = super().publish(stage, key, work, facts)
        if not self.remote.rests:
            with suppress(ArtifactError):  # it is whole here, and its mark stays
                self._send(stage, key)
        return final

    def send_again(self, stage: str, key: str) -> None:
        """Send all of a stage that is here, whatever the remote store has of it.

        Raises UnreachableError: the place does not take it; it is marked, and sent later.
        """
        self._mark_unsent(stage, key, anew=True)
        self._send(stage, key)

    def _send(self, stage: str, key: str) -> None:
        final, mark = self.folder(stage, key), self._mark(stage, key)
        anew = self._is_to_replace(mark)
        self.remote.put(stage, key, final, final / MANIFEST, anew=anew)
        plain_files.remove(mark)

    def _mark(self, stage: str, key: str) -> Path:
        below = self.folder(stage, key).relative_to(self.root)
        return self.root / _UNSENT / below.with_name(f"{below.name}.json")

    def _mark_unsent(self, stage: str, key: str, *, anew: bool = False) -> None:
        """Beside the stages, so that it outlives a process that is killed while it sends.

        anew : the remote store has the stage, damaged; that stays known until it was sent.
        """
        mark = self._mark(stage, key)
        plain_files.make_folder(mark.parent, below=self.root)
        anew = anew or self._is_to_replace(mark)
        save_json(mark, {"stage": stage, "key": key, "place": self.remote.url, "anew": anew})

    def _is_to_replace(self, mark: Path) -> bool:
        """Whether the remote store has this stage, damaged, so that all of it is sent anew."""
        try:
            content = load_json(mark)
        except (ArtifactError, OSError, ValueError):
            return False
        if not isinstance(content, dict):
            return False
        return content.get("place") == self.remote.url and content.get("anew") is True

    def _waiting(self) -> Iterator[tuple[str, str]]:
        """(stage, key) of what is marked to be sent to this remote store, and is here."""
        for path in plain_files.files_below(self.root / _UNSENT, ".json"):
            try:
                mark = load_json(path)
                stage, key, place = (str(mark[name]) for name in ("stage", "key", "place"))
                here = self.holds(stage, key)
            except (ArtifactError, OSError, ValueError, TypeError, KeyError):
                continue
            if here and place == self.remote.url:
                yield stage, key
