// Charts: functions from plain data to SVG, each drawn for the width that it has, with points that a key can reach.

const tip = h("div", { id: "tip", hidden: true });
const spoken = h("div", { class: "hidden", "aria-live": "polite" });
const drawn = [];

/**
 * Return a figure whose picture is drawn for its width, and again when that changes.
 *
 * draw(width) returns the svg, or {svg, points}, where points have x, y and told (what is said of them, or what returns
 * it), and perhaps open, what a click does.
 */
function chart(title, draw, caption = null) {
  const host = h("div"), figure_ = h("figure", {}, host, caption && h("figcaption", {}, caption));
  const entry = {
    host,
    width: 0,
    measure: () => Math.max(260, Math.round(host.clientWidth || 720)),
    draw(width) {
      if (Math.abs(width - entry.width) < 4) return;
      entry.width = width;
      const found = draw(width), svg = found.svg ?? found;
      svg.setAttribute("aria-label", title);
      if (found.points?.length) reachable(svg, found.points);
      else svg.setAttribute("role", "img");
      host.replaceChildren(svg);
    },
  };
  drawn.push(entry);
  return figure_;
}

/** Draw all charts that are on the page, and forget those that are not any more. */
function drawAll() {
  for (let i = drawn.length - 1; i >= 0; i--) if (!drawn[i].host.isConnected) drawn.splice(i, 1);
  const widths = drawn.map((entry) => entry.measure()); // all before the first is drawn: each would be laid out anew
  drawn.forEach((entry, place) => entry.draw(widths[place]));
}

/** Let mouse and keys go through the points of a chart, and say what each is. */
function reachable(svg, points) {
  const cursor = s("circle", { class: "cursor", r: 9, visibility: "hidden" });
  svg.append(cursor);
  svg.setAttribute("tabindex", "0");
  svg.setAttribute("role", "application");
  svg.setAttribute("aria-roledescription", "chart, arrow keys go through its points");
  let at = -1;
  const show = (place, speak) => {
    at = place;
    const point = points[place], told = typeof point.told === "function" ? point.told() : point.told, box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    cursor.setAttribute("cx", point.x);
    cursor.setAttribute("cy", point.y);
    cursor.setAttribute("visibility", "visible");
    tip.textContent = told;
    tip.hidden = false;
    const left = box.left + scrollX + point.x * scale + 14, most = scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(left, most))}px`;
    tip.style.top = `${box.top + scrollY + point.y * scale + 14}px`;
    if (speak) spoken.textContent = told;
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    tip.hidden = true;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    const place = nearest(points, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    if (place < 0) hide();
    else show(place, false);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("click", () => at >= 0 && !tip.hidden && points[at].open?.());
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) show((at + step + points.length) % points.length, true);
    else if (event.key === "Home") show(0, true);
    else if (event.key === "End") show(points.length - 1, true);
    else if (event.key === "Enter" && at >= 0) points[at].open?.();
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
}

function nearest(points, x, y) {
  let found = -1, least = 28 ** 2;
  points.forEach((point, place) => {
    const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (distance < least) [found, least] = [place, distance];
  });
  return found;
}

/** Return an empty picture with axes, and where its numbers lie: {svg, x, y}. */
function plane(width, height, horizontal, vertical, margin = {}) {
  const room = { top: 12, right: 18, bottom: 44, left: 58, ...margin };
  const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
  const x = (horizontal.log ? logarithmic : linear)(horizontal.domain, [room.left, width - room.right]);
  const y = (vertical.log ? logarithmic : linear)(vertical.domain, [height - room.bottom, room.top]);
  const right = width - room.right, bottom = height - room.bottom;
  for (const value of y.ticks(Math.max(2, Math.floor((bottom - room.top) / 44)))) {
    svg.append(s("line", { class: "grid", x1: room.left, x2: right, y1: y(value), y2: y(value) }));
    svg.append(s("text", { x: room.left - 8, y: y(value) + 4, "text-anchor": "end" }, vertical.form(value)));
  }
  svg.append(s("line", { class: "axis", x1: room.left, x2: right, y1: bottom, y2: bottom }));
  for (const value of horizontal.ticks ?? x.ticks(Math.max(2, Math.floor((right - room.left) / 90)))) {
    svg.append(s("line", { class: "axis", x1: x(value), x2: x(value), y1: bottom, y2: bottom + 5 }));
    svg.append(s("text", { x: x(value), y: bottom + 19, "text-anchor": "middle" }, horizontal.form(value)));
  }
  svg.append(s("text", { class: "name", x: (room.left + right) / 2, y: height - 6, "text-anchor": "middle" }, horizontal.name));
  if (vertical.name) svg.append(s("text", { class: "name", x: 0, y: 0, "text-anchor": "middle", transform: `translate(13,${(room.top + bottom) / 2}) rotate(-90)` }, vertical.name));
  return { svg, x, y, bottom, right };
}

/** Return a path through points; of a staircase each holds until the next. */
function through(points, staircase = false) {
  return points.map(([x, y], place) => (place === 0 ? `M${x.toFixed(1)},${y.toFixed(1)}` : staircase ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `L${x.toFixed(1)},${y.toFixed(1)}`)).join("");
}

const ticksOf = (value) => (Math.abs(value) >= 1000 ? short(value, 0) : String(+value.toPrecision(4)));

/** Return horizontal bars with what their length says; rows have name, value, and perhaps spread and told. */
function bars(title, rows, { form = figure, className = "front", domain = null, name = "" } = {}) {
  return chart(title, (width) => {
    const label = Math.min(210, width * 0.42), height = rows.length * 26 + 30;
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
    const x = linear(domain ?? [Math.min(0, ...rows.map((row) => row.value)), Math.max(...rows.map((row) => row.value + (row.spread ?? 0))) || 1], [label, width - 64]);
    const points = rows.map((row, place) => {
      const y = place * 26 + 14, end = x(row.value), zero = x(0);
      svg.append(s("text", { class: "name", x: label - 10, y: y + 4, "text-anchor": "end" }, clip(row.name, label - 14)));
      svg.append(s("rect", { class: `bar ${className}`, x: Math.min(zero, end), y: y - 7, width: Math.max(1, Math.abs(end - zero)), height: 14, rx: 2 }));
      if (row.spread) svg.append(s("path", { class: "axis", d: `M${x(row.value - row.spread)},${y}H${x(row.value + row.spread)}`, style: "stroke:var(--ink);stroke-width:1.5" }));
      svg.append(s("text", { x: Math.max(end, x(row.value + (row.spread ?? 0))) + 8, y: y + 4 }, form(row.value)));
      return { x: end, y, told: row.told ?? `${row.name}: ${form(row.value)}` };
    });
    svg.append(s("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: rows.length * 26 }));
    if (name) svg.append(s("text", { class: "name", x: label, y: height - 6 }, name));
    return { svg, points };
  });
}

/** Shorten a text to about so many pixels of the charts' letters. */
function clip(text, pixels, letter = 6.4) {
  const most = Math.max(4, Math.floor(pixels / letter));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/**
 * Return parallel coordinates: a line for each row through a value on each axis.
 *
 * axes have name and at(row), a number or null; with labels its values are places in them; with log it is logarithmic.
 */
function parallel(title, rows, axes, classOf, matches, told) {
  return chart(title, (width) => {
    const height = 330, top = 54, bottom = height - 26, side = 46;
    const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` });
    const places = axes.map((_, place) => side + (place * (width - 2 * side)) / Math.max(1, axes.length - 1));
    const scales = axes.map((axis) => scaleOf(axis, rows, [bottom, top]));
    const lines = [...rows].sort((a, b) => rankOf(classOf(a)) - rankOf(classOf(b)));
    const counts = {}, points = [];
    for (const row of rows) if (matches(row)) counts[classOf(row)] = (counts[classOf(row)] ?? 0) + 1;
    for (const row of lines) {
      const corners = axes.map((axis, place) => [places[place], scales[place](axis.at(row)) + (axis.labels ? apart(row.number, rows.length) : 0)]);
      const kind = classOf(row), on = matches(row), opacity = on ? Math.min(1, Math.max(0.12, 25 / counts[kind])) : null;
      svg.append(s("path", { class: `path ${kind} ${on ? "" : "off"}`, d: through(corners), opacity }));
      const [x, y] = corners[corners.length - 1];
      if (kind.includes("thick") && on) svg.append(mark(ROLES[kind.split(" ")[0]].mark, x, y, 6, kind.split(" ")[0]));
      if (on) points.push({ x, y, row, told: () => told(row) });
    }
    axes.forEach((axis, place) => drawAxis(svg, axis, scales[place], places[place], top, bottom, (width - 2 * side) / Math.max(1, axes.length - 1), place));
    points.sort((a, b) => (a.row.place ?? 1e9) - (b.row.place ?? 1e9));
    return { svg, points };
  });
}

/** Return by how much a line of many leaves its place on an axis of few, so that it is seen how many there are. */
const apart = (number, count) => (count > 40 ? (((number * 0.618034) % 1) - 0.5) * 14 : 0);

const rankOf = (kind) => ["v0", "v1", "v2", "v3", "baseline", "winner"].indexOf(kind.split(" ")[0]);

function scaleOf(axis, rows, range) {
  const inner = [range[0] - 22, range[1]];  // what has no value lies below
  const values = rows.map(axis.at).filter((value) => value !== null && Number.isFinite(value));
  const log = axis.log && wide(values);
  const domain = axis.labels ? [0, Math.max(1, axis.labels.length - 1)] : log ? [Math.min(...values), Math.max(...values)] : extent(values, 0);
  const scale = (log ? logarithmic : linear)(domain, inner);
  const found = (value) => (value === null || !Number.isFinite(value) ? range[0] : scale(value));
  return Object.assign(found, { domain, ticks: scale.ticks, missing: values.length < rows.length });
}

function drawAxis(svg, axis, scale, x, top, bottom, room, place) {
  svg.append(s("line", { class: "axis", x1: x, x2: x, y1: top, y2: bottom, style: "stroke:var(--quiet)" }));
  svg.append(s("text", { class: "name", x: place && x, y: place % 2 ? 14 : 32, "text-anchor": place ? "middle" : "start" }, s("title", {}, axis.name), clip(axis.name, room * 1.8)));
  const labels = axis.labels ? axis.labels.map((label, value) => [value, label]) : scale.ticks(4).map((value) => [value, ticksOf(value)]);
  const step = Math.ceil(labels.length / 9);
  labels.filter((_, at) => at % step === 0).forEach(([value, label]) => halo(svg, x + 5, scale(value) + 4, clip(label, room - 8)));
  if (scale.missing) halo(svg, x + 5, bottom + 14, "not there");
}

/** Write on what is below, so that it can be read. */
function halo(svg, x, y, text) {
  svg.append(s("text", { x, y, style: "paint-order:stroke;stroke:var(--page);stroke-width:3px" }, text));
}
