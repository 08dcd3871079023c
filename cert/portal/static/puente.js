// What a page gains where JavaScript runs: keys, menus that close, drafts that save themselves. All works without it.
"use strict";
(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  const keysOff = () => localStorage.getItem("puente-keys") === "off";

  const shortcuts = {
    "/": () => document.getElementById("search-box")?.focus(),
    "c": () => document.querySelector("[data-key=c]")?.click(),
    "?": () => document.getElementById("keys")?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || keysOff()) return;
    const act = shortcuts[event.key];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });

  for (const opener of document.querySelectorAll("[data-opens]")) {
    opener.hidden = false;
    opener.addEventListener("click", () => document.getElementById(opener.dataset.opens).showModal());
  }

  const keySwitch = document.getElementById("keys-on");
  if (keySwitch) {
    keySwitch.checked = !keysOff();
    keySwitch.addEventListener("change", () => localStorage.setItem("puente-keys", keySwitch.checked ? "on" : "off"));
  }

  const menus = document.querySelectorAll("details.menu");
  const close = (menu) => { menu.open = false; };
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) close(menu);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus) {
      if (!menu.open) continue;
      close(menu);
      menu.querySelector("summary").focus();
    }
  });

  // A draft goes to the server a moment after the last keystroke, one request at a time, the newest text last.
  const form = document.querySelector("form[data-draft]");
  const PAUSE_MS = 900;
  if (form) {
    const status = document.getElementById("draft-status");
    let timer = 0;
    let busy = false;
    let changed = false;

    const say = (words) => { status.textContent = words.replace("{time}", new Date().toLocaleTimeString(document.documentElement.lang)); };

    const save = async () => {
      if (busy) return;
      busy = true;
      changed = false;
      say(status.dataset.saving);
      try {
        const answer = await fetch(form.dataset.draft, { method: "POST", body: new FormData(form), redirect: "error" });
        say(answer.ok ? status.dataset.saved : status.dataset.failed);
      } catch {
        say(status.dataset.failed);
      }
      busy = false;
      if (changed) later();
    };

    const later = () => {
      changed = true;
      clearTimeout(timer);
      timer = setTimeout(save, PAUSE_MS);
    };

    form.addEventListener("input", later);
    form.addEventListener("submit", () => clearTimeout(timer));
  }

  // On a narrow screen the parts of an incident are wider than the page: the open one is brought into sight.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  // Opens and closes all STIX objects at once.
  for (const button of document.querySelectorAll("[data-fold]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const object of document.querySelectorAll("details.stix")) object.open = button.dataset.fold === "open";
    });
  }

  // A link to a folded object opens it.
  const reveal = () => {
    const object = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (object && object.matches("details")) { object.open = true; object.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
