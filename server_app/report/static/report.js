// The page: a function of the document, of what is looked at, and of the events that came after the document.

const START = { x: "time", sort: "place", down: false, query: "", origin: "", state: "", trial: null, all: false };
const page = document.getElementById("page");
let shownDocument = JSON.parse(document.getElementById("document").textContent);
let view = readView();

/** Return what is looked at, from the address: so it survives a reload, and can be passed on. */
function readView() {
  const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const read = (name, value) => (value === undefined ? START[name] : typeof START[name] === "boolean" ? value === "true" : name === "trial" ? Number(value) : value);
  return Object.fromEntries(Object.keys(START).map((name) => [name, read(name, given[name])]));
}

function keepView() {
  const changed = Object.entries(view).filter(([name, value]) => value !== START[name]).map(([name, value]) => [name, String(value)]);
  history.replaceState(null, "", `#${new URLSearchParams(changed)}`);
}

/** Change what is looked at; the focus stays where it was. */
function act(change, focus) {
  const before = view;
  view = { ...view, ...change };
  keepView();
  const filtered = ["query", "origin", "state", "sort", "down", "all", "trial"].some((name) => view[name] !== before[name]);
  if (filtered) renew("trials");
  if (view.x !== before.x) renew(shownDocument.kind === "run" ? "progress" : "together");
  const element = document.getElementById(focus);
  if (element && element !== document.activeElement) {
    element.focus({ preventScroll: true });
    if (focus === "filter") element.setSelectionRange(element.value.length, element.value.length);
  }
  spoken.textContent = filtered ? document.querySelector("#all-trials caption")?.textContent ?? "" : "";
}

const SECTIONS = {
  run: [["found", models], ["progress", progress], ["trials", trials], ["lineage", lineage], ["fronts", fronts], ["curves", curves], ["choices", choices], ["nodes", nodes], ["costs", costs], ["troubles", troubles], ["graph", graph], ["leaving", leaving]],
  comparison: [["pairs", pairs], ["together", together], ["runs", runs]],
};

/** Draw one section anew. */
function renew(id) {
  const [, make] = SECTIONS[shownDocument.kind].find(([name]) => name === id);
  const made = make(shownDocument, view, act), old = document.getElementById(id);
  if (old && made) {
    keepScroll(old, made, () => old.replaceWith(made));
    drawAll();
  }
}

/** Let what scrolls sideways stay where it is. */
function keepScroll(old, made, replace) {
  const places = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  replace();
  [...made.querySelectorAll(".scroll")].forEach((one, at) => (one.scrollLeft = places[at] ?? 0));
}

/** Show a document in the place of what is there. */
function show(doc) {
  shownDocument = doc;
  for (const role of doc.models?.roles ?? []) ROLES[role.role].name = role.title;
  const made = SECTIONS[doc.kind].map(([, make]) => make(doc, view, act)).filter(Boolean);
  const contents = h("nav", { "aria-label": "Contents" }, h("ul", {}, made.map((one) => h("li", {}, h("a", { href: `#${one.id}`, onclick: jump }, one.querySelector("h2").textContent)))));
  const top = doc.kind === "run" ? head(doc) : headOfComparison(doc);
  const end = doc.kind === "run" ? foot(doc) : footOfComparison();
  page.replaceChildren(top, h("div", { class: "columns" }, contents, h("main", {}, made)), end, tip, spoken);
  drawAll();
}

/** Go to a section without touching the address, which holds what is looked at. */
function jump(event) {
  event.preventDefault();
  const target = document.getElementById(event.target.getAttribute("href").slice(1));
  target.scrollIntoView();
  document.getElementById(`${target.id}-title`).focus({ preventScroll: true });
}

let waiting = null;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 120);
});
addEventListener("hashchange", () => {
  view = readView();
  show(shownDocument);
});
show(shownDocument);
page.dataset.ready = "true";

/** What a page that follows a run calls: `append` with events of the journal, `show` with a whole new document. */
globalThis.flwrNasReport = { show, append: (events) => show(extended(shownDocument, events)), document: () => shownDocument };
