"use strict";
// What pages of reports share: sort, unfold, search, copy and save. A page is whole without this;
// all text goes in as text nodes, so nothing a model wrote becomes markup.
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

const el = (name, attributes, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return made;
};
const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
const whole = (text) => (typeof text === "object" && text ? `${text.start} … ${text.end}` : text);

const opened = (row) => (row.nextElementSibling?.classList.contains("open") ? row.nextElementSibling : null);

// Tables: a button in each head, aria-sort on the one that orders.
const key = (row, column) => row.cells[column].dataset.v ?? row.cells[column].innerText;
const compare = (a, b) => {
  const [x, y] = [Number(a), Number(b)];
  return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : order(a, b);
};
const sort = (table, head, column) => {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("open"));
  const keyed = rows.map((row) => [key(row, column), row, opened(row)]);
  const empty = (text) => text === "" || text === "–"; // last, whatever the direction
  keyed.sort(([a], [b]) => empty(a) - empty(b) || (down ? compare(b, a) : compare(a, b)));
  body.append(...keyed.flatMap(([, row, below]) => (below ? [row, below] : [row])));
  table.dispatchEvent(new Event("sorted"));
};
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = el("button", { type: "button", click: () => sort(table, head, column) });
    button.append(...head.childNodes);
    head.append(button);
  });
}

// A row that unfolds: a button in its first cell, and below it a row that `unfolded` fills
// when it is first opened.
const toggle = async (row, button, unfolded) => {
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (opened(row)) {
    opened(row).hidden = open;
    return;
  }
  const below = el("div", { class: "unfolded" });
  row.after(el("tr", { class: "open" }, el("td", { colspan: row.cells.length }, below)));
  try {
    below.append(...(await unfolded(row)));
  } catch (error) {
    below.append(el("p", { class: "bad" }, `This browser cannot unfold it: ${error.message}`));
  }
};
// `kind` is what the address of the page calls an open row; its number is data-n.
const unfolding = (table, kind, unfolded) => {
  for (const row of table.tBodies[0].rows) {
    const button = el("button", { type: "button", "aria-expanded": "false" });
    button.addEventListener("click", () => {
      toggle(row, button, unfolded);
      history.replaceState(null, "", `#${kind}-${row.dataset.n}`);
    });
    button.append(...row.cells[0].childNodes);
    row.cells[0].append(button);
  }
  const wanted = location.hash.startsWith(`#${kind}-`) && /-(\d{1,7})$/.exec(location.hash);
  return wanted ? [...table.tBodies[0].rows].find((row) => row.dataset.n === wanted[1]) : null;
};
const reveal = async (row, unfolded) => {
  row.hidden = false;
  await toggle(row, row.querySelector("th button"), unfolded);
  row.scrollIntoView();
};

// Search: all words must be in a row. `kinds` are [flag of data-f, what it is called], the first
// for all rows; `changed` hears which rows fit.
const searchable = (table, { hint, noun, kinds = [], most = Infinity, changed = () => {} }) => {
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const name = table.parentNode.getAttribute("aria-label");
  const search = el("input", { type: "search", placeholder: hint, "aria-label": `Search: ${name}` });
  const flags = (row) => (row.dataset.f || "").split(" ");
  const held = new Set(rows.flatMap(flags));
  const pick = el("select", { "aria-label": `Show: ${name}` },
    ...kinds.filter(([kind]) => !kind || held.has(kind)).map(([kind, told]) => el("option", { value: kind }, told)));
  const status = el("span", { role: "status" });
  const fits = (row, words) =>
    words.every((word) => texts.get(row).includes(word)) && (!pick.value || flags(row).includes(pick.value));
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    const found = [...table.tBodies[0].rows].filter((row) => texts.has(row) && fits(row, words));
    const shown = new Set(found.slice(0, most));
    for (const row of rows) {
      row.hidden = !shown.has(row);
      const below = opened(row);
      if (below) below.hidden = row.hidden || row.querySelector("button").getAttribute("aria-expanded") === "false";
    }
    all.hidden = found.length <= most;
    all.textContent = `Show all ${found.length.toLocaleString("en")}`;
    status.textContent = found.length === rows.length ? count(rows.length, noun)
      : `${found.length.toLocaleString("en")} of ${count(rows.length, noun)}`;
    changed(new Set(found));
  };
  const all = el("button", { type: "button", click: () => { most = Infinity; apply(); } });
  search.addEventListener("input", apply);
  pick.addEventListener("change", apply);
  table.addEventListener("sorted", apply);
  table.parentNode.before(el("div", { class: "tools" }, search, kinds.length ? pick : "", status));
  table.parentNode.after(el("div", { class: "tools" }, all));
  apply();
};

// Copy the command; a page from a file may have no clipboard of its own.
for (const box of document.querySelectorAll(".command")) {
  const code = box.querySelector("code");
  const said = el("span", { role: "status", class: "quiet" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      said.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it by hand";
    }
  };
  box.append(el("button", { type: "button", click: copy }, "Copy"), said);
}

// Save: a text that a spreadsheet would run begins with an apostrophe.
const cell = (value) => {
  const text = value === undefined || value === null ? "" : String(whole(value));
  const safe = typeof value === "string" || typeof value === "object" ? text.replace(/^[=+\-@\t\r]/, "'$&") : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csvOf = (rows) => rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
const save = async (name, type, made) => {
  const url = URL.createObjectURL(new Blob([await made()], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
};
// Put a button for each [name of the file, its type, what makes its text, what the button says].
const saves = (...files) => document.querySelector("footer").before(el("div", { class: "tools save" },
  ...files.map(([name, type, made, said]) => el("button", { type: "button", click: () => save(name, type, made) }, said))));
