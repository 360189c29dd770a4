// Keeps a page as it is now: when the service says that a fabric changed, the page is fetched anew and morphed into what
// is shown. Everything that a page tells or does works without this file.
"use strict";

(() => {
  const AGAIN = 5000; // milliseconds until a broken stream is opened again
  const SAID = 10000; // milliseconds for which it is said what was done
  const AGES = 5000; // milliseconds between two looks at what "3 min ago" has become

  // What a person has done to a page is theirs: a typed text, an open detail. Morphing leaves it alone.
  const isDirty = (node) =>
    (node instanceof HTMLInputElement && node.type !== "hidden" && node.value !== node.defaultValue) ||
    (node instanceof HTMLTextAreaElement && node.value !== node.defaultValue) ||
    (node instanceof HTMLSelectElement && node === document.activeElement);
  const OURS = new Set(["live", "plan", "stale", "done"]);
  const isOurs = (node) => node instanceof Element && OURS.has(node.id);
  const { callbacks } = Idiomorph.defaults;
  callbacks.beforeNodeMorphed = (node, fresh) => !isDirty(node) && !(isOurs(node) && fresh.id === node.id);
  callbacks.beforeNodeRemoved = (node) => !(node instanceof Element && node.id === "done");
  callbacks.beforeAttributeUpdated = (name, node) => !(node instanceof HTMLDetailsElement && name === "open");

  let isFetching = false;
  let isBehind = false;

  // Without `look`, which has a whole plan made: the plan that is shown stays, and says that it is old.
  function here() {
    const query = new URLSearchParams(location.search);
    query.delete("look");
    return location.pathname + (query.size ? `?${query}` : "");
  }

  // One fetch at a time, and after it a pause as long as it took: pages that are dear for the service come less often.
  async function refresh() {
    isBehind = true;
    if (document.hidden || isFetching) return;
    isFetching = true;
    isBehind = false;
    const begun = performance.now();
    try {
      await htmx.ajax("GET", here(), { target: "#page", select: "#page", swap: "morph:outerHTML" });
    } catch {
      lose(); // the service does not answer
    }
    setTimeout(() => {
      isFetching = false;
      if (isBehind) refresh();
    }, performance.now() - begun);
  }

  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers.Accept = "text/html"; // the same URL gives programs JSON
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    const isRefresh = event.detail.target.id === "page" && !(requestConfig.elt instanceof HTMLFormElement);
    if (isRefresh && requestConfig.path !== here()) {
      event.detail.shouldSwap = false; // a filter has led on while this was under way: it would bring back what was
      isBehind = true;
    } else if (new URL(xhr.responseURL).pathname === "/login" && location.pathname !== "/login") {
      event.detail.shouldSwap = false; // the session is over
      location.assign(xhr.responseURL);
    } else if (location.pathname === "/healthz" && xhr.status === 503) {
      event.detail.shouldSwap = true; // that it is not well is what this page tells
      event.detail.isError = false;
      tell(true);
    } else if (isRefresh && xhr.status === 404) {
      event.detail.shouldSwap = true; // what it told of is no more, and the page of that says so
      event.detail.isError = false;
    } else if (isRefresh && xhr.status >= 400) {
      event.detail.isError = false;
      lose(); // what is shown stays, and is old
    } else if (isRefresh && (every || stream?.readyState === EventSource.OPEN)) {
      tell(true);
    } else if (event.detail.target.id === "plan" && xhr.status >= 400) {
      event.detail.shouldSwap = true;
      event.detail.swapOverride = "innerHTML"; // its place stays taken, so that no update asks for a plan again
      event.detail.target.removeAttribute("aria-busy");
      event.detail.selectOverride = "#main > *";
      event.detail.isError = false;
    }
  });

  const announcer = document.getElementById("announcer");
  const known = new Map();

  function announce(fabric) {
    const words = fabric.sync_status.replaceAll("_", " ");
    const drift = fabric.drift.count ? `, ${fabric.drift.count} drifted` : "";
    const said = `${fabric.name}: ${words}${drift}`;
    if (known.has(fabric.name) && known.get(fabric.name) !== said) announcer.textContent = said;
    known.set(fabric.name, said);
  }

  // A plan that someone reads must not change under their eyes; they are told that it is old.
  const facts = new Map();
  function judgePlan(fabric) {
    const now = JSON.stringify([fabric.desired_revision, fabric.counts, fabric.drift]);
    const before = facts.get(fabric.name);
    facts.set(fabric.name, now);
    const notice = document.getElementById("stale");
    if (notice && before !== undefined && before !== now && document.querySelector("#plan[data-made]")) notice.hidden = false;
  }

  // How often a page that no event tells of is fetched anew, in seconds; 0: events do.
  const every = Number(document.body.dataset.every);
  let isLost = false;

  function lose() {
    tell(false);
    if (isLost) return;
    isLost = true; // no event may tell that it is well again
    setTimeout(() => {
      isLost = false;
      refresh();
    }, AGAIN);
  }

  function tell(isLive) {
    const sign = document.getElementById("live");
    sign.hidden = false;
    sign.className = `live ${isLive ? "on" : "off"}`;
    sign.textContent = isLive ? (every ? `Every ${every} s` : "Live") : "Not live";
    const how = every ? `This page is fetched anew every ${every} seconds` : "This page follows what happens";
    sign.title = isLive ? how : "The service does not answer: this page shows what was";
  }

  // Only while someone looks: browsers open no more than six connections to one place, and each tab would hold one.
  const url = document.body.dataset.events;
  let stream = null;

  function follow() {
    if (stream || document.hidden || !url) return;
    stream = new EventSource(url);
    stream.addEventListener("open", () => tell(true));
    stream.addEventListener("fabric", (event) => {
      const fabric = JSON.parse(event.data);
      announce(fabric);
      judgePlan(fabric);
      refresh();
    });
    for (const name of ["removed", "pass"]) stream.addEventListener(name, refresh);
    stream.addEventListener("error", () => {
      tell(false);
      if (stream.readyState !== EventSource.CLOSED) return;
      stream = null; // refused: perhaps the session is over, which the page's own answer tells
      refresh();
      setTimeout(follow, AGAIN);
    });
  }

  function leave() {
    stream?.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
  addEventListener("pagehide", leave);

  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  function age(then) {
    const seconds = (Date.now() - then) / 1000;
    const size = Math.abs(seconds);
    if (size < 1) return "now";
    const [unit, length] = UNITS.find(([, least]) => size >= least);
    const said = `${Math.floor(size / length)} ${unit}`;
    return seconds > 0 ? `${said} ago` : `in ${said}`;
  }
  setInterval(() => {
    for (const one of document.querySelectorAll("time[data-age]")) {
      const now = age(Date.parse(one.dateTime));
      if (one.textContent !== now) one.textContent = now;
    }
  }, AGES);

  // What was just done is said for a moment, also while the page moves on, and not again when it is loaded anew.
  if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname);
  setTimeout(() => document.getElementById("done")?.remove(), SAID);
  follow();
  if (every) {
    tell(true);
    setInterval(refresh, every * 1000);
    document.addEventListener("visibilitychange", () => document.hidden || refresh());
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // shown from the browser's memory, where no stream is open
  });
})();
