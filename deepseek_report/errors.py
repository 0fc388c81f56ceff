"""Every error that the package raises on purpose.

```
DeepseekReportError
├── ConfigError            a problem in the configuration, found before anything runs (exit code 2)
├── DataError              a data file cannot be used as it is
├── NotApplicableError     a method cannot be applied to this model or data; carries the reason
├── ArtifactError          a stored artifact is missing, malformed or fails its hash
│   └── MissingArtifactError   a part of a run that was not made, or failed
└── RenderError            a renderer is missing or failed
```

A message says where, what was found, what is allowed and what to do.
"""

from __future__ import annotations

from typing import Any


class DeepseekReportError(Exception):
    """Base of all errors that a user can act on; printed without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """The lines that a notebook or IPython shows of it: its own words, and no traceback."""
        first, *others = str(self).split("\n")
        return [f"{type(self).__name__}: {first}", *others]


class ConfigError(DeepseekReportError):
    """One or more problems in the configuration."""


class DataError(DeepseekReportError):
    """A data source cannot be used as it is."""


class NotApplicableError(DeepseekReportError):
    """A method cannot be applied to this model or data.

    reason : why: a plain text, or an `artifacts.message.Message` that is worded where it is shown.
    """

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


class ArtifactError(DeepseekReportError):
    """A stored artifact is missing, malformed, or not what its manifest says."""


class MissingArtifactError(ArtifactError):
    """What reads a run asks for a part that the run does not have.

    artifact : the id of that part.
    """

    def __init__(self, artifact: str) -> None:
        super().__init__(f"this run has no {artifact}: it failed, or was not asked for")
        self.artifact = artifact


class RenderError(DeepseekReportError):
    """A report could not be rendered."""


def first_line(error: BaseException) -> str:
    """What an error says in its first line, or its kind where it says nothing.

    >>> first_line(ValueError("no such file")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def error_code(error: Exception) -> int:
    """2 for what is wrong with a configuration or with data, 1 for everything else.

    >>> error_code(DataError("no such file")), error_code(ValueError("nobody foresaw it"))
    (2, 1)
    """
    return 2 if isinstance(error, ConfigError | DataError) else 1
