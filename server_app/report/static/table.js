// The table of all trials: sorted by its headings, filtered by words and by conditions such as macs<1e6.

const COLUMNS = [
  { key: "place", name: "place", at: (row) => row.place, form: (row) => row.place ?? "–", number: true, up: true },
  { key: "number", name: "trial", at: (row) => row.number, form: (row) => row.number, number: true, up: true },
  { key: "architecture", name: "architecture", at: (row) => row.architecture, form: (row) => row.architecture, wide: true, up: true },
  { key: "origin", name: "origin", at: (row) => row.origin, form: (row) => row.origin, up: true },
  { key: "parent", name: "parent", at: (row) => row.parent, form: (row) => row.parent ?? "–", number: true, up: true },
  { key: "state", name: "state", at: (row) => row.state, form: (row) => [symbol(STATES[row.state] ?? "circle", "other"), row.state], up: true },
  { key: "rung", name: "rung", at: (row) => row.rung, form: (row) => row.rung, number: true },
  { key: "rounds", name: "rounds", at: (row) => row.rounds, form: (row) => row.rounds, number: true, spare: true },
  { key: "parameters", name: "parameters", at: (row) => row.parameters, form: (row) => grouped(row.parameters), number: true, up: true },
  { key: "macs", name: "MACs", at: (row) => row.macs, form: (row) => grouped(row.macs), number: true, up: true },
  { key: "mac_examples", name: "MACs × examples", at: (row) => row.mac_examples || null, form: (row) => short(row.mac_examples || null), number: true },
  { key: "bytes", name: "sent", at: (row) => row.bytes, form: (row) => bytes(row.bytes), number: true, spare: true },
  { key: "seconds", name: "took", at: secondsOf, form: (row) => clock(secondsOf(row)), number: true, spare: true },
];

/** What each state looks like. */
const STATES = { finished: "circle", stopped: "openCircle", failed: "cross", running: "triangle", waiting: "triangle" };
const FEW = 25;

function secondsOf(row) {
  return row.ended === null ? null : row.ended - row.began;
}

/** Return the columns of a search: those of all, with its objectives in their midst. */
function columnsOf(doc) {
  const names = doc.trials.flatMap((row) => Object.keys(row.values));
  const objectives = [...new Set([doc.objective.name, ...names])].filter((name) => !COLUMNS.some((column) => column.key === name));
  const told = objectives.map((name) => ({
    key: name,
    name: plain(name),
    at: (row) => row.values[name] ?? null,
    form: (row) => figure(row.values[name]) + (row.feasible === false ? " (breaks a constraint)" : ""),
    number: true,
    up: name === doc.objective.name ? doc.objective.direction === "min" : false,
  }));
  return [...COLUMNS.slice(0, 3), ...told, ...COLUMNS.slice(3)];
}

/** Return a function that tells whether a row is asked for by words, or texts in quotes, each of which must hold. */
function filterOf(query, columns) {
  const tests = (query.match(/"[^"]+"|'[^']+'|[^\s"']+/g) ?? []).map((word) => {
    const found = /^([a-z_]+)(<=|>=|=|<|>)(.+)$/i.exec(word);
    const column = found && columns.find((one) => [one.key, one.name.toLowerCase()].includes(found[1].toLowerCase()));
    if (column) return condition(column, found[2], found[3]);
    const text = word.replace(/^["']|["']$/g, "").toLowerCase();
    return (row) => `${row.number} ${row.id} ${row.architecture} ${row.recipe} ${row.origin} ${row.state} ${row.failure}`.toLowerCase().includes(text);
  });
  return (row) => tests.every((test) => test(row));
}

function condition(column, sign, text) {
  const wanted = column.number ? Number(text) : text.toLowerCase();
  const holds = { "<": (a) => a < wanted, ">": (a) => a > wanted, "<=": (a) => a <= wanted, ">=": (a) => a >= wanted, "=": (a) => a === wanted }[sign];
  return (row) => {
    const value = column.at(row);
    return value !== null && value !== undefined && holds(column.number ? value : String(value).toLowerCase());
  };
}

/** Return rows by a column; who has no value comes last, whichever way it goes. */
function sorted(rows, column, down) {
  const way = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const one = column.at(a) ?? null, other = column.at(b) ?? null;
    if (one === null || other === null) return (one === null) - (other === null) || a.number - b.number;
    return (one < other ? -1 : one > other ? 1 : 0) * way || a.number - b.number;
  });
}

/** Return the table; act(change) changes what is shown. */
function trialTable(doc, shown, view, act) {
  const columns = columnsOf(doc), column = columns.find((one) => one.key === view.sort) ?? columns[0];
  const rows = sorted(shown, column, view.down), few = view.all ? rows : rows.slice(0, FEW);
  const head = h("tr", {}, columns.map((one) => {
    const sorting = one === column ? (view.down ? "descending" : "ascending") : "none";
    const next = one === column ? !view.down : !one.up;
    return h("th", { scope: "col", class: classesOf(one), "aria-sort": sorting },
      h("button", { type: "button", id: `sort-${one.key}`, onclick: () => act({ sort: one.key, down: next }, `sort-${one.key}`) }, one.name));
  }));
  const body = few.flatMap((row) => rowOf(doc, row, columns, view, act));
  return [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All trials" },
      h("table", { id: "all-trials" },
        caption(`${counted(rows.length, "trial")} of ${grouped(doc.trials.length)}, sorted by ${column.name}. The number of a trial opens what it chose.`),
        h("thead", {}, head), h("tbody", {}, body))),
    rows.length > FEW && h("button", { type: "button", class: "button more", id: "show-all", onclick: () => act({ all: !view.all }, "show-all") },
      view.all ? `Show the first ${FEW} only` : `Show all ${grouped(rows.length)}`),
  ].filter(Boolean);
}

/** Return the classes of a column; those that are spare are not printed. */
const classesOf = (column) => ["num", "wide", "spare"].filter((name) => column[name === "num" ? "number" : name]).join(" ") || null;

function rowOf(doc, row, columns, view, act) {
  const open = view.trial === row.number;
  const cells = columns.map((column) => {
    const content = column.key === "number"
      ? h("button", { type: "button", class: "link", id: `trial-${row.number}`, "aria-expanded": String(open), onclick: () => act({ trial: open ? null : row.number }, `trial-${row.number}`) }, String(row.number))
      : column.form(row);
    return h("td", { class: classesOf(column) }, content);
  });
  for (const role of rolesOf(doc, row.number).reverse()) cells[0].prepend(symbol(ROLES[role].mark, role), h("span", { class: "hidden" }, `${ROLES[role].name} `));
  const line = h("tr", { class: open ? "chosen" : null, "data-trial": row.number }, cells);
  return open ? [line, h("tr", { class: "chosen" }, h("td", { colspan: columns.length }, detail(doc, row)))] : [line];
}

/** Return what is known of one trial. */
function detail(doc, row) {
  const scores = doc.scores.filter((score) => score.trial === row.number);
  const chosen = row.chosen.map((place, at) => place >= 0 && `${doc.questions[at].name} ${doc.questions[at].answers[place]}`).filter(Boolean);
  const facts = [
    ["spec", h("span", { class: "mono" }, row.id)],
    ["recipe", row.recipe],
    ["scores", scores.map((score) => `${figure(score.value)} after ${counted(score.rounds, "round")} (rung ${score.rung})`).join(", ") || "none"],
    row.repeats !== null && ["repeats", `trial ${row.repeats}`],
    row.failure && ["failed", row.failure],
    chosen.length > 0 && ["chose", chosen.join(", ")],
    ["proposed", `after ${clock(row.began)}`],
  ].filter(Boolean);
  return h("dl", { class: "detail" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** Return which roles of the final training a trial has. */
function rolesOf(doc, number) {
  return doc.models.roles.filter((role) => role.trial === number).map((role) => role.role);
}

/** Return the first of them. */
const roleOf = (doc, number) => rolesOf(doc, number)[0] ?? null;
