// Queries that find a row in the Parquet files beside this page.
function folder() {
  if (location.protocol !== "file:") return "";
  const path = decodeURIComponent(new URL(".", location.href).pathname);
  return path.replace(/^\/([A-Za-z]:)/, "$1");
}

// The columns that identify the row, exactly even if a name is too long to be in the page.
function conditions(row) {
  return [["row_id", row.id], ["source_file", row.file], ["source_row", row.row]].filter(([, value]) => value !== null);
}

function duckdbQuery(row) {
  const literal = (value) => (typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`);
  const where = conditions(row).map(([name, value]) => `${name} = ${literal(value)}`).join(" AND ");
  return `SELECT * FROM read_parquet(${literal(`${folder()}part-*.parquet`)}) WHERE ${where};`;
}

// A JSON string is also a valid Python literal.
function pandasCode(row) {
  const filters = conditions(row).map(([name, value]) => `("${name}", "==", ${JSON.stringify(value)})`).join(", ");
  return `import glob, pandas as pd\npd.read_parquet(sorted(glob.glob(${JSON.stringify(`${folder()}part-*.parquet`)})), filters=[${filters}])`;
}

// Some browsers deny pages opened from a file access to the clipboard; the legacy copy command still works there.
function copyLegacy(text) {
  const area = make("textarea", "unseen", text);
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyLegacy(text);
  }
}

function copyButton(name, text) {
  const button = make("button", "", `Copy ${name}`);
  button.type = "button";
  button.dataset.text = text;
  button.addEventListener("click", async () => {
    button.textContent = (await copyText(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = `Copy ${name}`; }, 2000);
  });
  return button;
}
