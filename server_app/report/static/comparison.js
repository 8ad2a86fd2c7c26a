// The page of several runs: pairs of arms with their intervals, all searches in one picture, and a table of runs.

const ARMS = ["r3", "r5", "r2", "r1", "r4", "r0"];
const ARM_MARKS = ["circle", "square", "triangle", "diamond", "down", "star"];
const ARM_LINES = ["", "dash", "dots", "thick", "thick dash", "thick dots"];
const armLook = (arm) => ({ class: ARMS[arm % 6], mark: ARM_MARKS[arm % 6], line: ARM_LINES[arm % 6] });

function headOfComparison(doc) {
  return h("header", {}, h("p", { class: "kicker" }, "Federated architecture search · comparison"),
    h("h1", {}, counted(doc.runs.length, "run")),
    h("p", {}, doc.arms.length > 1 ? `They differ in: ${doc.differ.join(", ") || "nothing but their seeds"}.` : "They differ in their seeds only."),
    doc.notes.map((note) => h("p", {}, note)));
}

const footOfComparison = () => h("footer", {}, h("p", {}, "Keys: Tab goes to the next table or picture, arrow keys go through the points of a picture."));

function pairs(doc) {
  const known = doc.pairs.filter((pair) => pair.low !== null), metric = plain(doc.metric.name);
  const lead = `By how much the ${metric} of what the first found is better than that of the second, in pairs; a bar is the 95 % interval, and one that crosses 0 is within noise.`;
  if (!doc.pairs.length) return section("pairs", "Differences", "There are no two runs whose tests can be taken in pairs.");
  return section("pairs", "Differences", lead,
    known.length > 0 && chart(`Differences in ${metric}`, (width) => pairsPicture(known, metric, width)),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["first", "second"].map((name) => h("th", { scope: "col" }, name)), ["difference", "95 % interval", "pairs"].map((name) => h("th", { scope: "col", class: "num" }, name)), h("th", { scope: "col" }, "that is"))),
      h("tbody", {}, doc.pairs.map((pair) => h("tr", {}, h("td", {}, pair.one), h("td", {}, pair.other), h("td", { class: "num" }, signed(pair.mean)), h("td", { class: "num" }, pair.low === null ? "not known" : `${signed(pair.low)} to ${signed(pair.high)}`), h("td", { class: "num" }, pair.number ? `${pair.number} ${pair.over}` : "1"), h("td", {}, verdict(pair))))))));
}

const signed = (value) => `${value > 0 ? "+" : ""}${figure(value)}`;
const verdict = (pair) => (pair.low === null ? "one pair says nothing of chance" : pair.low > 0 ? "better" : pair.high < 0 ? "worse" : "within noise");

function pairsPicture(rows, metric, width) {
  const label = Math.min(300, width * 0.45), height = rows.length * 34 + 46, bottom = rows.length * 34 + 6;
  const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
  const x = linear(extent([0, ...rows.flatMap((row) => [row.low, row.high])]), [label, width - 16]);
  for (const value of x.ticks(4)) svg.append(s("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: bottom }), s("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, ticksOf(value)));
  svg.append(s("line", { class: "axis", style: "stroke:var(--ink)", x1: x(0), x2: x(0), y1: 0, y2: bottom }));
  svg.append(s("text", { class: "name", x: (label + width) / 2, y: height - 4, "text-anchor": "middle" }, `better ${metric} by`));
  const points = rows.map((row, at) => {
    const y = at * 34 + 20;
    svg.append(s("text", { class: "name", x: label - 10, y: y - 3, "text-anchor": "end" }, clip(row.one, label - 12)), s("text", { x: label - 10, y: y + 11, "text-anchor": "end" }, clip(`over ${row.other}`, label - 12)));
    svg.append(s("path", { class: "path front", d: `M${x(row.low)},${y}H${x(row.high)}M${x(row.low)},${y - 5}v10M${x(row.high)},${y - 5}v10` }), mark("circle", x(row.mean), y, 5, "front"));
    return { x: x(row.mean), y, told: `${row.one} over ${row.other}: ${signed(row.mean)}, 95 % interval ${signed(row.low)} to ${signed(row.high)}, ${verdict(row)}` };
  });
  return { svg, points };
}

function together(doc, view, act) {
  const axes = AXES_OF_COST.filter((axis) => doc.runs.some((run) => run.best.some((one) => one[axis.key] > 0)));
  const axis = axes.find((one) => one.key === view.x) ?? axes[0], name = plain(doc.objective.name);
  if (!axis) return null;
  return section("together", "Best so far, all runs", `The best ${name} so far of each run, at its own rungs, against what it had spent (${better(doc.objective)}).`,
    axes.length > 1 && h("div", { class: "group controls", role: "group", "aria-label": "What runs have spent" }, axes.map((one) => h("button", { type: "button", class: "button", id: `x-${one.key}`, "aria-pressed": String(one === axis), onclick: () => act({ x: one.key }, `x-${one.key}`) }, one.name))),
    legend(doc.arms.map((arm, at) => ({ ...armLook(at), text: arm }))),
    chart(`Best ${name} so far of all runs`, (width) => {
      const all = doc.runs.flatMap((run) => run.best).filter((one) => one.value !== null), to = Math.max(...all.map((one) => one[axis.key]));
      const { svg, x, y } = plane(width, Math.max(260, Math.min(400, width * 0.5)), { domain: [0, to], name: axis.label, form: axis.form, ticks: axis.ticks?.(to, Math.max(2, Math.floor(width / 90))) }, { domain: extent(all.map((one) => one.value)), name, form: ticksOf });
      const points = [];
      for (const run of doc.runs) {
        const look = armLook(run.arm), at = run.best.filter((one) => one.value !== null).map((one) => [x(one[axis.key]), y(one.value), one]);
        svg.append(s("path", { class: `path ${look.class} ${look.line}`, d: through(at, true) }));
        for (const [px, py, one] of at) {
          svg.append(mark(look.mark, px, py, 3.5, look.class));
          points.push({ x: px, y: py, told: () => `${run.name}: ${figure(one.value)} at rung ${one.rung}, trial ${one.trial}, after ${axis.form(one[axis.key])}` });
        }
      }
      return { svg, points };
    }, "A line may fall where the best trial of a higher rung scores lower than the best of the rung before: scores of different rungs do not compare."));
}

function runs(doc) {
  const columns = ["seed", "trials", "test", "deviation", "parameters", "MACs", "MACs × examples", "sent", "took"];
  return section("runs", "The runs", "What each run found, and what it cost in all.", h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The runs" }, h("table", {},
    h("thead", {}, h("tr", {}, ["run", "arm", "status"].map((name) => h("th", { scope: "col" }, name)), columns.map((name) => h("th", { scope: "col", class: "num" }, name === "test" ? `test ${plain(doc.metric.name)}` : name)), h("th", { scope: "col" }, "found"))),
    h("tbody", {}, doc.runs.map((run) => h("tr", {}, h("th", { scope: "row" }, run.name), h("td", {}, symbol(armLook(run.arm).mark, armLook(run.arm).class), doc.arms[run.arm]), h("td", {}, run.status),
      [run.seed, grouped(run.trials), figure(run.mean), figure(run.deviation), grouped(run.parameters), grouped(run.macs), short(run.mac_examples || null), bytes(run.bytes), clock(run.seconds)].map((cell) => h("td", { class: "num" }, String(cell))),
      h("td", { class: "wide" }, run.architecture || "nothing")))))));
}
