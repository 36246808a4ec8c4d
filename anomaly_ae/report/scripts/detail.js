// A row's detail: its features with their normal range, its neighbours in time, and queries that find it.
function showValue(value) {
  if (value === null) return make("span", "quiet", "missing");
  return make("bdi", "", typeof value === "number" ? plain(value) : String(value));
}

// A strip that spans value and normal range: the range as a bar, the value as a dot.
function strip(column, value) {
  const low = Math.min(column.low, value);
  const span = Math.max(column.high, value) - low || 1;
  const position = (number) => `${(100 * (number - low) / span).toFixed(1)}%`;
  const element = make("span", value < column.low || value > column.high ? "strip out" : "strip", make("i"), make("b"));
  element.style.setProperty("--from", position(column.low));
  element.style.setProperty("--to", position(column.high));
  element.style.setProperty("--at", position(value));
  return element;
}

function normalRange(column) {
  if (column.low !== undefined) return `${plain(column.low)} to ${plain(column.high)}`;
  if (column.categories) return column.categories.map(([category, share]) => `${category} ${percent(share)}`).join(", ");
  return "";
}

function featureLine(row, [number, value]) {
  const column = rowData.columns[number];
  const reason = row.reasons.find(([feature]) => feature === column.name);
  const drawable = column.low !== undefined && typeof value === "number";
  const line = make("tr", reason ? "is-reason" : "",
    make("th", "", make("bdi", "", column.name)), make("td", "numeric", showValue(value)),
    make("td", "range", drawable ? strip(column, value) : "", make("small", "", normalRange(column))),
    make("td", "", reason ? make("bdi", "", reason[2] ?? "missing") : ""),
    make("td", "numeric", reason ? shareText(reason[3]) : ""));
  line.cells[0].scope = "row";
  return line;
}

function reasonLine([feature, value, expected, share]) {
  return make("tr", "is-reason", make("th", "", make("bdi", "", feature)), make("td", "", showValue(value)),
    make("td"), make("td", "", make("bdi", "", expected ?? "missing")), make("td", "numeric", shareText(share)));
}

function featureTable(row) {
  const names = ["Feature", "Seen", "Normal range", "Expected", "Share of score"];
  const head = make("tr", "", ...names.map((name) => make("th", name === "Seen" || name.startsWith("Share") ? "numeric" : "", name)));
  const lines = row.values.length ? row.values.map((value) => featureLine(row, value)) : row.reasons.map(reasonLine);
  const region = make("div", "scroll", make("table", "features", make("thead", "", head), make("tbody", "", ...lines)));
  region.tabIndex = 0;
  return region;
}

function facts(row) {
  const pairs = [["Row", row.id], ["Source", row.file && `${row.file}, row ${row.row.toLocaleString("en")}`],
    ...rowData.identity.map((name, index) => [name, row.names[index]]), ["Score", plain(row.score)],
    ["p-value", plain(row.p)], ["Label", row.label === null ? null : labelName(row)], ["Level", row.level],
    ["Segment", row.segment], ["Story", storyName(row)]];
  return make("dl", "", ...pairs.filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => make("div", "", make("dt", "", make("bdi", "", name)), make("dd", "", make("bdi", "", value)))));
}

function context(row) {
  if (row.near.length < 2) return null;
  const container = make("div", "chart");
  const point = ([time, score]) => ({ time, score });
  const spec = { ...rowData.context, datasets: {
    near: row.near.map(point), self: [point([row.time, row.score])], cut: [{ score: row.threshold }] } };
  requestAnimationFrame(() => drawChart(container, spec));
  return make("figure", "", make("figcaption", "", make("strong", "", "Before and after"), "scores of the rows around it in time"), container);
}

function detailNote(row) {
  if (!row.values.length) return "The scored dataset has been removed, so only the reasons are shown.";
  const left = rowData.leftOut ? ` ${rowData.leftOut} more columns are in the Parquet files.` : "";
  return `Normal range: 5th to 95th percentile of the train rows, or their most frequent categories.${left}`;
}

function detailOf(row, id, columns) {
  const about = make("aside", "", facts(row), make("p", "copies", copyButton("DuckDB query", duckdbQuery(row)),
    copyButton("pandas code", pandasCode(row))), context(row));
  const features = make("div", "", featureTable(row), make("small", "", detailNote(row)));
  const cell = make("td", "", make("div", "detail-grid", features, about));
  cell.colSpan = columns;
  const element = make("tr", "detail", cell);
  element.id = id;
  return element;
}
