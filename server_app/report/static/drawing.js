// What charts are made of: elements, numbers in words, marks, scales, axes.

const SVG = "http://www.w3.org/2000/svg";

/** Return a new element of HTML; text becomes text, never markup. */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return a new element of SVG. */
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Return what a table is about; it stays readable where the table is wider than the screen. */
const caption = (text) => h("caption", {}, h("span", {}, text));

// ------------------------------------------------------------ numbers in words

const FORMAT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Return a number with its thousands apart. */
const grouped = (value) => (value === null || value === undefined ? "–" : FORMAT.format(value));

/** Return the value of an objective or a metric in its own unit. */
function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 10000) return grouped(Math.round(value));
  return Math.abs(value) < 100 ? value.toFixed(4) : value.toPrecision(5);
}

/** Return a number with a prefix: 999, 1.0 k, 12 M. */
function short(value, digits = 1) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  for (const prefix of ["", "k", "M", "G", "T", "P"]) {
    if (Math.abs(value) < 999.95) return prefix ? `${value.toFixed(digits)} ${prefix}` : `${+value.toFixed(Math.abs(value) < 10 ? 2 : 1)}`;
    value /= 1000;
  }
  return `${value.toFixed(digits)} E`;
}

const bytes = (value) => (value === null || value === undefined ? "–" : value < 1000 ? `${value} B` : `${short(value)}B`);

/** Return a time for people: 8.2 s, 1:05 min, 2:05:00 h. */
function clock(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${+seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)} h` : `${minutes}:${two(whole % 60)} min`;
}

const counted = (number, thing, things = `${thing}s`) => `${grouped(number)} ${number === 1 ? thing : things}`;

const plain = (name) => String(name).replaceAll("_", " ");

// ------------------------------------------------------------ marks

const STAR = Array.from({ length: 10 }, (_, i) => {
  const angle = (Math.PI * i) / 5 - Math.PI / 2, radius = i % 2 ? 0.52 : 1.3;
  return `${(radius * Math.cos(angle)).toFixed(3)},${(radius * Math.sin(angle)).toFixed(3)}`;
}).join("L");

/** Paths of radius 1 around the origin; what has `open` in its name is drawn as an outline. */
const MARKS = {
  circle: "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0z",
  square: "M-.9,-.9h1.8v1.8h-1.8z",
  diamond: "M0,-1.25L1.25,0L0,1.25L-1.25,0z",
  triangle: "M0,-1.15L1.1,.8H-1.1z",
  down: "M0,1.15L1.1,-.8H-1.1z",
  star: `M${STAR}z`,
  cross: "M-1,-1L1,1M-1,1L1,-1",
  bar: "M-.35,-1.2h.7v2.4h-.7z",
};
MARKS.openCircle = MARKS.circle;
MARKS.openSquare = MARKS.square;

function mark(name, x, y, size, className) {
  const open = name.startsWith("open") || name === "cross" ? " open" : "";
  const place = `translate(${x.toFixed(1)},${y.toFixed(1)}) scale(${size})`;
  return s("path", { d: MARKS[name], transform: place, class: `mark${open} ${className}`, "vector-effect": "non-scaling-stroke" });
}

/** What each role looks like, everywhere on the page. */
const ROLES = {
  winner: { mark: "star", size: 7, line: "thick", name: "found" },
  baseline: { mark: "openSquare", size: 7, line: "dash", name: "baseline" },
  linear: { mark: "triangle", size: 5.5, line: "dots", name: "linear" },
  constant: { mark: "diamond", size: 4.5, line: "dots", name: "constant" },
};

function symbol(name, className) {
  return s("svg", { class: `symbol ${className}`, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, mark(name, 0, 0, 5, ""));
}

/** Return a legend: of each entry its class, its mark or its line, and what it means. */
function legend(entries) {
  return h("ul", { class: "legend" }, entries.filter(Boolean).map((entry) =>
    h("li", {},
      s("svg", { viewBox: "-13 -7 26 14", "aria-hidden": "true", class: entry.class },
        entry.line !== undefined && s("path", { d: "M-12,0H12", class: `path ${entry.line}` }),
        entry.mark && mark(entry.mark, 0, 0, 5, "")),
      h("b", {}, entry.text))));
}

// ------------------------------------------------------------ scales

function linear([low, high], [from, to]) {
  const span = high - low || 1;
  return Object.assign((value) => from + ((value - low) / span) * (to - from), { ticks: (count) => niceTicks(low, high, count) });
}

function logarithmic([low, high], [from, to]) {
  const a = Math.log(low), span = Math.log(high) - a || 1;
  const scale = (value) => from + ((Math.log(Math.max(value, low)) - a) / span) * (to - from);
  return Object.assign(scale, { ticks: (count) => logTicks(low, high, count) });
}

function niceTicks(low, high, count) {
  const raw = (high - low || Math.abs(low) || 1) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= raw * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(+value.toPrecision(12));
  return found;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Return times in seconds at which clocks are read. */
function clockTicks(high, count) {
  if (high < 5) return niceTicks(0, high, count);
  const step = STEPS.find((one) => high / one <= count) ?? niceTicks(0, high, count)[1];
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, place) => place * step);
}

function logTicks(low, high, count) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of [1, 2, 5]) found.push(+(factor * 10 ** power).toPrecision(6));
  }
  const within = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  const powers = within.filter((value) => Number.isInteger(+Math.log10(value).toFixed(9)));
  const kept = within.length <= count + 1 ? within : powers.length >= 2 ? powers : within;
  return kept.filter((_, place) => place % Math.ceil(kept.length / (count + 1)) === 0);
}

/** Return the least and the greatest of some numbers, with some room; of one number room around it. */
function extent(values, room = 0.04) {
  const finite = values.filter((value) => Number.isFinite(value));
  if (!finite.length) return [0, 1];
  let low = Infinity, high = -Infinity;
  for (const value of finite) { low = Math.min(low, value); high = Math.max(high, value); }
  const span = high - low || Math.abs(high) * 0.2 || 1;
  return [low - span * room, high + span * room];
}

function logExtent(values) {
  const positive = values.filter((value) => value > 0);
  const low = Math.min(...positive), high = Math.max(...positive);
  return [low / 1.15, high * 1.15];
}

/** Tell whether costs lie so far apart that their axis is logarithmic. */
function wide(values) {
  const positive = values.filter((value) => value > 0);
  return positive.length === values.length && positive.length > 1 && Math.max(...positive) > 10 * Math.min(...positive);
}
