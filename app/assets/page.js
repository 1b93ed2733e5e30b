// Keys and live updates. Everything on the page works without it.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const rows = () => [...document.querySelectorAll("a.open")].filter((row) => row.offsetParent !== null);

  // Keys, as in k9s.
  const places = { o: "/", r: "/reports", s: "/sources", u: "/rules", m: "/models" };
  let isGoing = false;

  function step(by) {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    if (all[next]) {
      all[next].focus();
      all[next].closest("tr").scrollIntoView({ block: "nearest" });
    }
  }

  function help() {
    const dialog = byId("help");
    if (!dialog.open) dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (byId("help").open) return;
    if (isGoing) {
      isGoing = false;
      if (places[event.key]) location.assign(places[event.key]);
      return;
    }
    const filter = byId("q");
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "g") isGoing = true;
    else if (event.key === "?") help();
    else if (event.key === "/" && filter) filter.select();
    else return;
    event.preventDefault();
  });

  const keys = byId("keys");
  keys.hidden = false;
  keys.addEventListener("click", help);

  // Live: the list is asked for anew when something happened; the place where somebody is stays theirs.
  const live = () => byId("live");
  if (!live()) return;
  let stream = null;
  let waiting = 0;
  let unfolded = [];

  function changed() {
    clearTimeout(waiting);
    waiting = setTimeout(() => document.body.dispatchEvent(new CustomEvent("anchorwatch")), 300);
  }

  function listen() {
    if (stream) return;
    stream = new EventSource("/api/v1/events");
    for (const name of ["scanned", "decided", "missed"]) stream.addEventListener(name, changed);
  }

  // A browser has six connections to a server in all: tabs that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (stream) stream.close();
      stream = null;
    } else {
      listen();
      changed();
    }
  });
  window.addEventListener("pagehide", () => {
    if (stream) stream.close();
    stream = null;
  });
  window.addEventListener("pageshow", (event) => event.persisted && listen());

  document.body.addEventListener("htmx:beforeSwap", () => {
    unfolded = [...document.querySelectorAll("#live details")].map((fold) => [fold.id, fold.open]);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const [id, isOpen] of unfolded) {
      const fold = id && byId(id);
      if (fold) fold.open = isOpen;
    }
    const count = byId("count");
    const said = byId("said");
    said.textContent = said.dataset.updated + (count ? " " + count.textContent.trim() : "");
  });
  if (!document.hidden) listen();
})();
