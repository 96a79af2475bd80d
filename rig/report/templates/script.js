"use strict";
// The report reads well without this: it adds filter, search, links that open their item, and copy buttons.
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const items = all(".item");
  const chips = all(".chip");
  const search = document.getElementById("search");
  const unfold = document.getElementById("unfold");
  const shown = document.getElementById("shown");
  let verdict = "";
  document.documentElement.classList.add("js");

  const words = new Map(items.map((item) => [
    item,
    [item.querySelector("summary"), ...item.querySelectorAll(".answer h4")].map((part) => part.textContent).join(" ").toLowerCase(),
  ]));

  function apply() {
    const sought = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    for (const item of items) {
      const fits = (!verdict || item.dataset.verdict === verdict) && sought.every((word) => words.get(item).includes(word));
      item.hidden = !fits;
      visible += fits;
    }
    for (const section of all(".section")) {
      const own = all(".item", section);
      if (own.length) section.hidden = own.every((item) => item.hidden);
    }
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.filter === verdict));
    shown.textContent = visible === items.length ? "" : `${visible} of ${items.length} shown`;
  }

  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches(".item")) return;
    if (target.hidden) {
      verdict = "";
      search.value = "";
      apply();
    }
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }

  async function copy(button) {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
    const link = event.target.closest('a[href^="#"]');
    // The same hash again fires no hashchange.
    if (link && link.getAttribute("href") === location.hash) openTarget();
  });
  window.addEventListener("hashchange", openTarget);

  if (search) {
    for (const chip of chips) {
      chip.addEventListener("click", () => { verdict = chip.dataset.filter; apply(); });
    }
    search.addEventListener("input", apply);
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { search.value = ""; apply(); }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.matches("input, textarea")) {
        event.preventDefault();
        search.focus();
      }
    });
    unfold.addEventListener("click", () => {
      const open = unfold.getAttribute("aria-pressed") !== "true";
      for (const item of items) item.open = open;
      unfold.setAttribute("aria-pressed", String(open));
      unfold.textContent = open ? "Close all evidence" : "Open all evidence";
    });
    apply();
  }
  openTarget();
})();
