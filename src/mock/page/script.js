// What moves on the page. Without it everything can be seen and done as well, by links and forms.
"use strict";

/** How often what moves is looked at again, in milliseconds; more seldom where that takes long. */
const OFTEN = 1000;

/** Makes an element like another one that is newer, and leaves alone what is the same: focus stays where it was. */
function morph(element, fresh) {
  for (const attribute of [...element.attributes]) {
    if (!fresh.hasAttribute(attribute.name)) element.removeAttribute(attribute.name);
  }
  for (const { name: of, value } of fresh.attributes) {
    if (element.getAttribute(of) !== value) element.setAttribute(of, value);
  }
  let here = element.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    // White space comes and goes around elements that stay.
    if (wanted.nodeType === Node.ELEMENT_NODE) {
      while (here && here.nodeType !== Node.ELEMENT_NODE) here = removed(here);
    }
    if (name(wanted)) {
      // A row that is gone must not lend its place to another: somebody may be about to press its button.
      const known = [...element.children].find((child) => name(child) === name(wanted));
      while (known && here && here !== known) here = removed(here);
    }
    if (!here || here.nodeName !== wanted.nodeName || name(here) !== name(wanted)) {
      element.insertBefore(wanted, here);
    } else {
      if (here.nodeType !== Node.ELEMENT_NODE) here.nodeValue = wanted.nodeValue;
      else morph(here, wanted);
      here = here.nextSibling;
    }
  }
  while (here) here = removed(here);
}

/** A node's id. The property of that name is a form's field where there is one called `id`. */
function name(node) {
  return node.getAttribute?.("id");
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Looks again and again at what the server shows in a part of the page, while somebody looks at the page. */
async function refresh(region) {
  const begun = performance.now();
  if (!document.hidden) {
    try {
      const answer = await fetch(region.dataset.part + location.search.replace("?", "&"));
      if (answer.ok) {
        const fresh = region.cloneNode(false);
        fresh.innerHTML = await answer.text();
        morph(region, fresh);
      }
    } catch {
      // The mock is not there; perhaps it is next time.
    }
  }
  setTimeout(refresh, Math.max(OFTEN, 10 * (performance.now() - begun)), region);
}

/** Puts requests into the list as they come, and keeps no more than it began with. */
function follow(list) {
  const live = document.getElementById("live");
  const pause = document.getElementById("pause");
  const most = Number(list.dataset.rows);
  let source;
  let last = list.dataset.after;

  function say(text, state) {
    live.hidden = false;
    live.textContent = text;
    live.dataset.state = state;
  }

  function connect() {
    const after = last === undefined ? "" : `&after=${last}`;
    source = new EventSource(list.dataset.stream + after);
    source.addEventListener("open", () => say("live", "on"));
    source.addEventListener("error", () => {
      say("not connected, trying again", "off");
      // The browser itself tries again unless it was told off.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2 * OFTEN);
    });
    source.addEventListener("anew", () => list.replaceChildren());
    source.addEventListener("rows", (event) => {
      last = event.lastEventId;
      const rows = document.createElement("template");
      rows.innerHTML = JSON.parse(event.data);
      for (const row of rows.content.children) row.classList.add("new");
      list.prepend(rows.content);
      while (list.rows.length > most) list.lastElementChild.remove();
    });
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Go on" : "Pause";
    source.close();
    if (paused) say("paused", "off");
    else connect();
  });
  // A page that waits to be shown again holds no connection.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted && pause.getAttribute("aria-pressed") !== "true") connect();
  });
  connect();
}

/** Opens a request over the list instead of in its place. */
function openOver(dialog) {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a.open");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    try {
      const answer = await fetch(`${link.href}&part=1`);
      if (!answer.ok) throw new Error(answer.statusText);
      const close = document.createElement("form");
      close.method = "dialog";
      close.innerHTML = "<button>Close</button>";
      dialog.innerHTML = await answer.text();
      dialog.prepend(close);
      dialog.showModal();
    } catch {
      // It is no longer in the journal, or the mock is gone: its own page says so.
      location.assign(link.href);
    }
  });
  // A click beside the dialog closes it; inside of it there is always an element below the pointer.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** Shows only those deviations that have the words in them. */
function find(field) {
  field.closest("[data-filter]").hidden = false;
  const groups = [...document.querySelectorAll(".deviations details")];
  const open = new Map(groups.map((group) => [group, group.open]));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of groups) {
      let any = false;
      for (const item of group.querySelectorAll("li")) {
        const text = item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        any ||= !item.hidden;
      }
      group.hidden = !any;
      group.open = words.length > 0 ? any : open.get(group);
    }
  });
}

for (const region of document.querySelectorAll("[data-part]")) setTimeout(refresh, OFTEN, region);
const list = document.getElementById("requests");
if (list) follow(list);
const dialog = document.getElementById("opened");
if (dialog) openOver(dialog);
const field = document.getElementById("find");
if (field) find(field);
document.documentElement.classList.toggle("copies", Boolean(navigator.clipboard));
document.addEventListener("click", async ({ target }) => {
  if (!target.dataset.copies) return;
  const source = document.getElementById(target.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    target.textContent = "Copied";
  } catch {
    // The browser does not allow it: what is selected can be copied by hand.
    getSelection().selectAllChildren(source);
    target.textContent = "Selected";
  }
});
// Loading again what a form was answered with would send the form again, and make another key.
if (document.querySelector(".made, .problem")) history.replaceState(null, "", location.href);
