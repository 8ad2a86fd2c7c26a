// The sections that say what mattered, for whom it is, what it cost, what went wrong and what left the nodes.

function choices(doc) {
  const { choices: found } = doc, name = plain(doc.objective.name);
  if (found.why) return section("choices", "Which choices mattered", found.why);
  const shown = found.importance.filter((one) => one.mean > 0.005).slice(0, 12);
  return section("choices", "Which choices mattered",
    `How much worse a random forest foresees the ${name} of unseen trials once one choice is shuffled among them, in parts of the variance.`,
    bars("Importance of choices", shown.map((one) => ({ name: one.name, value: one.mean, spread: one.deviation, told: `${one.name}: ${one.mean.toFixed(3)} of the variance, deviation over shuffles ${one.deviation.toFixed(3)}` })), { form: (value) => value.toFixed(2), name: "part of the variance that is lost" }),
    h("p", { class: "quiet" }, `From ${counted(found.trials, "trial")} with a score at rung ${found.rung}; the forest explains ${Math.round(100 * found.foreseen)} % of the variance of trials that it has not seen. A search does not draw at random, so this tells what went with good scores, and not what caused them.`),
    h("h3", {}, `What each value went with (${name})`),
    legend([{ class: "front", line: "", text: "middle half of the trials" }, { class: "front", mark: "circle", text: "their mean" }, { class: "winner", mark: "diamond", text: "by the forest, if all trials had it" }]),
    h("div", { class: "pair" }, found.effects.map((effect) => effectPicture(effect, name))),
    numbers(["choice", "value", "trials", "mean", "middle half", "by the forest"], found.effects.flatMap((effect) => effect.values.map((one) => [effect.name, one.label, one.trials, figure(one.mean), `${figure(one.low)} to ${figure(one.high)}`, figure(one.adjusted)]))));
}

function effectPicture(effect, name) {
  return h("div", {}, h("h4", {}, effect.name), effectChart(effect, name));
}

function effectChart(effect, name) {
  return chart(`${name} by ${effect.name}`, (width) => {
    const height = effect.values.length * 28 + 30, label = Math.min(150, width * 0.36);
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
    const x = linear(extent(effect.values.flatMap((one) => [one.low, one.high, one.mean, one.adjusted]), 0.08), [label, width - 16]);
    const bottom = effect.values.length * 28 + 8;
    for (const value of x.ticks(4)) {
      svg.append(s("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: bottom }), s("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, ticksOf(value)));
    }
    const points = effect.values.map((one, at) => {
      const y = at * 28 + 18;
      svg.append(s("text", { class: "name", x: label - 10, y: y + 4, "text-anchor": "end" }, clip(`${one.label} (${one.trials})`, label - 12)));
      svg.append(s("path", { class: "path front", style: "stroke-width:6;opacity:.35", d: `M${x(one.low)},${y}H${Math.max(x(one.high), x(one.low) + 1)}` }));
      svg.append(mark("circle", x(one.mean), y, 4.5, "front"), mark("diamond", x(one.adjusted), y, 4, "winner"));
      return { x: x(one.mean), y, told: () => `${effect.name} ${one.label}: ${counted(one.trials, "trial")}, mean ${figure(one.mean)}, middle half ${figure(one.low)} to ${figure(one.high)}; by the forest ${figure(one.adjusted)}` };
    });
    return { svg, points };
  });
}

// ------------------------------------------------------------ nodes

const SEVERAL = 40;

function nodes(doc) {
  const found = doc.nodes, metric = plain(found.metric);
  if (!found.rows.length) return null;
  const held = heldTable(found);
  if (!found.source) return section("nodes", "Node by node", "What each node holds; no model has been scored on them yet.", held);
  const what = found.source === "test" ? "test examples, mean over seeds" : "validation examples";
  const lead = `What each node, or person of the test, gets of each model: ${metric} on its own ${what} (${better(found)}). Who was missing in a test of a model has no mark.`;
  const rows = found.rows.filter((row) => Object.keys(row.values).length);
  const picture = rows.length <= SEVERAL ? dotPicture(found, rows, metric) : quantilePicture(found, rows, metric);
  return section("nodes", "Node by node", lead,
    legend(found.roles.map((role) => ({ class: role, mark: ROLES[role].mark, line: rows.length > SEVERAL ? ROLES[role].line : undefined, text: ROLES[role].name }))),
    picture, summaryTable(found, metric), found.groups.length > 0 && groupTable(found), held);
}

function dotPicture(found, rows, metric) {
  const by = found.roles[0], sign = found.direction === "min" ? -1 : 1;
  const order = [...rows].sort((a, b) => sign * ((b.values[by] ?? -Infinity) - (a.values[by] ?? -Infinity)));
  const all = rows.flatMap((row) => Object.values(row.values));
  return chart(`${metric} by node`, (width) => {
    const label = Math.min(180, width * 0.34), height = order.length * 24 + 46, bottom = order.length * 24 + 6;
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
    const x = linear(extent(all), [label, width - 16]), points = [];
    for (const value of x.ticks(Math.max(2, (width - label) / 90))) {
      svg.append(s("line", { class: "grid", x1: x(value), x2: x(value), y1: 0, y2: bottom }), s("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, ticksOf(value)));
    }
    svg.append(s("text", { class: "name", x: (label + width) / 2, y: height - 4, "text-anchor": "middle" }, metric));
    order.forEach((row, at) => {
      const y = at * 24 + 16, values = Object.values(row.values).map(x);
      svg.append(s("text", { class: "name", x: label - 10, y: y + 4, "text-anchor": "end" }, s("title", {}, row.name), clip(row.name, label - 12)));
      svg.append(s("line", { class: "axis", x1: Math.min(...values), x2: Math.max(...values), y1: y, y2: y }));
      for (const role of [...found.roles].reverse()) {
        if (row.values[role] === undefined) continue;
        svg.append(mark(ROLES[role].mark, x(row.values[role]), y, ROLES[role].size * 0.85, role));
      }
      for (const role of found.roles) if (row.values[role] !== undefined) points.push({ x: x(row.values[role]), y, told: () => `${row.name}, ${ROLES[role].name}: ${figure(row.values[role])}${row.class ? `\n${row.class}` : ""}` });
    });
    return { svg, points };
  }, "Nodes by what they get of the winner, the best first.");
}

/** Return for many nodes which part of them gets how much. */
function quantilePicture(found, rows, metric) {
  return chart(`${metric} over the nodes`, (width) => {
    const all = rows.flatMap((row) => Object.values(row.values));
    const { svg, x, y } = plane(width, 330, { domain: [0, 1], name: "part of the nodes, the worst first", form: (value) => `${Math.round(value * 100)} %` }, { domain: extent(all), name: metric, form: ticksOf });
    svg.append(s("rect", { class: "bar other", style: "opacity:.12", x: x(0), y: 12, width: x(0.1) - x(0), height: 330 - 56 }), s("text", { x: x(0.1) + 5, y: 24 }, "worst tenth"));
    const points = [];
    for (const role of [...found.roles].reverse()) {
      const values = rows.map((row) => row.values[role]).filter((value) => value !== undefined).sort((a, b) => (found.direction === "min" ? b - a : a - b));
      const corners = values.map((value, at) => [x(values.length > 1 ? at / (values.length - 1) : 0), y(value)]);
      svg.append(s("path", { class: `path ${role} ${ROLES[role].line}`, d: through(corners) }));
      corners.forEach(([px, py], at) => {
        if (at % Math.ceil(corners.length / 12) === 0) svg.append(mark(ROLES[role].mark, px, py, 4, role));
        points.push({ x: px, y: py, told: () => `${ROLES[role].name}: ${at + 1} of ${values.length} nodes get ${figure(values[at])} or ${found.direction === "min" ? "more" : "less"}` });
      });
    }
    return { svg, points };
  });
}

function summaryTable(found, metric) {
  const rows = [["mean, weighted by examples", "mean"], ["spread over nodes", "std"], ["worst tenth of the nodes", "worst_decile"], ["worst node", "worst"], ["best node", "best"]];
  const roles = found.roles.filter((role) => found.summary[role]);
  return h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, metric), roles.map((role) => h("th", { scope: "col", class: "num" }, symbol(ROLES[role].mark, role), ROLES[role].name)))),
    h("tbody", {}, rows.map(([title, key]) => h("tr", {}, h("th", { scope: "row" }, title), roles.map((role) => h("td", { class: "num" }, figure(found.summary[role][key]))))))));
}

function groupTable(found) {
  return [h("h3", {}, "By class of node"), h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "class"), h("th", { scope: "col", class: "num" }, "nodes"), found.roles.map((role) => h("th", { scope: "col", class: "num" }, ROLES[role].name)))),
    h("tbody", {}, found.groups.map((group) => h("tr", {}, h("th", { scope: "row" }, group.name), h("td", { class: "num" }, String(group.nodes)), found.roles.map((role) => h("td", { class: "num" }, figure(group.values[role]))))))))];
}

function heldTable(found) {
  const cell = (value) => h("td", { class: "num" }, grouped(value));
  return h("details", {}, h("summary", {}, `All ${counted(found.rows.length, "node")} and what they hold`), h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, ["node", "class", "device"].map((name) => h("th", { scope: "col" }, name)), ["training", "validation", "test", ...found.roles.map((role) => ROLES[role].name)].map((name) => h("th", { scope: "col", class: "num" }, name)))),
    h("tbody", {}, found.rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name), h("td", {}, row.class || "–"), h("td", {}, row.device ?? "–"), cell(row.examples), cell(row.validation), cell(row.test), found.roles.map((role) => h("td", { class: "num" }, figure(row.values[role])))))))));
}

// ------------------------------------------------------------ costs, troubles, the network, what left

function costs(doc) {
  const { stages, counts, nodes: number } = doc.costs;
  const total = (key) => (stages.some((stage) => stage[key] !== null && stage[key] !== undefined) ? stages.reduce((sum, stage) => sum + (stage[key] ?? 0), 0) : null);
  const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);
  const rows = [...stages, { name: "in all", seconds: total("seconds"), mac_examples: total("mac_examples"), node_seconds: total("node_seconds"), bytes: total("bytes"), busy: null }];
  const timed = stages.filter((stage) => stage.seconds);
  return section("costs", "What it cost, and where the time went", "Each bar is the time that a stage took; the table says what nodes computed and what was sent meanwhile.",
    timed.length > 0 && bars("Time by stage", timed.map((stage) => ({ name: stage.name, value: stage.seconds })), { form: clock, className: "front", name: "seconds" }),
    h("div", { class: "scroll" }, h("table", { class: "plain" },
      caption(`Busy is the part of the time in which an average node computed; the rest is waiting, sending, starting and deciding. ${counts.messages ? `${counted(counts.messages, "message")} in ${counted(counts.exchanges, "exchange")} with ${counted(number, "node")}; ${bytes(counts.bytes_down)} down, ${bytes(counts.bytes_up)} up.` : ""}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "stage"), ["time", "busy", "node-seconds", "MACs × examples", "weights sent"].map((name) => h("th", { scope: "col", class: "num" }, name)))),
      h("tbody", {}, rows.map((stage) => h("tr", {}, h("th", { scope: "row" }, stage.name),
        [clock(stage.seconds), percent(stage.busy), grouped(stage.node_seconds), short(stage.mac_examples), bytes(stage.bytes)].map((cell) => h("td", { class: "num" }, cell))))))));
}

function troubles(doc) {
  const found = doc.troubles;
  if (!found.length) return section("troubles", "What went wrong", "Nothing: no node was left out, nothing was refused, and no training failed.");
  const names = (list) => (list.length ? list.slice(0, 6).join(", ") + (list.length > 6 ? ", …" : "") : "–");
  return section("troubles", "What went wrong", "What was refused or failed, and when; the search went on with the rest.",
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "what"), h("th", { scope: "col" }, "why"), h("th", { scope: "col", class: "num" }, "times"), h("th", { scope: "col" }, "nodes"), h("th", { scope: "col" }, "trials"), h("th", { scope: "col", class: "num" }, "when"))),
      h("tbody", {}, found.map((one) => h("tr", {}, h("td", { class: "wide" }, one.title), h("td", { class: "wide" }, one.reason || "–"), h("td", { class: "num" }, String(one.count)), h("td", {}, names(one.nodes)), h("td", { class: "wide" }, names(one.trials)), h("td", { class: "num" }, one.first === one.last ? clock(one.first) : `${clock(one.first)} to ${clock(one.last)}`)))))));
}

function graph(doc) {
  if (!doc.graph) return null;
  const image = h("img", { src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(doc.graph.svg)}`, alt: `Graph of ${doc.graph.title}: ${doc.graph.described}` });
  return section("graph", "The network", `The graph of ${doc.graph.title}, from its input to its output: ${doc.graph.described}.`,
    h("div", { class: "graph", tabindex: "0", role: "region", "aria-label": "Graph of the network" }, image));
}

function leaving(doc) {
  return section("leaving", "What left the nodes", "All that nodes sent in this run. Examples, labels and predictions for single examples never leave them.",
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["what", "how much", "to know"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, doc.leaving.map((row) => h("tr", {}, h("td", { class: "wide" }, row.what), h("td", { class: "wide" }, row.how_much), h("td", { class: "wide" }, row.to_know || "–")))))),
    h("p", { class: "quiet" }, "SECURITY.md says what updates and metrics may tell of the data, and what protects against that. This page holds names of nodes and their scores: give it to those who may see them."));
}

function foot(doc) {
  const told = (values) => Object.entries(values).map(([name, value]) => `${plain(name)} ${value}`).join(", ");
  return h("footer", {}, h("p", {}, `Searched with ${told(doc.run.choices)}.`), Object.keys(doc.run.versions).length > 0 && h("p", {}, `Versions: ${told(doc.run.versions)}.`),
    h("p", {}, `Folder ${doc.run.folder}${doc.run.finished_at ? `, finished at ${doc.run.finished_at}` : ""}. Keys: Tab goes to the next table, button or picture, arrow keys go through the points of a picture, Enter or Space presses a button.`));
}
