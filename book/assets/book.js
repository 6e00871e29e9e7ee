// The list of runs: a field that filters its rows, and headings that sort them.
function searchable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const label = document.createElement("label");
  label.className = "runs-filter";
  label.textContent = "Show runs with ";
  const field = document.createElement("input");
  field.type = "search";
  const count = document.createElement("output");
  label.append(field);
  (table.closest(".pst-scrollable-table-container") ?? table).before(label, count);

  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = ` ${shown} of ${rows.length} runs`;
  };
  field.addEventListener("input", show);

  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    cell.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent;
      const order = new Intl.Collator("en", { numeric: true });
      rows.sort((a, b) => (up ? 1 : -1) * order.compare(text(a), text(b)));
      body.append(...rows);
    });
  });
  show();

  // A cell of a table leads to a point: its first row has the id.
  const mark = () => {
    const place = decodeURIComponent(location.hash.slice(1));
    const row = place && document.getElementById(place)?.closest("tr");
    if (!row) return;
    const [run, study, dataset] = [...row.cells].map((cell) => cell.textContent);
    for (const other of rows) {
      const cells = [...other.cells].map((cell) => cell.textContent);
      const same = cells[0] === run && cells[1] === study && cells[2] === dataset;
      other.classList.toggle("marked", same);
    }
    row.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", mark);
  mark();
}

// What scrolls sideways can be reached and scrolled with the keyboard.
function reachable() {
  const selector = ".cell_output .text_html, .cell_output, div.formula, pre, .math, .drawn";
  for (const box of document.querySelectorAll(selector)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
}

// Names for the theme's controls that have none, or another than they show.
function named() {
  for (const summary of document.querySelectorAll("summary")) {
    const item = summary.closest("li")?.querySelector("a");
    if (!summary.textContent.trim() && item) {
      summary.setAttribute("aria-label", `Pages below ${item.textContent.trim()}`);
    }
  }
  for (const button of document.querySelectorAll(".search-button__button")) {
    if (button.innerText.trim()) button.removeAttribute("aria-label");
  }
  // Its entries have a role that is none of a list's items.
  document.querySelector(".citation-list")?.removeAttribute("role");
  for (const icon of document.querySelectorAll(".theme-switch-button > *")) {
    icon.removeAttribute("title");
    icon.querySelector("title")?.remove();
    icon.setAttribute("aria-hidden", "true");
  }
}

// Figures whose points say their numbers, by the pointer or the keyboard.
function telling(figure) {
  const tip = document.createElement("div");
  tip.className = "figure-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  for (const mark of figure.querySelectorAll(".dot")) {
    const show = () => {
      const box = mark.getBoundingClientRect();
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
      const right = document.documentElement.clientWidth - tip.offsetWidth - 4;
      tip.style.left = `${Math.max(4, Math.min(right, box.left)) + scrollX}px`;
      tip.style.top = `${box.top + scrollY - tip.offsetHeight - 6}px`;
    };
    const hide = () => { tip.hidden = true; };
    for (const event of ["pointerenter", "focus"]) mark.addEventListener(event, show);
    for (const event of ["pointerleave", "blur"]) mark.addEventListener(event, hide);
  }
}

// On a phone a wide table that a chapter writes out is cards too.
function titled(table) {
  const titles = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent.trim());
  if (titles.length < 3) return;
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, column) => {
      cell.dataset.title = column ? titles[column] : "";
      cell.classList.toggle("empty", !cell.textContent.trim());
    });
  }
  table.classList.add("cards");
}
const written = ".bd-content table.table:not(.dataframe, .runs, .indextable)";
document.querySelectorAll(written).forEach(titled);

// A link into what is folded opens it, and paper has all of it.
function unfold(place) {
  const target = place && document.getElementById(decodeURIComponent(place));
  if (!target) return;
  const own = [...target.querySelectorAll(":scope > details.fold")];
  for (let e = target; e; e = e.parentElement) if (e.matches("details")) own.push(e);
  for (const one of own) one.open = true;
  if (own.length) target.scrollIntoView();
}
addEventListener("hashchange", () => unfold(location.hash.slice(1)));
addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (link) unfold(link.hash.slice(1));
});
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details")) one.open = true;
});
addEventListener("toggle", reachable, true);
unfold(location.hash.slice(1));

document.querySelectorAll(".figure-marks").forEach(telling);
document.querySelectorAll("table.runs").forEach(searchable);
// Before Font Awesome makes pictures of the icons, and after the theme's own scripts.
named();
addEventListener("load", named);
reachable();
addEventListener("resize", reachable);
