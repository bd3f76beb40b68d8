// Draws the charts of the last day, and draws them again each minute. The same is said in numbers above them.
(() => {
  "use strict";
  const MINUTE = 60_000;
  const HEIGHT = 220;
  const root = document.getElementById("charts");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const ink = () => getComputedStyle(document.body).color;
  const strokes = () => (dark.matches
    ? ["#8ab8ff", "#ffb86b", "#6fcf97", "#ff9a92", "#c9a2ff", "#e6e9ee"]
    : ["#0b57b0", "#b35900", "#17663a", "#a3211b", "#6a3fb5", "#1b1f26"]);
  const DASHES = [[], [6, 3], [2, 3], [10, 4, 2, 4]];
  const MINUTES_BETWEEN_LABELS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720];
  const clock = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });
  const day = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });
  let drawn = [];

  const labels = (_, moments) => {
    let last = "";
    return moments.map((moment) => {
      const date = new Date(moment * 1000);
      const [before, today] = [last, day.format(date)];
      last = today;
      return today === before ? clock.format(date) : `${clock.format(date)}\n${today}`;
    });
  };
  const draw = (place, chart) => {
    const names = Object.keys(chart.lines);
    const axis = { stroke: ink(), grid: { stroke: dark.matches ? "#39414d" : "#d5dae1", width: 1 }, ticks: { show: false } };
    const times = { ...axis, space: 90, size: 45, values: labels, incrs: MINUTES_BETWEEN_LABELS.map((minutes) => minutes * 60) };
    const series = names.map((label, number) => ({
      label,
      stroke: strokes()[number % strokes().length],
      dash: DASHES[number % DASHES.length], // so that lines differ without their colours, too
      width: 2,
    }));
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      series: [{ label: "time", value: (_, moment) => (moment === null ? "--" : clock.format(new Date(moment * 1000))) }, ...series],
      axes: [times, axis],
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, chart.name === "seconds" ? 0.01 : 1)] } },
    };
    return new uPlot(options, [chart.at, ...names.map((name) => chart.lines[name])], place);
  };
  const show = async () => {
    let charts;
    try {
      const answer = await fetch(root.dataset.numbers, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      charts = await answer.json();
    } catch {
      return; // the page says so already
    }
    drawn.forEach((each) => each.destroy());
    drawn = charts.map((chart) => draw(root.querySelector(`[data-name="${chart.name}"]`), chart));
  };
  window.addEventListener("resize", () => drawn.forEach((each) => {
    each.setSize({ width: each.root.parentElement.clientWidth, height: HEIGHT });
  }));
  dark.addEventListener("change", show);
  setInterval(show, MINUTE);
  show();
})();
