// The sections of a run's page: each a function from the document to what is shown, a sentence saying what it is.

const AXES_OF_COST = [
  { key: "time", name: "time", label: "time since the run began", form: (value) => clock(value), ticks: clockTicks },
  { key: "mac_examples", name: "MACs × examples", label: "MACs × examples", form: (value) => short(value, 0) },
  { key: "bytes", name: "bytes sent", label: "bytes sent, both ways", form: (value) => (value ? `${short(value, 0)}B` : "0") },
];
const better = (objective) => (objective.direction === "min" ? "lower is better" : "higher is better");
const rungClass = (rung) => `r${Math.min(rung - 1, 5)}`;
const RUNG_MARKS = ["openCircle", "triangle", "square", "diamond", "down", "circle"];
const rungMark = (rung) => RUNG_MARKS[Math.min(rung - 1, 5)];

function section(id, title, lead, ...content) {
  return h("section", { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title`, tabindex: "-1" }, title), lead && h("p", { class: "lead" }, lead), ...content);
}

/** Return numbers behind a picture, folded away. */
function numbers(head, rows) {
  return h("details", { class: "more" }, h("summary", {}, "The numbers"),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, head.map((name, at) => h("th", { scope: "col", class: at ? "num" : null }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) => h("td", { class: at ? "num" : null }, String(cell)))))))));
}

const rowOfNumber = (doc, number) => doc.trials.find((row) => row.number === number);

/** Return what is said of a trial where the mouse or a key finds it. */
function toldOf(doc, row) {
  const role = roleOf(doc, row.number);
  return [
    `trial ${row.number}${role ? `, ${ROLES[role].name}` : ""}: ${plain(doc.objective.name)} ${figure(row.value)} at rung ${row.rung}`,
    row.architecture,
    `${row.origin}${row.parent === null ? "" : ` of trial ${row.parent}`}, ${grouped(row.macs)} MACs, ${grouped(row.parameters)} parameters`,
  ].join("\n");
}

// ------------------------------------------------------------ what was found

function head(doc) {
  const { run, models } = doc, found = models.roles[0];
  const first = models.runs ? models.rows[0] : null;
  const total = (key) => doc.costs.stages.reduce((sum, stage) => sum + (stage[key] ?? 0), 0);
  const best = doc.best[doc.best.length - 1];
  const facts = [
    first ? [first[0], first[1], models.runs > 1 ? `mean (deviation over ${models.runs} seeds)` : "one seed"] : null,
    !first && best ? [`best ${plain(doc.objective.name)}`, figure(best.value), `trial ${best.trial}, rung ${best.rung}`] : null,
    first && models.roles[1] ? [models.roles[1].title, first[2], "the same"] : null,
    ["trials", grouped(doc.trials.length), stateCounts(doc)],
    ["time", clock(run.seconds), `${doc.costs.nodes} nodes`],
    total("mac_examples") ? ["MACs × examples", short(total("mac_examples")), "all stages"] : null,
    ["sent", bytes(total("bytes")), "both ways"],
  ].filter(Boolean);
  return h("header", {},
    h("p", { class: "kicker" }, `Federated architecture search · ${run.task} · seed ${run.seed}`),
    h("h1", {}, run.name),
    h("p", {}, h("span", { class: "status" }, STATUS[run.status] ?? run.status), run.message ? ` ${run.message}` : "",
      found ? [" Found: ", found.architecture, " ", h("span", { class: "mono quiet" }, found.id)] : ""),
    h("dl", { class: "figures" }, facts.map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, note))))));
}

const STATUS = { running: "Under way.", finished: "Finished.", stopped: "Stopped before its end.", failed: "Failed." };

function stateCounts(doc) {
  const counts = {};
  for (const row of doc.trials) counts[row.state] = (counts[row.state] ?? 0) + 1;
  return Object.entries(counts).map(([state, count]) => `${count} ${state}`).join(", ");
}

function models(doc) {
  const { roles, rows, sentences, runs } = doc.models;
  const table = roles.length > 0 && h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models of the final training" }, h("table", { class: "plain" },
    caption(runs > 1 ? `Mean (standard deviation over ${runs} seeds), on test examples that were opened once.` : runs ? "On test examples that were opened once." : "None of them has been tested."),
    h("thead", {}, h("tr", {}, h("td", {}), roles.map((role) => h("th", { scope: "col", class: "num" }, symbol(ROLES[role.role].mark, role.role), role.title)))),
    h("tbody", {}, rows.map(([title, ...cells]) => h("tr", {}, h("th", { scope: "row" }, title), cells.map((cell) => h("td", { class: "num" }, cell)))))));
  return section("found", "What was found", "The winner of the search and what it is compared with, all trained from scratch and tested once.",
    table, sentences.map((sentence) => h("p", {}, sentence)),
    roles.length > 0 && h("p", { class: "quiet" }, `Trained with ${roles[0].recipe}.`));
}

// ------------------------------------------------------------ how the search went

function progress(doc, view, act) {
  const axes = AXES_OF_COST.filter((axis) => doc.scores.some((score) => score[axis.key] > 0));
  const axis = axes.find((one) => one.key === view.x) ?? axes[0];
  const rungs = [...new Set(doc.scores.map((score) => score.rung))].sort((a, b) => a - b);
  const lead = `Each mark is a score, and each line the best so far at one rung against what the run had spent by then (${better(doc.objective)}).`;
  if (!axis) return section("progress", "Best so far", "No trial has a score yet.");
  const title = `Best ${plain(doc.objective.name)} so far against ${axis.name}`;
  const choose = h("div", { class: "group controls", role: "group", "aria-label": "What the run has spent" }, axes.map((one) =>
    h("button", { type: "button", class: "button", id: `x-${one.key}`, "aria-pressed": String(one === axis), onclick: () => act({ x: one.key }, `x-${one.key}`) }, one.name)));
  return section("progress", "Best so far", lead, axes.length > 1 && choose,
    legend(rungs.map((rung) => ({ class: rungClass(rung), mark: rungMark(rung), line: "", text: `rung ${rung}` }))),
    chart(title, (width) => progressPicture(doc, axis, rungs, width), "Scores of different rungs come from trainings of different length, so each rung has a line of its own."),
    numbers([axis.name, "trial", "rung", plain(doc.objective.name)], doc.best.map((one) => [axis.form(one[axis.key]), one.trial, one.rung, figure(one.value)])));
}

function progressPicture(doc, axis, rungs, width) {
  const spent = doc.scores.map((score) => score[axis.key]), finite = doc.scores.filter((score) => score.value !== null);
  const to = Math.max(...spent, axis.key === "time" ? 0 : doc.scores[doc.scores.length - 1][axis.key]);
  const { svg, x, y } = plane(width, Math.max(260, Math.min(400, width * 0.5)),
    { domain: [0, to], name: axis.label, form: axis.form, ticks: axis.ticks?.(to, Math.max(2, Math.floor(width / 90))) }, { domain: extent(finite.map((score) => score.value)), name: plain(doc.objective.name), form: ticksOf });
  const sign = doc.objective.direction === "min" ? -1 : 1, points = [];
  for (const score of finite) {
    const at = [x(score[axis.key]), y(score.value)];
    svg.append(h_(mark(rungMark(score.rung), ...at, 3, rungClass(score.rung)), "soft"));
    points.push({ x: at[0], y: at[1], told: () => `trial ${score.trial}, rung ${score.rung}, ${counted(score.rounds, "round")}: ${figure(score.value)}\nafter ${axis.form(score[axis.key])}` });
  }
  for (const rung of rungs) {
    let best = -Infinity;
    const stairs = [];
    for (const score of finite) {
      if (score.rung !== rung || sign * score.value <= best) continue;
      best = sign * score.value;
      stairs.push([x(score[axis.key]), y(score.value)]);
    }
    if (!stairs.length) continue;
    const end = through([...stairs, [x(to), stairs[stairs.length - 1][1]]], true);
    svg.append(s("path", { class: `path ${rungClass(rung)}`, d: end }));
    for (const [px, py] of stairs) svg.append(mark(rungMark(rung), px, py, 4.5, rungClass(rung)));
  }
  return { svg, points };
}

/** Add a class to an element, and return it. */
function h_(element, name) {
  element.classList.add(name);
  return element;
}

// ------------------------------------------------------------ all trials

function trials(doc, view, act) {
  const columns = columnsOf(doc), asked = filterOf(view.query, columns);
  const matches = (row) => asked(row) && (!view.origin || row.origin === view.origin) && (!view.state || row.state === view.state);
  const shown = doc.trials.filter(matches), axes = axesOf(doc), objective = plain(doc.objective.name);
  const classOf = colours(doc);
  const found = section("trials", "All trials", `Each line is a trial: what it chose, what it costs, and what it scored (${objective} at its last rung). The table below has the same trials, and the filter holds for both.`,
    controls(doc, view, act),
    legend([
      { class: "v3", line: "", text: "best tenth" }, { class: "v2", line: "", text: "best third" }, { class: "v1", line: "", text: "the rest" }, { class: "v0", line: "", text: "no score" },
      ...["baseline", "winner"].filter((role) => doc.models.roles.some((one) => one.role === role && one.trial !== null)).map((role) => ({ class: role, line: ROLES[role].line, mark: ROLES[role].mark, text: ROLES[role].name })),
    ]),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Parallel coordinates of all trials" },
      h("div", { class: "sized", style: `min-width:${Math.max(34, axes.length * 5.2)}rem` },
        parallel("All trials as parallel coordinates", doc.trials, axes, classOf, matches, (row) => toldOf(doc, row)))),
    h("div", { id: "table" }, trialTable(doc, shown, view, act)));
  found.classList.add("long");
  return found;
}

/** Return by trial the class of its line: by role, or by its place. */
function colours(doc) {
  const scored = doc.trials.filter((row) => row.place !== null).length;
  return (row) => {
    const role = roleOf(doc, row.number);
    if (role === "winner" || role === "baseline") return `${role} thick ${role === "baseline" ? "dash" : ""}`;
    if (row.place === null) return "v0";
    return row.place <= scored / 10 ? "v3" : row.place <= scored / 3 ? "v2" : "v1 thin";
  };
}

/** Return the axes of parallel coordinates: the choices that mattered or else vary most, costs, rung and score. */
function axesOf(doc) {
  const important = (doc.choices.importance ?? []).map((one) => one.name);
  const order = doc.questions.map((question, at) => ({ question, at, rank: important.includes(question.name) ? important.indexOf(question.name) : 1000 - variety(doc, at) }));
  const questions = order.sort((a, b) => a.rank - b.rank).slice(0, 5).map(({ question, at }) => ({
    name: question.name,
    labels: question.answers,
    at: (row) => (row.chosen.length && row.chosen[at] >= 0 ? row.chosen[at] : null),
  }));
  return [
    ...questions,
    { name: "parameters", log: true, at: (row) => row.parameters },
    { name: "MACs", log: true, at: (row) => row.macs },
    { name: "rung", at: (row) => row.rung, labels: Array.from({ length: 1 + Math.max(0, ...doc.trials.map((row) => row.rung)) }, (_, rung) => (rung ? String(rung) : "none")) },
    { name: plain(doc.objective.name), at: (row) => row.value },
  ];
}

/** Return how evenly answers to a question are spread, that it was not asked being one: their entropy. */
function variety(doc, at) {
  const counts = {};
  for (const row of doc.trials) counts[row.chosen[at] ?? -1] = (counts[row.chosen[at] ?? -1] ?? 0) + 1;
  return Object.values(counts).reduce((sum, count) => sum - (count / doc.trials.length) * Math.log(count / doc.trials.length), 0);
}

function controls(doc, view, act) {
  const select = (key, name) => h("label", {}, name, h("br"),
    h("select", { id: `by-${key}`, onchange: (event) => act({ [key]: event.target.value }, `by-${key}`) },
      ["", ...new Set(doc.trials.map((row) => row[key]))].map((value) => h("option", { value, selected: value === view[key] }, value || "any"))));
  return h("div", { class: "controls", role: "search" },
    h("label", { class: "grow" }, "Filter: words, 'several words', or conditions such as macs<100000 rung>=2",
      h("input", { type: "search", id: "filter", value: view.query, autocomplete: "off", spellcheck: "false", oninput: (event) => act({ query: event.target.value }, "filter") })),
    select("origin", "Origin"), select("state", "State"),
    h("button", { type: "button", class: "button", id: "reset", onclick: () => act({ query: "", origin: "", state: "", sort: "place", down: false, trial: null }, "reset") }, "Reset"));
}

// ------------------------------------------------------------ lineage and fronts

function lineage(doc) {
  const steps = doc.lineage;
  if (!steps.length) return null;
  const one = steps.length === 1;
  const lead = one ? "What was found has no parents: it was proposed as it is." : "Where what was found comes from, its eldest ancestor first, and what was changed at each step.";
  return section("lineage", "Where it comes from", lead, h("ol", { class: "lineage" }, steps.map((step, at) => {
    const row = rowOfNumber(doc, step.trial), last = at === steps.length - 1;
    const shown = step.changes.slice(0, 8);
    return h("li", {}, symbol(last ? "star" : "circle", last ? "winner" : "other"),
      h("div", {}, h("strong", {}, `trial ${step.trial}`), `, ${row.origin}: ${plain(doc.objective.name)} ${figure(row.value)} at rung ${row.rung}`),
      h("div", {}, row.architecture),
      shown.length > 0 && h("div", { class: "changes" }, "changed: ", shown.map(([name, before, after]) => `${name} ${before} → ${after}`).join("; "), step.changes.length > shown.length && `; and ${step.changes.length - shown.length} more`));
  })));
}

function fronts(doc) {
  const { panels, several } = doc.fronts;
  const rows = doc.trials.filter((row) => row.value !== null && row.state !== "failed");
  if (!rows.length || !panels.length) return null;
  const top = Math.max(...rows.map((row) => row.rung));
  const lead = several
    ? "What each objective costs in the others: no trial of the highest rung is better than a member of the front in both."
    : `What a better score is paid with: no trial of the highest rung that costs less scores as well as one on the front.`;
  return section("fronts", "What is paid for what", lead,
    legend([
      { class: "front", mark: "diamond", line: "", text: "front" }, { class: "winner", mark: "star", text: "found" },
      doc.models.roles.some((role) => role.role === "baseline" && role.trial !== null) && { class: "baseline", mark: "openSquare", text: "baseline" },
      { class: "other", mark: "circle", text: `rung ${top}` }, top > 1 && { class: "other", mark: "openCircle", text: "stopped earlier; scores do not compare" },
    ]),
    h("div", { class: "pair" }, panels.map((panel) => chart(`${plain(doc.objective.name)} against ${plain(panel.x)}`, (width) => frontPicture(doc, rows, panel, top, width), `${plain(doc.objective.name)} (${better(doc.objective)}) against ${NAMES[panel.x] ?? plain(panel.x)} (${better(panel)}).`))),
    several && doc.fronts.hypervolume !== null && h("p", {}, `The front has ${counted(doc.fronts.members.length, "member")}; its hypervolume is ${figure(doc.fronts.hypervolume)}.`));
}

const NAMES = { macs: "MACs" };

function frontPicture(doc, rows, panel, top, width) {
  const of = (row) => row.values[panel.x] ?? row[panel.x];
  const shown = rows.filter((row) => Number.isFinite(of(row))), costs = shown.map(of), log = wide(costs);
  const { svg, x, y } = plane(width, Math.max(260, Math.min(360, width * 0.7)),
    { domain: log ? logExtent(costs) : extent(costs), log, name: NAMES[panel.x] ?? plain(panel.x), form: ticksOf },
    { domain: extent(shown.map((row) => row.value)), name: plain(doc.objective.name), form: ticksOf });
  const along = panel.front.map((number) => rowOfNumber(doc, number));
  const corners = along.map((row) => [x(of(row)), y(row.value)]);
  if (panel.direction === "max") corners.reverse();
  svg.append(s("path", { class: "path front", d: through(corners.sort((a, b) => a[0] - b[0]), true) }));
  const points = [];
  for (const row of [...shown].reverse()) {
    const at = [x(of(row)), y(row.value)], roles = rolesOf(doc, row.number), onFront = panel.front.includes(row.number);
    if (onFront) svg.append(mark("diamond", ...at, 5, "front"));
    else if (!roles.length) svg.append(mark(row.rung < top ? "openCircle" : "circle", ...at, 3.5, "other"));
    for (const role of roles.reverse()) svg.append(mark(ROLES[role].mark, ...at, ROLES[role].size, role));
    points.push({ x: at[0], y: at[1], told: () => toldOf(doc, row) });
  }
  return { svg, points: points.sort((a, b) => a.x - b.x) };
}

// ------------------------------------------------------------ learning

function curves(doc) {
  const scored = new Map();
  for (const score of doc.scores) if (score.value !== null) scored.set(score.trial, [...(scored.get(score.trial) ?? []), score]);
  if (!scored.size) return null;
  const stages = [["finalists", "Finalists"], ["final", "Final training"]].map(([stage, name]) => [name, doc.curves.filter((run) => run.stage === stage)]).filter(([, runs]) => runs.length);
  return section("curves", "Learning curves", "How scores rise with training: each line is a trial, each mark the rung that it was scored at, and a line that ends early was stopped there.",
    legend([{ class: "winner", mark: "star", line: "thick", text: "found" }, { class: "baseline", mark: "openSquare", line: "dash", text: "baseline" }, { class: "other", mark: "circle", line: "", text: "other trials" },
      stages.some(([name]) => name === "Final training") && { class: "linear", mark: "triangle", line: "dots", text: ROLES.linear.name }, stages.some(([name]) => name === "Final training") && { class: "constant", mark: "diamond", line: "dots", text: ROLES.constant.name }]),
    h("div", { class: "pair" }, searchCurves(doc, scored), stages.map(([name, runs]) => stageCurves(doc, name, runs))));
}

function searchCurves(doc, scored) {
  const runs = [...scored.entries()].flatMap(([number, scores]) => {
    const points = scores.map((score) => [score.rounds, score.value]), roles = rolesOf(doc, number);
    return (roles.length ? roles : [null]).map((role) => ({ role, name: `trial ${number}`, points }));
  });
  return chart("Scores of the search by rounds trained", (width) => curvesPicture(doc, runs, width), "The search, on validation.");
}

function stageCurves(doc, name, runs) {
  const winner = doc.models.roles[0]?.trial ?? null;
  const roleOfRun = (run) => (run.stage === "final" ? run.of : run.of === `trial ${winner}` ? "winner" : run.of && roleOf(doc, Number(run.of.slice(6))));
  const lines = runs.map((run) => ({ role: roleOfRun(run) in ROLES ? roleOfRun(run) : null, name: `${run.run} (${run.of})`, points: run.points.filter(([, value]) => value !== null) }));
  return chart(`${name}, by rounds trained`, (width) => curvesPicture(doc, lines, width), `${name}: each run at its checkpoints, on validation.`);
}

function curvesPicture(doc, runs, width) {
  const all = runs.flatMap((run) => run.points), rounds = [...new Set(all.map(([round]) => round))].sort((a, b) => a - b);
  const spread = rounds.length > 1 && rounds[rounds.length - 1] > 4 * rounds[0];
  const horizontal = { domain: spread ? logExtent(rounds) : extent(rounds), log: spread, name: "rounds", form: String, ticks: rounds.length <= 6 ? rounds : undefined };
  const { svg, x, y } = plane(width, Math.max(250, Math.min(340, width * 0.62)), horizontal, { domain: extent(all.map(([, value]) => value)), name: plain(doc.objective.name), form: ticksOf });
  const points = [];
  for (const run of [...runs].sort((a, b) => (a.role !== null) - (b.role !== null) || (a.role === "baseline") - (b.role === "baseline"))) {
    const look = ROLES[run.role], at = run.points.map(([round, value]) => [x(round), y(value)]);
    svg.append(s("path", { class: `path ${run.role ?? "other thin faint"} ${look?.line ?? ""}`, d: through(at) }));
    at.forEach(([px, py], place) => {
      svg.append(mark(look?.mark ?? "circle", px, py, look ? look.size * 0.8 : 2.5, run.role ?? "other soft"));
      points.push({ x: px, y: py, told: () => `${run.name}${look ? `, ${look.name}` : ""}: ${figure(run.points[place][1])} after ${counted(run.points[place][0], "round")}` });
    });
  }
  return { svg, points };
}
