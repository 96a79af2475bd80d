"use strict";
// The report reads well without this. It adds filter and search, whose state is in the address, links that open
// what they lead to, and copy buttons.
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
    [item.querySelector("summary"), ...item.querySelectorAll(".answer h4, .people")].map((part) => part.textContent).join(" ").toLowerCase(),
  ]));

  // The address: `#C-07`, `#show=failed&search=sari`, or both: `#C-07&show=failed`.
  function read() {
    const state = { target: "", show: null, search: null };
    for (const part of location.hash.slice(1).split("&")) {
      const at = part.indexOf("=");
      try {
        if (at < 0) state.target = decodeURIComponent(part);
        else if (part.slice(0, at) in state) state[part.slice(0, at)] = decodeURIComponent(part.slice(at + 1));
      } catch {
        // Not ours: a stray percent sign.
      }
    }
    return state;
  }

  function write(target) {
    const parts = [];
    if (target) parts.push(encodeURIComponent(target));
    if (verdict) parts.push(`show=${encodeURIComponent(verdict)}`);
    if (search && search.value) parts.push(`search=${encodeURIComponent(search.value)}`);
    const hash = `#${parts.join("&")}`;
    if (hash !== (location.hash || "#")) history.replaceState(null, "", hash);
  }

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

  function filter(show, sought) {
    verdict = chips.some((chip) => chip.dataset.filter === show) ? show : "";
    search.value = sought;
    apply();
  }

  function follow() {
    const state = read();
    if (search && (state.show !== null || state.search !== null)) filter(state.show || "", state.search || "");
    open(state.target);
    write(state.target);
  }

  // Opens what it stands in, and shows it even if the filter hides it.
  function open(id) {
    const target = id && document.getElementById(id);
    if (!target) return;
    const item = target.closest(".item");
    if (item && item.hidden) filter("", "");
    for (let around = target.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
    target.scrollIntoView({ block: target.matches(".flag") ? "center" : "start" });
    const summary = target.matches("details") && target.querySelector("summary");
    if (summary) summary.focus({ preventScroll: true });
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
    if (link && link.hash.slice(1) === encodeURIComponent(read().target)) {
      event.preventDefault();
      open(read().target);
    }
  });
  window.addEventListener("hashchange", follow);

  if (search) {
    for (const chip of chips) {
      chip.addEventListener("click", () => { filter(chip.dataset.filter, search.value); write(""); });
    }
    search.addEventListener("input", () => { apply(); write(""); });
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { search.value = ""; apply(); write(""); }
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
  follow();
})();
