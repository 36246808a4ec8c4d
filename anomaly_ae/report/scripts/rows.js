// The rows of the table, as data for the detail, the copied queries and the export.
const rowData = read("rows");

const labelName = (row) => (row.label === null ? "none" : row.label ? "anomaly" : "normal");
const storyName = (row) => rowData.stories[row.story] ?? "";
const FILTERS = {
  story: (row) => String(row.story),
  label: labelName,
  level: (row) => row.level ?? "none",
  segment: (row) => row.segment ?? "all rows",
};

function shareText(share) {
  if (share === null) return "undefined";
  return share > 0 && share < 0.005 ? "<1%" : `${Math.round(100 * share)}%`;
}
