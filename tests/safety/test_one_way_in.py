"""One room opens, lists, writes and removes what strangers may have written: nothing else does.

The test walks the syntax trees of the package. What reads only the package's own files, or files
that the person who runs it named, stands in `ELSEWHERE`, each module with what it calls and why.
"""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.house import PACKAGE, modules

#: The room that bounds, and follows no link.
ROOM = "artifacts/storage/"
#: Methods and functions by which files are opened, listed, written or removed, whoever has them.
ANYBODYS = frozenset(
    {
        *("open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes", "touch"),
        *("iterdir", "glob", "rglob", "scandir", "listdir", "mkdir", "makedirs", "symlink_to"),
        *("unlink", "rmdir", "rmtree", "copyfile", "copytree", "copy2", "rename", "hardlink_to"),
        *("read_parquet", "read_csv", "ParquetFile", "ZipFile", "memmap", "fromfile"),
        *("load_file", "save_file", "safe_open"),
    }
)
#: Those that are called by their name alone where they have been imported.
BARE = frozenset(
    {
        *("open", "rmtree", "ZipFile", "copyfile", "copytree", "ParquetFile", "read_parquet"),
        *("load_file", "save_file", "safe_open"),
    }
)

#: The same where the name alone says too little.
OF_MODULES = frozenset(
    {
        *("np.load", "np.save", "json.load", "json.loads", "yaml.load", "yaml.safe_load"),
        *("pickle.load", "pickle.loads", "marshal.loads", "marshal.load", "os.walk", "os.remove"),
        *("os.replace", "shutil.move", "shutil.copy"),
    }
)

_SHIPPED = "files of the package itself"
_CONFIGS = "configurations that the person who runs this named, or that are shipped"
_DATA = "data files that the person named, bounded by `dataset.bounds`, or those of a library"
_MODELS = "model files that the person named, or of the person's own store, checked by their digest"
_CODE = "code that is installed here, and a cache of the person's own"
_FONTS = "fonts that are shipped, linked into a folder of this process, and what Typst just said"
_MEMORY = "text that this process or a program that it started has just made"
_OWN = "a temporary folder that this process made for itself"
_OWN_KEY = "a key of the person's own, in their own configuration folder"
_PRIVATE = "an outbox that its owner alone may enter, for workers of the same user"
_LOCK = "a lock on the folder that a comparison is written into"
_SYSTEM = "files of the system"
_REMOTE = "the client of a remote store, which makes a bucket or folder there"
_NAMED = "a file or a new folder that the person named on the command line"

#: {module: (why, what it calls)}.
ELSEWHERE: dict[str, tuple[str, set[str]]] = {
    "api/reporting.py": (_OWN, {"json.loads", "mkdir", "read_text", "write_text"}),
    "cli/dispatch.py": (_SYSTEM, {"open"}),
    "compliance/evidence_record.py": (_MEMORY, {"json.loads"}),
    "compliance/framework.py": (_CONFIGS, {"glob", "yaml.load"}),
    "extensions/assurance/recorded_environment.py": (
        _OWN,
        {"glob", "mkdir", "read_text", "symlink_to", "write_text"},
    ),
    "extensions/clusters/joblib_launcher.py": (_PRIVATE, {"pickle.loads"}),
    "extensions/clusters/outbox.py": (
        _PRIVATE,
        {
            "glob",
            "iterdir",
            "mkdir",
            "pickle.loads",
            "read_bytes",
            "read_text",
            "rename",
            "rglob",
            "rmtree",
            "touch",
            "unlink",
            "write_bytes",
            "write_text",
        },
    ),
    "extensions/clusters/remote_stages.py": (_REMOTE, {"makedirs", "open"}),
    "extensions/examples/known_tables.py": (_DATA, {"read_bytes"}),
    "extensions/examples/medmnist.py": (
        _DATA,
        {"mkdir", "np.load", "open", "read_bytes", "replace", "unlink"},
    ),
    "extensions/examples/packages.py": (_DATA, {"np.load", "read_bytes", "read_csv"}),
    "extensions/exports/fill_docx.py": (_MEMORY, {"json.loads"}),
    "extensions/exports/letters.py": (_CONFIGS, {"glob"}),
    "extensions/live/live_page.py": (_SHIPPED, {"read_text"}),
    "extensions/live/open_stream.py": (_NAMED, {"open"}),
    "extensions/live/score_stream_command.py": (_NAMED, {"open"}),
    "config/catalogue.py": (_CONFIGS, {"read_text"}),
    "config/config_files.py": (_CONFIGS, {"glob", "os.walk"}),
    "config/local_code.py": (_CONFIGS, {"rglob"}),
    "config/overrides.py": (_CONFIGS, {"yaml.safe_load"}),
    "config/compose.py": (_CONFIGS, {"glob", "iterdir"}),
    "config/hydra_files.py": (_CONFIGS, {"yaml.load"}),
    "config/threshold_checks.py": (_CONFIGS, {"read_text"}),
    "config/trusted.py": (_OWN_KEY, {"fdopen", "mkdir", "open"}),
    "datasets/readers/case_rows.py": (_DATA, {"json.loads"}),
    "datasets/readers/file_bytes.py": (_DATA, {"open"}),
    "datasets/readers/json_lines.py": (_DATA, {"json.loads"}),
    "datasets/readers/table_file.py": (
        _DATA,
        {"ParquetFile", "iterdir", "read_csv", "read_parquet"},
    ),
    "datasets/readers/text_table.py": (_DATA, {"open"}),
    "datasets/sources/fetched.py": (
        _DATA,
        {"json.loads", "mkdir", "read_text", "replace", "write_text"},
    ),
    "datasets/sources/image_folder.py": (_DATA, {"iterdir", "open", "os.walk"}),
    "models/estimators/sklearn.py": (_MODELS, {"json.loads", "load_file"}),
    "models/own/own_classes.py": (_MODELS, {"glob", "read_text"}),
    "models/transformers/pretrained.py": (_MODELS, {"glob"}),
    "provenance/__init__.py": (_CODE, {"read_text"}),
    "provenance/checkout.py": (_OWN, {"mkdir", "open", "write_bytes", "write_text"}),
    "provenance/code.py": (
        _CODE,
        {"fdopen", "json.loads", "mkdir", "open", "os.walk", "read_bytes", "replace"},
    ),
    "provenance/module_files.py": (_CODE, {"read_bytes", "read_text"}),
    "rendering/embedded.py": (_SHIPPED, {"json.loads", "read_bytes"}),
    "rendering/document.py": (_SHIPPED, {"read_bytes"}),
    "rendering/notes.py": (_MEMORY, {"json.loads"}),
    "rendering/page_parts.py": (_SHIPPED, {"read_text"}),
    "rendering/page_words.py": (_SHIPPED, {"yaml.safe_load"}),
    "rendering/typeset.py": (_FONTS, {"glob", "json.loads", "read_bytes", "symlink_to"}),
    "rendering/word_parts.py": (_MEMORY, {"ZipFile", "read_text"}),
    "runner/comparing.py": (_LOCK, {"open"}),
    "runner/execution/workers.py": (_SYSTEM, {"read_text"}),
    "runner/run_folders/sealing.py": (_SHIPPED, {"read_bytes", "rglob"}),
    "runner/scaffold/new_study.py": (_NAMED, {"copyfile", "mkdir", "open", "read_text"}),
    "training/resume_point.py": (_MODELS, {"json.loads", "safe_open"}),
    "wording/compiled_texts.py": (
        _SHIPPED,
        {"fdopen", "glob", "marshal.loads", "mkdir", "read_bytes", "replace", "unlink"},
    ),
    "wording/words.py": (_SHIPPED, {"iterdir", "read_bytes", "rglob", "yaml.load"}),
}


def test_nothing_else_opens_lists_writes_or_removes_files() -> None:
    calls_of: dict[str, set[str]] = defaultdict(set)
    for path in modules():
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(ROOM):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if called := touched(node):
                    calls_of[name].add(called)
    allowed = {name: calls for name, (_, calls) in ELSEWHERE.items()}
    new = {name: calls - allowed.get(name, set()) for name, calls in calls_of.items()}
    assert {name: calls for name, calls in new.items() if calls} == {}, (
        "go by artifacts/storage/plain_files.py or files.py; what only reads files of the package "
        "or that the person named gets a line in ELSEWHERE"
    )
    stale = {
        name: calls - calls_of.get(name, set())
        for name, calls in allowed.items()
        if (PACKAGE / name).parent.exists()  # an extension may not lie here
    }
    assert {name: calls for name, calls in stale.items() if calls} == {}, "a line nothing needs"


def touched(node: ast.AST) -> str:
    """What a call does to files, such as `unlink`; "" for any other."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id if node.func.id in BARE else ""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return ""
    owner, name = ast.unparse(node.func.value), node.func.attr
    if owner in {"plain_files", "bounded_yaml"}:
        return ""
    if f"{owner}.{name}" in OF_MODULES:
        return f"{owner}.{name}"
    if name == "replace" and len(node.args) == 1 and not node.keywords:
        return "replace"  # that of a path: a text's has two arguments
    return name if name in ANYBODYS else ""


def test_the_walk_sees_each_way_to_a_file() -> None:
    code = (
        "open(p)\npd.read_parquet(p)\np.read_text()\nnp.load(p)\njson.load(f)\np.unlink()\n"
        "shutil.rmtree(p)\nfor _ in p.rglob('*'): pass\np.replace(q)\n'a'.replace('b', 'c')\n"
        "plain_files.read_text(p)\nload(p)"
    )
    seen = [called for node in ast.walk(ast.parse(code)) if (called := touched(node))]
    assert sorted(seen) == [
        *("json.load", "np.load", "open", "read_parquet", "read_text", "replace", "rglob"),
        *("rmtree", "unlink"),
    ]
