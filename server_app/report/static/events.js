// Events of the journal that come after a document: what they change of it. What takes more than a sum over events,
// such as fronts, importances and what nodes get, stays as it was until a whole document comes.

/** Return a document with later events in it; those that it has read already change nothing. */
function extended(doc, events) {
  const found = structuredClone(doc);
  for (const event of events) {
    if (event.n < found.events) continue;
    found.events = event.n + 1;
    found.run.seconds = event.time;
    spend(found, event);
    const [, number, member] = /^trial-(\d+)(\.\d+)?$/.exec(event.trial ?? "") ?? [];
    if (number !== undefined) note(found, Number(number), event, member !== undefined);
    if (event.event === "end") Object.assign(found.run, { status: event.status, message: event.message });
  }
  rank(found);
  return found;
}

/** Enter what a trial, or a member of it, has spent by now. */
function spend(doc, event) {
  if (!("bytes_down" in event) || !event.trial) return;
  const name = event.trial.split(".")[0], now = [event.mac_examples ?? 0, event.bytes_down + event.bytes_up];
  const before = doc.ledgers[name] ?? [0, 0];
  doc.spent.mac_examples += now[0] - before[0];
  doc.spent.bytes += now[1] - before[1];
  doc.ledgers[name] = now;
  const number = /^trial-(\d+)$/.exec(name)?.[1], row = number && rowOfNumber(doc, Number(number));
  if (row) [row.mac_examples, row.bytes] = now;
}

function note(doc, number, event, member) {
  const row = rowOfNumber(doc, number);
  if (event.event === "proposed" && !row) doc.trials.push(proposed(number, event));
  if (!row) return;
  const value = event.values ? Object.values(event.values)[0] ?? null : null;
  const now = { time: event.time, ...doc.spent };
  if (event.event === "round") row.rounds = Math.max(row.rounds, event.round);
  else if (event.event === "scored" && !member) {
    Object.assign(row, { state: "waiting", rung: event.rung, rounds: Math.max(row.rounds, event.rounds), value, values: event.values, feasible: event.feasible ?? true });
    doc.scores.push({ trial: number, rung: event.rung, rounds: event.rounds, value, ...now });
  } else if (event.event === "best") doc.best.push({ trial: number, rung: event.rung, value, feasible: event.feasible ?? true, ...now });
  else if (["finished", "stopped", "failed"].includes(event.event)) Object.assign(row, { state: event.event, ended: event.time, failure: event.reason ?? "" });
}

/** Return the row of a trial that has just begun; what its architecture is called comes with the next document. */
function proposed(number, event) {
  return {
    number, id: event.spec_id, architecture: event.architecture ?? event.spec_id, recipe: "", origin: event.origin ?? "", parent: event.parent ?? null, repeats: event.repeats ?? null,
    state: "running", rung: 0, rounds: 0, value: null, values: {}, feasible: null, parameters: event.parameters, macs: event.macs,
    mac_examples: 0, bytes: 0, began: event.time, ended: null, failure: "", place: null, chosen: [],
  };
}

/** Bring trials into order by rung and value, as long as nobody has ranked them. */
function rank(doc) {
  const sign = doc.objective.direction === "min" ? -1 : 1;
  const ranked = doc.trials.filter((row) => row.value !== null && row.state !== "failed");
  ranked.sort((a, b) => b.rung - a.rung || sign * (b.value - a.value) || a.number - b.number);
  const rest = doc.trials.filter((row) => !ranked.includes(row)).sort((a, b) => a.number - b.number);
  ranked.forEach((row, place) => (row.place = place + 1));
  rest.forEach((row) => (row.place = null));
  doc.trials = [...ranked, ...rest];
}
