// The vote as bars: one per answer, as long as its votes, and what the leader still needs.

import { el, mark, write } from "./dom.js";
import { oneLine, percent, weight } from "./text.js";

const MOST = 8; // answers with a bar of their own
const WORDY = 9; // longer answers get more room
const SLOTS = 32; // up to so many chains each has a place of its own in a bar
const UNITS = 16; // and up to so many its number stands below it

/** Return the table of a solve's votes and the function that brings it up to date. */
export function makeVotes(solve, linkTo) {
  const body = el("tbody");
  const note = el("p", { class: "quiet note" });
  const table = el(
    "table", { class: "votes" },
    el("caption", { class: "heard" }, "Votes by answer, the leader first"),
    el("thead", { class: "heard" }, el("tr", {}, ...["Answer", "Bar", "Votes"].map((name) => el("th", { scope: "col" }, name)))),
    body,
  );
  const rows = new Map();

  function paint() {
    const shown = solve.votes.slice(0, MOST);
    for (const [answer, row] of rows) {
      if (!shown.some(([other]) => other === answer)) (row.element.remove(), rows.delete(answer));
    }
    const scale = scaleOf(solve);
    mark(table, "class", shown.some(([answer]) => answer.length > WORDY) ? "votes wordy" : "votes");
    shown.forEach(([answer, votes], place) => {
      if (!rows.has(answer)) rows.set(answer, makeRow(solve, answer));
      const row = rows.get(answer);
      if (body.children[place] !== row.element) body.insertBefore(row.element, body.children[place] ?? null);
      const leads = place === 0 && (shown.length === 1 || shown[1][1] < votes);
      row.paint({ votes, scale, leads, need: leads ? solve.need : null, voters: solve.votersOf(answer), linkTo });
    });
    const more = solve.votes.length - shown.length;
    const nobody = solve.over ? "Nobody voted." : "Nobody has voted yet.";
    write(note, shown.length ? (more > 0 ? `${more} more answers with fewer votes` : "") : nobody);
  }

  return { element: el("div", {}, table, note), paint };
}

function scaleOf(solve) {
  const weights = solve.votes.map(([, value]) => value);
  return Math.max(solve.planned, Math.ceil(weights.reduce((sum, value) => sum + value, 0)), 1);
}

function makeRow(solve, answer) {
  const fill = el("span", { class: "fill" });
  const need = el("span", { class: "need" });
  const number = el("span");
  const leader = el("span", { class: "leads" });
  const track = el("span", { class: "track", "aria-hidden": "true" }, fill, need);
  const voters = el("span", { class: "voters" });
  const colour = `c${solve.classOf(answer)}`;
  const element = el(
    "tr", { class: colour },
    el("th", { scope: "row" }, el("span", { class: "said", title: oneLine(answer, 400) }, oneLine(answer, 80))),
    el("td", { class: "bars" }, track, voters),
    el("td", { class: "number" }, number, leader),
  );
  let linked = -1;

  function paint({ votes, scale, leads, need: needed, voters: chains, linkTo }) {
    const units = scale <= UNITS && votes === chains.length; // each vote is one chain's
    const voted = Math.min(1, votes / scale);
    const missing = Math.min(1 - voted, (needed ?? 0) / scale);
    fill.style.width = `${100 * voted}%`;
    need.style.width = `${100 * missing}%`;
    need.hidden = !needed;
    const total = solve.votes.reduce((sum, [, value]) => sum + value, 0);
    mark(track, "class", scale <= SLOTS ? "track slots" : "track");
    mark(voters, "class", units ? "voters units" : "voters");
    element.style.setProperty("--slots", scale);
    write(number, solve.over ? `${weight(votes)} · ${percent(votes / total)}` : weight(votes));
    write(leader, leads ? (solve.over ? "elected" : "leads") : "");
    mark(element, "class", leads ? `${colour} leader` : colour);
    if (chains.length !== linked) voters.replaceChildren(...chains.slice(0, 64).map(linkTo));
    linked = chains.length;
  }

  return { element, paint };
}
