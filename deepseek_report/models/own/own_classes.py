"""Classes that a configuration names by dotted path and that are not ours.

Code is loaded only from the libraries that the plug-in is made for, and from packages that the
person running it trusts.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
import zipfile
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import open_archive, open_file
from deepseek_report.errors import ArtifactError, ConfigError

# --- Files that only running code can read: told apart by name and by their first bytes -----------

_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill"})
_TORCH = frozenset({".pt", ".pth", ".ckpt"})
#: The first byte of a pickle of protocol 2 or newer.
_PROTOCOL = b"\x80"

_TORCH_RECIPE = """
        import torch; from safetensors.torch import save_file
        state = torch.load("{name}", weights_only=True)   # of a whole module: its .state_dict()
        save_file({{k: v.contiguous() for k, v in state.items()}}, "{stem}.safetensors")"""
_SKOPS_RECIPE = """
        import joblib, skops.io
        model = joblib.load("{name}")   # runs what the file says: only where you made it yourself
        skops.io.dump(model, "{stem}.skops")"""


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or a torch file that holds one; nothing of it is loaded."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with open_file(path, links=True) as file:
            if file.read(1) == _PROTOCOL:
                return True
            with open_archive(file) as archive:
                return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, ArtifactError, zipfile.BadZipFile):
        return False


def pickle_problem(field: str, path: Path) -> str:
    """Why such a file is not read, and three lines that make one that is."""
    torch = field == "model.weights" or path.suffix.lower() in _TORCH
    recipe = _TORCH_RECIPE if torch else _SKOPS_RECIPE
    wanted = "safetensors" if torch else "skops"
    text = recipe.format(name=path.name, stem=path.stem)
    return (
        f"{field} {path} is a pickle, which may run any code when it is read; it is not a {wanted} "
        f"file. Make one with Python, where you trust the pickle:{text}"
    )


# --- Classes that a configuration names by dotted path and that are not ours ----------------------

#: Libraries whose public names are read, to say which one is meant.
_LIBRARIES = ("sklearn", "xgboost", "lightgbm")


def find_class(dotted: str, allowed: Collection[str]) -> type:
    """The class of a dotted path.

    allowed : top-level packages from which code may be loaded.
    Raises ConfigError : the package is not allowed, or there is no such class.
    """
    package = dotted.partition(".")[0]
    if found_names := [] if package in allowed else full_names(dotted, allowed):
        raise ConfigError(
            f"{dotted} is not a dotted path; did you mean {' or '.join(found_names)}?"
        )
    if package not in allowed:
        raise ConfigError(
            f"{dotted} is outside the trusted packages ({', '.join(sorted(allowed))}); run with "
            f"--trust {package}, if you trust it"
        )
    module, _, name = dotted.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        meant = full_names(name, allowed)
        todo = "correct the dotted path, or install the package"
        todo = f"did you mean {' or '.join(meant)}?" if meant else todo
        raise ConfigError(f"cannot load {dotted} ({error}); {todo}") from None
    if not isinstance(cls, type):
        raise ConfigError(f"{dotted} is not a class")
    return cls


def full_names(name: str, packages: Collection[str]) -> list[str]:
    """The dotted paths under which libraries offer a class of this name, or of the nearest one.

    Read from the `__all__` of their packages, so that nothing is imported.
    """
    if "." in name:
        return []
    offered = [path for package in sorted(packages) for path in _offered(package)]
    by_name: dict[str, list[str]] = {}
    for dotted in offered:
        by_name.setdefault(dotted.rpartition(".")[2], []).append(dotted)
    if name in by_name:
        return by_name[name]
    near = [known for known in by_name if known.lower().startswith(name.lower())][:3]
    near = near or difflib.get_close_matches(name, by_name, n=1, cutoff=0.8)
    return [dotted for near_name in near for dotted in by_name[near_name]]


@cache
def _offered(package: str) -> list[str]:
    """Classes that a library's packages list in `__all__`, at most two levels deep."""
    spec = importlib.util.find_spec(package) if package in _LIBRARIES else None
    classes: list[str] = []
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in sorted(
            [*Path(folder).glob("__init__.py"), *Path(folder).glob("*/__init__.py")]
        ):
            module = ".".join([package, *file.parent.relative_to(folder).parts])
            classes.extend(f"{module}.{name}" for name in _listed(file) if name[:1].isupper())
    return classes


def _listed(file: Path) -> list[str]:
    """The names in the `__all__` of a file."""
    assigned = (
        node.value
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Assign, ast.AugAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id == "__all__"
    )
    inside = (part for value in assigned for part in ast.walk(value))
    return [
        part.value
        for part in inside
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def unknown_parameters(
    dotted: str, set_parameters: Collection[str], known: Sequence[str]
) -> list[str]:
    """One sentence for each parameter that a class does not take, with the nearest that it does."""
    return [
        f'{dotted} has no parameter "{name}"; it takes {", ".join(known)}{_nearest(name, known)}'
        for name in set_parameters
        if name not in known
    ]


def parameters_of(cls: type) -> list[str] | None:
    """Names that a constructor takes by keyword; None where it takes any."""
    taken = inspect.signature(cls).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken):
        return None
    return [parameter.name for parameter in taken]


def _nearest(name: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1)
    return f". Did you mean {matches[0]}?" if matches else ""
