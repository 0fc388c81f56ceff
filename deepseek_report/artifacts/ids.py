"""Ids of what a run makes, such as `measures/deletion/shap`: built and taken apart here alone."""

from __future__ import annotations

#: The stages of a model as it was before a revision, by the ids that a plan without them has.
BEFORE: dict[str, str] = {name: f"before/{name}" for name in ("data", "training", "predictions")}
#: The metric that `split.folds` asks for, by which its measurement is known.
CROSS_VALIDATION = "cross_validation"


class ArtifactId(str):
    """An id of one to three parts: `<kind>`, `<kind>/<name>` or `<kind>/<name>/<subject>`.

    It is the text that stands in `run.json` and names the folder, so that it compares, sorts and
    is saved as that text.

    kind : `data`, `training`, `predictions`, `cases`, `explanations`, `measures`, `pictures`,
        `sections`, `frameworks`.
    name : key of the plug-in, or part of the data; empty where the kind stands alone.
    subject : the explainer that a measurement judges, or empty.

    >>> ArtifactId.measure("deletion", "shap")
    'measures/deletion/shap'
    >>> ArtifactId("measures/deletion/shap").subject
    'shap'
    """

    @classmethod
    def of(cls, kind: str, name: str = "", subject: str = "") -> ArtifactId:
        """The id with these parts; empty ones are left out."""
        return cls("/".join(part for part in (kind, name, subject) if part))

    @classmethod
    def measure(cls, metric: str, explainer: str = "") -> ArtifactId:
        return cls.of("measures", metric, explainer)

    @classmethod
    def explanation(cls, explainer: str) -> ArtifactId:
        return cls.of("explanations", explainer)

    @classmethod
    def picture(cls, name: str) -> ArtifactId:
        return cls.of("pictures", name)

    @property
    def _parts(self) -> tuple[str, str, str]:
        kind, name, subject, *_ = (*self.split("/", 2), "", "")
        return kind, name, subject

    @property
    def kind(self) -> str:
        return self._parts[0]

    @property
    def name(self) -> str:
        return self._parts[1]

    @property
    def subject(self) -> str:
        return self._parts[2]

    @property
    def rest(self) -> str:
        """What follows the kind: `deletion/shap` of `measures/deletion/shap`."""
        return "/".join(part for part in self._parts[1:] if part)

    def below(self, other: str) -> str:
        """What follows another id: `shap` of `measures/deletion/shap` below `measures/deletion`.

        Empty where it does not lie below that id.
        """
        return str(self[len(other) + 1 :]) if self.is_within(other) else ""

    def is_within(self, other: str) -> bool:
        """Whether this is that artifact, or one below it: `explanations/shap` in `explanations`.

        >>> ArtifactId("explanations/shap").is_within("explanations")
        True
        """
        return self == other or self.startswith(f"{other}/")
