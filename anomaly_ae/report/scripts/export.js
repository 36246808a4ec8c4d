// CSV of the rows shown. A spreadsheet evaluates cells that start like a formula, so such text is prefixed with an apostrophe.
const FORMULA = /^[\t\r\n]|^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/u;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = String(value);
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

function csvOf(rows) {
  const reason = ([feature, value, expected, share]) =>
    `${feature}: ${value ?? "missing"}, expected ${expected ?? "missing"} (${shareText(share)})`;
  const columns = [
    ["row_id", (row) => row.id], ["source_file", (row) => row.file], ["source_row", (row) => row.row],
    ...rowData.identity.map((name, index) => [name, (row) => row.names[index]]),
    ["anomaly_score", (row) => row.score], ["p_value", (row) => row.p], ["is_anomaly", (row) => String(row.alert)],
    ["label", labelName], ["level", (row) => row.level], ["segment", (row) => row.segment], ["story", storyName],
    ["reasons", (row) => row.reasons.map(reason).join("; ")],
  ];
  const lines = [columns.map(([name]) => csvCell(name)), ...rows.map((row) => columns.map(([, get]) => csvCell(get(row))))];
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

function saveCsv(rows) {
  // The byte order mark tells Excel that the text is UTF-8.
  const link = make("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", csvOf(rows)], { type: "text/csv" }));
  link.download = "anomalies.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
