// Draws the figures of the page with uPlot: colors from the style sheet, values on hover and by keys.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const said = document.getElementById("said");
  const HEIGHT = 230;
  const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
  const told = (value) => {
    if (value === null || value === undefined) return "-";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e15) return value.toLocaleString("en-US");
    return size >= 0.01 && size < 1e6
      ? value.toLocaleString("en-US", { maximumSignificantDigits: 6 })
      : value.toExponential(3);
  };
  const short = (value) => {
    if (value === null) return "";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace(".0e", "e");
    return value.toLocaleString("en-US", { maximumFractionDigits: 4 });
  };
  const axis = (label) => ({
    label, labelSize: label ? 22 : 0, labelFont: "12px system-ui, sans-serif", size: label ? 32 : 62,
    stroke: color("--quiet"), font: "12px system-ui, sans-serif",
    grid: { stroke: color("--edge"), width: 1 }, ticks: { stroke: color("--edge"), width: 1, size: 5 },
    values: (_, splits) => splits.map(short),
  });
  const width = (place) => Math.max(200, place.clientWidth);
  const plots = figures.map((figure, number) => {
    const place = document.getElementById(`plot-${number + 1}`);
    const plot = new uPlot(
      {
        width: width(place), height: HEIGHT,
        scales: { x: { time: false }, y: figure.log ? { distr: 3 } : {} },
        axes: [axis(figure.axis), axis("")],
        series: [
          { label: figure.axis, value: (_, value) => told(value) },
          ...figure.names.map((label, at) => ({
            label, stroke: color(`--line-${(at % 5) + 1}`), width: 1.6, spanGaps: true,
            dash: at % 2 ? [7, 4] : undefined,
            points: { show: figure.data[at + 1].filter((value) => value !== null).length < 60, size: 5 }, value: (_, value) => told(value),
          })),
        ],
        cursor: { focus: { prox: 30 }, points: { size: 8 } },
      },
      figure.data,
      place,
    );
    for (const cell of place.querySelectorAll(".u-legend th")) cell.setAttribute("scope", "row");
    let at = -1;
    place.addEventListener("keydown", (event) => {
      const last = figure.data[0].length - 1;
      const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
      if (!(event.key in moves)) return;
      event.preventDefault();
      at = Math.max(0, Math.min(last, moves[event.key]));
      const seen = figure.data.slice(1).map((column) => column[at]).find((value) => value !== null);
      plot.setCursor({
        left: plot.valToPos(figure.data[0][at], "x"), top: plot.valToPos(seen, "y"),
      });
      said.textContent = `${figure.axis} ${told(figure.data[0][at])}: ` + figure.names
        .map((name, series) => [name, figure.data[series + 1][at]])
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${name} ${told(value)}`).join(", ");
    });
    return { plot, place };
  });
  const fit = () => {
    for (const { plot, place } of plots) plot.setSize({ width: width(place), height: HEIGHT });
  };
  let asked = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(fit);
  });
  const again = () => plots.forEach(({ plot }) => plot.redraw(false, true));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", again);
  }
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  // how many figures there are, and after how many milliseconds the first frame had them all
  requestAnimationFrame(() => {
    document.documentElement.dataset.figures = String(plots.length);
    document.documentElement.dataset.drawn = String(Math.round(performance.now()));
  });
})();
