"""Keep only the icons that pages use, instead of Font Awesome's script of 1.5 MB.

The theme loads all of Font Awesome. After the build this extension replaces its script
by a short one that draws the icons that pages name, in the same places and with the
same class.
"""

import importlib.util
import json
import re
from pathlib import Path

#: The script, in the folder of static files.
SCRIPT = "scripts/fontawesome.js"
#: An icon in Font Awesome's script: name, width, height, other names, path.
ICON = r'[{,]"?(NAME)"?:\[(\d+),(\d+),\[[^\]]*\],"[^"]*","([^"]+)"\]'
#: Required by its licence.
LICENCE = "/*! Font Awesome Free by @fontawesome, CC BY 4.0, fontawesome.com */"
DRAW = """
const style = document.createElement("style");
style.textContent = ".svg-inline--fa{display:inline-block;height:1em;overflow:visible;"
  + "vertical-align:-.125em;box-sizing:content-box}.fa-lg{font-size:1.25em;"
  + "line-height:.05em;vertical-align:-.2em}";
document.head.append(style);
addEventListener("DOMContentLoaded", () => {
  for (const mark of document.querySelectorAll("i[class*='fa-']")) {
    const name = [...mark.classList].find((c) => icons[c.slice(3)]);
    if (!name) continue;
    const [width, height, path] = icons[name.slice(3)];
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const { name, value } of mark.attributes) picture.setAttribute(name, value);
    picture.classList.add("svg-inline--fa");
    picture.setAttribute("aria-hidden", "true");
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.innerHTML = `<path fill="currentColor" d="${path}"></path>`;
    mark.replaceWith(picture);
  }
});
"""


def subset(script: str, names: set[str]) -> str:
    """Return a script that draws only some icons, from the script that draws all.

    Raises:
        ValueError: if the script has none of them, because the theme has changed.
    """
    found = {}
    for name in sorted(names):
        # The script's last pack is the solid one.
        for match in re.finditer(ICON.replace("NAME", re.escape(name)), script):
            width, height, path = match.group(2, 3, 4)
            found[name] = [int(width), int(height), path]
    if not found:
        raise ValueError(f"{SCRIPT}: has none of the icons {', '.join(sorted(names))}")
    return f"{LICENCE}\n(() => {{\nconst icons = {json.dumps(found)};{DRAW}}})();\n"


def keep_used(app, exception):
    """Replace the theme's script by one with only the icons that pages use."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = "".join(path.read_text(encoding="utf-8") for path in out.glob("**/*.html"))
    names = set(re.findall(r"\bfa-([a-z0-9-]+)", pages)) - {"solid", "lg"}
    theme = Path(importlib.util.find_spec("pydata_sphinx_theme").origin).parent
    whole = theme / "theme" / "pydata_sphinx_theme" / "static" / SCRIPT
    script = out / "_static" / SCRIPT
    text = subset(whole.read_text(encoding="utf-8"), names)
    script.write_text(text, encoding="utf-8")
    for left in script.parent.glob(f"{script.name}.*"):
        left.unlink()


def setup(app):
    """Register with Sphinx."""
    app.connect("build-finished", keep_used)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
