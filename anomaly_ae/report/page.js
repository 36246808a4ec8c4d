"use strict";

// Charts: specifications lie in the page as JSON; colours are CSS variables, so light, dark and print need no redraw.
const charts = JSON.parse(document.getElementById("charts").textContent);
const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
  tooltip: { disableDefaultStyle: true } };
const drawn = Object.entries(charts).map(([id, spec]) => vegaEmbed(document.getElementById(id), spec, options));
Promise.all(drawn).then(() => { document.documentElement.dataset.charts = "drawn"; });

// The table of anomalies: everything is in the page already; this hides, shows and orders its rows.
const FIRST = 25;
const table = document.getElementById("anomaly-table");

function arrangeTable() {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const more = document.querySelector(".more");
  const texts = new Map(rows.map((row) => [row, fullText(row)]));
  let all = rows.length <= FIRST;

  function refresh() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = [...body.rows].filter((row) => words.every((word) => texts.get(row).includes(word)));
    const visible = new Set(all || words.length ? matches : matches.slice(0, FIRST));
    for (const row of rows) row.hidden = !visible.has(row);
    more.hidden = all || words.length > 0;
    shown.textContent = `${visible.size} of ${rows.length} shown`;
  }

  function sortBy(header) {
    const ascending = header.getAttribute("aria-sort") === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => row.cells[header.cellIndex].dataset.sort;
    const numeric = header.classList.contains("numeric");
    const compare = (a, b) => numeric ? Number(key(a)) - Number(key(b))
      : key(a).localeCompare(key(b), undefined, { numeric: true });
    body.append(...[...body.rows].sort((a, b) => (ascending ? 1 : -1) * compare(a, b)));
    refresh();
  }

  for (const header of table.querySelectorAll("th.sortable")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(header));
    header.append(button);
  }
  search.addEventListener("input", refresh);
  document.getElementById("show-all").addEventListener("click", () => { all = true; refresh(); });
  document.querySelector(".tools").hidden = false;
  refresh();
}

// A clipped cell keeps its longer text in its title; search reads both.
function fullText(row) {
  const titles = [...row.querySelectorAll("[title]")].map((element) => element.title);
  return [row.textContent, ...titles].join(" ").toLowerCase();
}

if (table) arrangeTable();
