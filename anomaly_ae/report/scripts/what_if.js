// The slider: all steps are precomputed; this shows one and moves the line in the histograms.
const whatIf = read("what-if");

function percent(share) {
  const value = 100 * share;
  const digits = value === 0 || value >= 99.995 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(value > 0 && value < 0.01 ? 4 : digits))}%`;
}

function plain(value) {
  return Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6 || value === 0
    ? value.toLocaleString("en", { maximumSignificantDigits: 4 }) : value.toExponential(2);
}

function offerThresholds() {
  const slider = document.getElementById("cut");
  const reset = document.getElementById("cut-reset");
  const put = (id, main, note) => {
    const element = document.getElementById(id);
    if (element) element.replaceChildren(main, make("small", "", note));
  };
  const bounded = (id, bounds, meaning, missing = "no rows to measure it on") => put(id, bounds ? percent(bounds[0]) : "–",
    bounds ? `${meaning}; 95% interval ${percent(bounds[1])} to ${percent(bounds[2])}` : missing);

  function show() {
    const step = whatIf.steps[slider.value];
    const difference = step.alerts - whatIf.steps[whatIf.place].alerts;
    const change = difference === 0 ? "as now" : `${Math.abs(difference).toLocaleString("en")} ${difference > 0 ? "more" : "fewer"} than now`;
    document.getElementById("cut-threshold").textContent = plain(step.threshold);
    slider.setAttribute("aria-valuetext", `threshold ${plain(step.threshold)}, ${step.alerts} alerts`);
    put("cut-alerts", step.alerts.toLocaleString("en"), `${percent(step.alerts / whatIf.rows)} of rows; ${change}`);
    bounded("cut-rate", step.rate, "of normal rows flagged", "each segment has its own threshold");
    bounded("cut-precision", step.precision, "of alerts are anomalies");
    bounded("cut-recall", step.recall, "of anomalies found");
    reset.disabled = Number(slider.value) === whatIf.place;
    drawn.then((charts) => charts.filter(([id]) => id.startsWith("chart-scores-"))
      .forEach(([, view]) => view.signal("cut", step.threshold).run()));
  }

  slider.value = whatIf.place;
  slider.addEventListener("input", show);
  reset.addEventListener("click", () => { slider.value = whatIf.place; show(); slider.focus(); });
  document.querySelector(".slider").hidden = false;
  show();
}

if (whatIf) offerThresholds();
