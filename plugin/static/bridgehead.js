// Small comforts. Every page works without this file.
"use strict";

(() => {
  const root = document.documentElement;

  // Theme: without a choice the system decides (theme-auto.css), so only a choice is applied,
  // here in the head, before anything is painted. A browser that refuses storage just forgets it.
  const remembered = {
    get() { try { return localStorage.getItem("theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("theme", theme); } catch { /* embedded, storage refused */ } },
  };
  const chosen = remembered.get();
  if (chosen === "light" || chosen === "dark") root.dataset.bsTheme = chosen;

  const isDark = () => (root.dataset.bsTheme
    ? root.dataset.bsTheme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches);

  const switchTheme = () => {
    const theme = isDark() ? "light" : "dark";
    root.dataset.bsTheme = theme;
    remembered.set(theme);
  };

  // Times arrive in UTC and are shown in the reader's zone; the title keeps UTC.
  const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  // In a table the present year goes without saying, and leaves room for words.
  const thisYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const localTimes = (part) => part.querySelectorAll("time[data-local]").forEach((time) => {
    const moment = new Date(time.dateTime);
    const short = time.closest("table") && moment.getFullYear() === new Date().getFullYear();
    time.textContent = (short ? thisYear : dayAndTime).format(moment);
    time.removeAttribute("data-local");
  });

  const say = (sentence) => {
    const place = document.getElementById("page-message");
    if (place) place.textContent = sentence;
  };

  // Bulk forms: one box ticks all, and the button repeats how many are ticked.
  const shownTicks = (form) => [...form.querySelectorAll("input[data-tick]")].filter((tick) => !tick.closest("[hidden]"));
  const countTicks = (form) => {
    const number = form.querySelectorAll("input[data-tick]:checked").length;
    form.querySelectorAll("[data-tick-count]").forEach((place) => { place.textContent = number; });
    const shown = shownTicks(form);
    const ticked = shown.filter((tick) => tick.checked).length;
    form.querySelectorAll("[data-tick-all]").forEach((all) => {
      all.checked = ticked > 0 && ticked === shown.length;
      all.indeterminate = ticked > 0 && ticked < shown.length;
    });
  };

  // A search that only hides rows, so that what is ticked and not saved yet survives it.
  const hideRows = (search) => {
    const word = search.value.trim().toLowerCase();
    const part = document.getElementById(search.dataset.hideRows);
    const rows = [...part.querySelectorAll("tbody tr")];
    rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(word); });
    part.querySelectorAll("form[data-bulk]").forEach(countTicks);
    say(word ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown.` : "");
  };

  const prepare = (part) => {
    localTimes(part);
    part.querySelectorAll("[data-needs-script]").forEach((comfort) => { comfort.hidden = false; });
    part.querySelectorAll("form[data-bulk]").forEach(countTicks);
    part.querySelector("[data-focus]")?.focus();
  };

  document.addEventListener("DOMContentLoaded", () => prepare(document));
  document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
  // Unused filters stay out of the address.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.verb !== "get") return;
    for (const [name, value] of Object.entries(detail.parameters)) if (value === "") delete detail.parameters[name];
  });
  document.addEventListener("htmx:beforeRequest", () => say(""));
  // The server took what was typed in: what it said of an earlier try holds no longer.
  const forgetFaults = () => {
    document.querySelectorAll("main .notice[data-focus], .field-error, #ladder-before").forEach((fault) => fault.remove());
    document.querySelectorAll("[aria-invalid]").forEach((field) => {
      field.removeAttribute("aria-invalid");
      field.setAttribute("aria-describedby", field.getAttribute("aria-describedby").split(" ").filter((id) => document.getElementById(id)).join(" "));
    });
  };
  // An answer that grows shows each rung as it comes; only whole rungs that are new are added.
  const grow = (place, text) => {
    const told = document.createElement("template");
    told.innerHTML = text.slice(0, text.lastIndexOf("</li>") + 5);
    const ladder = place.querySelector("ol.ladder");
    const rungs = [...(told.content.querySelector("ol.ladder")?.children ?? [])];
    if (ladder) ladder.append(...rungs.slice(ladder.children.length));
    else place.replaceChildren(told.content);
  };
  document.addEventListener("htmx:beforeSend", ({ detail: { xhr, target } }) => {
    if (target.id !== "tried") return;
    target.replaceChildren();
    xhr.addEventListener("progress", () => {
      if (xhr.getResponseHeader("Bridgehead-Grows") !== "1") return;
      forgetFaults();
      grow(target, xhr.responseText);
    });
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    document.querySelectorAll("#tried li.trying").forEach((rung) => rung.remove());
    target.querySelector?.("a[data-go]")?.click();
  });

  document.addEventListener("htmx:responseError", (event) => say(
    `The server could not do this (${event.detail.xhr.status}). Nothing was changed on this page; reload it and try again.`));
  document.addEventListener("htmx:sendError", () => say(
    "The server cannot be reached. Check the network, then try again; nothing was changed on this page."));

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-theme-switch], [data-copy]");
    if (!target) return;
    if (target.hasAttribute("data-theme-switch")) switchTheme();
    else navigator.clipboard?.writeText(target.dataset.copy).then(() => say("Copied."), () => say("This browser does not allow copying here."));
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-bulk]");
    if (!form) return;
    if (event.target.hasAttribute("data-tick-all")) {
      shownTicks(form).forEach((tick) => { tick.checked = event.target.checked; });
    }
    countTicks(form);
  });

  document.addEventListener("input", (event) => {
    if (event.target.dataset?.hideRows) hideRows(event.target);
  });
  document.addEventListener("submit", (event) => {
    // A page that came filtered lacks rows: then only the server can search further.
    if (event.target.querySelector("[data-hide-rows]")?.defaultValue === "") event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
        menu.open = false;
        menu.querySelector("summary").focus();
      });
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("input[data-search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
})();
