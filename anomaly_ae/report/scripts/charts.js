"use strict";

// Charts: specifications are in the page as JSON; colours are CSS variables, so light, dark and print need no redraw.
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const CHART_OPTIONS = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
  tooltip: { disableDefaultStyle: true } };
const drawChart = (place, spec) => vegaEmbed(place, spec, CHART_OPTIONS);
const drawn = Promise.all(Object.entries(read("charts")).map(([id, spec]) =>
  drawChart(document.getElementById(id), spec).then((result) => [id, result.view])));
drawn.then(() => { document.documentElement.dataset.charts = "drawn"; });

// Elements get their content as text, so data is never parsed as markup.
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((node) => node !== null && node !== undefined && node !== ""));
  return element;
}
