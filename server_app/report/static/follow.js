// A page that is served while its run is under way: later events of the journal come as they are written, and now and
// then a whole document, for what events alone do not tell. A browser asks again by itself where the line was cut.

{
  const source = new EventSource(`events?after=${shownDocument.events}`);
  source.addEventListener("journal", ({ data }) => globalThis.flwrNasReport.append(JSON.parse(data)));
  source.addEventListener("document", ({ data }) => show(JSON.parse(data)));
  source.addEventListener("open", () => (page.dataset.following = "true"));
  source.addEventListener("error", () => (page.dataset.following = "false"));
}
