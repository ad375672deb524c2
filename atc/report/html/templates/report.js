"use strict";
(() => {
  // The scheme: as the system has it, or as chosen here.
  const root = document.documentElement;
  const button = document.getElementById("scheme");
  const kept = { get: () => { try { return localStorage.getItem("atc-scheme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("atc-scheme", value); } catch { /* a page of a file may keep nothing */ } } };
  const schemes = ["system", "light", "dark"];
  const words = { system: "as the system", light: "light", dark: "dark" };
  let scheme = schemes.includes(kept.get()) ? kept.get() : "system";
  const show = () => {
    if (scheme === "system") delete root.dataset.scheme; else root.dataset.scheme = scheme;
    button.textContent = `Colours: ${words[scheme]}`;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    scheme = schemes[(schemes.indexOf(scheme) + 1) % schemes.length];
    kept.set(scheme);
    show();
  });
  show();

  // Tables: a button in each heading sorts; a field and lists filter.
  const valueOf = (row, place) => {
    const cell = row.cells[place];
    const text = cell.dataset.v ?? cell.textContent.trim();
    const number = cell.dataset.v === undefined ? NaN : Number(text);
    return { text, number, known: text !== "" && text !== "–" };
  };
  const compare = (a, b) => {
    if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return a.number - b.number;
    return a.text.localeCompare(b.text, "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, place) => {
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.textContent = heading.textContent;
      heading.replaceChildren(sorter);
      sorter.addEventListener("click", () => {
        const first = heading.classList.contains("n") ? "descending" : "ascending";
        const now = heading.getAttribute("aria-sort");
        const way = now === null ? first : now === "ascending" ? "descending" : "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, place) }));
        // What is not known stands last, whichever way.
        rows.sort((a, b) => (b.value.known - a.value.known) || sign * compare(a.value, b.value));
        body.replaceChildren(...rows.map((one) => one.row));
      });
    });
  }
  for (const filters of document.querySelectorAll(".filters")) {
    filters.hidden = false;
    const holder = filters.parentElement;
    const rows = [...holder.querySelector("tbody").rows];
    const field = filters.querySelector(".filter");
    const choices = [...filters.querySelectorAll(".choose")];
    const count = filters.querySelector(".count");
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        const fits = wanted.every((word) => texts[place].includes(word))
          && choices.every((one) => one.value === "" || row.cells[Number(one.dataset.column)].textContent.trim() === one.value);
        row.hidden = !fits;
        shown += fits;
      });
      count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    };
    field.addEventListener("input", apply);
    choices.forEach((one) => one.addEventListener("change", apply));
  }

  // Paper shows what is folded, but for the numbers of drawings.
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details.folded:not(.data)")) one.open = true;
  });

  // What a mark of a drawing is worth, beside the pointer or the focus. Without this script its title tells.
  const tip = document.getElementById("tip");
  for (const drawing of document.querySelectorAll("figure svg[role=img]")) {
    const title = drawing.querySelector("title");
    drawing.setAttribute("aria-label", title.textContent);
    drawing.setAttribute("aria-describedby", drawing.querySelector("desc").id);
    drawing.removeAttribute("aria-labelledby");
    title.remove();
  }
  const tell = (mark, x, y) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 4))}px`;
    tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 18}px`;
  };
  const quiet = () => { tip.hidden = true; };
  document.addEventListener("pointermove", (event) => {
    const mark = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (mark) tell(mark, event.clientX, event.clientY); else quiet();
  });
  document.addEventListener("focusin", (event) => {
    const mark = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (!mark) return quiet();
    const box = mark.getBoundingClientRect();
    tell(mark, box.right, box.top);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") quiet(); });
  document.addEventListener("scroll", quiet, { passive: true, capture: true });
})();
