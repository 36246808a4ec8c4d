// The table of anomalies: all rows are in the page; this script hides, shows, sorts and opens them.
const FIRST = 25;
const table = document.getElementById("anomaly-table");

// A clipped cell has its longer text in its title; search covers both.
function fullText(row) {
  const titles = [...row.querySelectorAll("[title]")].map((element) => element.title);
  return [row.textContent, ...titles].join(" ").toLowerCase();
}

function arrangeTable() {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const search = document.getElementById("search");
  const picks = [...document.querySelectorAll("select[data-filter]")];
  const more = document.querySelector(".more");
  const texts = new Map(rows.map((row) => [row, fullText(row)]));
  const dataOf = (row) => rowData.rows[row.dataset.row];
  let all = rows.length <= FIRST;
  let visible = [];

  function close(row) {
    const button = row.querySelector("button.open");
    if (button.getAttribute("aria-expanded") === "true") row.nextElementSibling.remove();
    button.setAttribute("aria-expanded", "false");
  }

  function open(row) {
    const id = `detail-${row.dataset.row}`;
    row.after(detailOf(dataOf(row), id, row.cells.length));
    row.querySelector("button.open").setAttribute("aria-expanded", "true");
  }

  function refresh() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = picks.filter((pick) => pick.value !== "");
    const fits = (row) => words.every((word) => texts.get(row).includes(word))
      && chosen.every((pick) => FILTERS[pick.dataset.filter](dataOf(row)) === pick.value);
    rows.forEach(close);
    const matches = [...body.rows].filter(fits);
    const narrowed = words.length > 0 || chosen.length > 0;
    visible = all || narrowed ? matches : matches.slice(0, FIRST);
    const shown = new Set(visible);
    for (const row of rows) row.hidden = !shown.has(row);
    more.hidden = all || narrowed;
    document.getElementById("shown").textContent = `${visible.length} of ${rows.length} shown`;
    markStory();
  }

  function markStory() {
    const pick = document.getElementById("filter-story");
    for (const button of document.querySelectorAll(".story button")) {
      button.setAttribute("aria-pressed", String(Boolean(pick) && pick.value === button.dataset.story));
    }
  }

  function sortBy(header) {
    const ascending = header.getAttribute("aria-sort") === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => row.cells[header.cellIndex].dataset.sort;
    const numeric = header.classList.contains("numeric");
    const compare = (a, b) => numeric ? Number(key(a)) - Number(key(b))
      : key(a).localeCompare(key(b), undefined, { numeric: true });
    rows.forEach(close);
    body.append(...[...body.rows].sort((a, b) => (ascending ? 1 : -1) * compare(a, b)));
    refresh();
  }

  function addButtons() {
    for (const header of table.querySelectorAll("th.sortable")) {
      const button = make("button", "", ...header.childNodes);
      button.type = "button";
      button.addEventListener("click", () => sortBy(header));
      header.append(button);
    }
    for (const row of rows) {
      const name = row.querySelector(".name");
      const button = make("button", "open", ...name.childNodes);
      button.type = "button";
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => (button.getAttribute("aria-expanded") === "true" ? close : open)(row));
      name.append(button);
    }
  }

  function addStories() {
    const pick = document.getElementById("filter-story");
    if (!pick) return;
    for (const story of document.querySelectorAll(".story")) {
      const title = story.querySelector("h3");
      const button = make("button", "", ...title.childNodes);
      button.type = "button";
      button.dataset.story = story.dataset.story;
      button.addEventListener("click", () => {
        pick.value = pick.value === story.dataset.story ? "" : story.dataset.story;
        refresh();
        if (pick.value !== "") document.getElementById("anomalies").scrollIntoView();
      });
      title.append(button);
    }
  }

  addButtons();
  addStories();
  search.addEventListener("input", refresh);
  for (const pick of picks) pick.addEventListener("change", refresh);
  document.getElementById("show-all").addEventListener("click", () => { all = true; refresh(); });
  document.getElementById("export").addEventListener("click", () => saveCsv(visible.map(dataOf)));
  document.querySelector(".tools").hidden = false;
  refresh();
}

if (table) arrangeTable();
