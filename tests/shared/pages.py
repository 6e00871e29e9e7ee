"""A book of few pages, built as the study's is."""

import shutil
import subprocess
import sys
from pathlib import Path

BOOK = Path(__file__).parents[2] / "book"
PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
from myst_nb import glue

glue("one", "1", display=False)
```

The number {glue:text}`one`.

"""


def build(folder: Path, text: str, chapters=()) -> subprocess.CompletedProcess:
    """Build a book of one page and further ones, with the settings of the study's."""
    for name in ("assets", "extensions"):
        shutil.copytree(BOOK / name, folder / name)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(BOOK / name, folder)
    contents = "format: jb-book\nroot: index\n" + ("chapters:\n" if chapters else "")
    contents += "".join(f"  - file: {chapter}\n" for chapter in chapters)
    (folder / "_toc.yml").write_text(contents)
    (folder / "index.md").write_text(PAGE + text + "\n")
    command = [sys.executable, BOOK / "build.py", folder, "--jobs", "2"]
    return subprocess.run(command, capture_output=True, text=True)
