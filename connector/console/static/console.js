// What the pages need besides htmx: the dialog in which an action asks and tells, lists that stay still while somebody works in
// them, and a word when the connection or the login is gone.
(() => {
  "use strict";
  const of = (id) => document.getElementById(id);
  const dialog = of("dialog");
  const content = of("dialog-content");
  const trouble = of("trouble");
  const shownAt = () => new Date().toLocaleTimeString();
  let lastTruth = shownAt();

  // The code of a link stands behind its #, so that neither a log nor a proxy sees it. It is sent like one that was typed.
  const login = of("login");
  const useLink = () => {
    if (!login || !of("code") || location.hash.length < 2) return;
    of("code").value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    login.requestSubmit();
  };
  window.addEventListener("hashchange", useLink);
  useLink();

  const say = (text, link) => {
    if (trouble.textContent === text) return;
    trouble.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = "/";
      anchor.textContent = link;
      trouble.append(" ", anchor);
    }
    trouble.hidden = !text;
  };
  const ended = () => say("Your login has ended, or the server was started anew. What you see is no longer true.", "Log in");
  const lost = () => say(`No connection to the server since ${lastTruth}. It is tried again.`);

  const refresh = () => {
    const rows = of("rows");
    if (rows) htmx.trigger(rows, "refresh");
  };
  const isBusy = (rows) => dialog.open || rows.contains(document.activeElement) || !getSelection().isCollapsed;

  document.addEventListener("click", (event) => {
    const clicked = event.target.closest("[data-close], [data-refresh]");
    if (!clicked) return;
    if ("refresh" in clicked.dataset) {
      refresh();
      of("content").focus();
    } else if (dialog.open && dialog.contains(clicked)) {
      event.preventDefault();
      dialog.close();
    }
  });
  if (dialog) {
    dialog.addEventListener("close", () => {
      content.replaceChildren();
      of("said").textContent = "";
      refresh();
    });
  }

  // A question is read from its title on. What became of an action is said by the live region, also if it comes later by itself;
  // the focus is then on what leads back. A live region in a dialog that opens only now would say nothing.
  const present = (wasOpen) => {
    const title = of("dialog-title");
    if (!title) return;
    if (wasOpen && !content.querySelector("form")) {
      of("said").textContent = title.textContent;
      content.querySelector("[data-close]").focus();
    } else {
      title.focus();
    }
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== content) return;
    event.detail.shouldSwap = event.detail.xhr.status !== 401;
    // Somebody has closed the dialog before the answer came: it must not open again.
    if (event.detail.elt.id === "told" && !dialog.open) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    lastTruth = shownAt();
    const stale = of("stale");
    if (event.detail.target?.id === "rows" && stale) stale.hidden = true;
    if (event.detail.target !== content) return;
    const wasOpen = dialog.open;
    if (!wasOpen) dialog.showModal();
    present(wasOpen);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const rows = event.detail.elt;
    const cause = event.detail.requestConfig.triggeringEvent;
    if (rows.id !== "rows" || !cause || cause.type === "refresh" || !isBusy(rows)) return;
    event.preventDefault();
    const stale = of("stale");
    if (stale && cause.type === "sse:state") stale.hidden = false;
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) {
      if (dialog.open) dialog.close();
      ended();
    } else if (event.detail.target !== content) {
      say(`The server answered ${event.detail.xhr.status}. What you see may be out of date.`);
    }
  });
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:sseOpen", () => say(""));
  // A page that is left loses its events: that is no trouble, and nobody has to read of it.
  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    window.addEventListener("beforeunload", () => source.close(), { once: true });
    return source;
  };
  document.addEventListener("htmx:sseMessage", () => { lastTruth = shownAt(); });
  document.addEventListener("htmx:sseError", async () => {
    try {
      const answer = await fetch(document.body.dataset.state, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) ended();
      else lost();
    } catch {
      lost();
    }
  });
})();
