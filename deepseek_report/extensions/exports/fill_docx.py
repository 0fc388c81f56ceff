"""Fills the fields of a DOCX template in a process of its own, which may take little memory.

Imports next to nothing of this package, so that it starts at once. Its arguments are bytes of
memory and the bytes of the fields in JSON; those and then the template come on standard input, and
the filled document leaves on standard output. Ends with `FIELD` or `NO_DOCX` and a sentence
otherwise.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile

from deepseek_report.children import limit_memory

FIELD, NO_DOCX = 10, 11


def _filled(fields: dict[str, object], template: bytes) -> bytes:
    from docxtpl import DocxTemplate
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    document, filled = DocxTemplate(io.BytesIO(template)), io.BytesIO()
    environment = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    document.render(fields, environment)
    document.save(filled)
    return filled.getvalue()


def main() -> None:
    """Fill one template."""
    size, length = map(int, sys.argv[1:])
    limit_memory(size)
    from jinja2 import TemplateError

    try:
        fields = json.loads(sys.stdin.buffer.read(length))
        content = _filled(fields, sys.stdin.buffer.read())
    except MemoryError:
        sys.stderr.write(f"it takes more than {size >> 20} MiB of memory")
        sys.exit(FIELD)
    except (TemplateError, ArithmeticError, TypeError, AttributeError, RecursionError) as error:
        sys.stderr.write(str(error))
        sys.exit(FIELD)
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        sys.stderr.write(str(error))
        sys.exit(NO_DOCX)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
