// A solve on the page: question, answer, votes, lanes, facts; joined live, or from its record.

import * as api from "./api.js";
import { beforeFrame, el, write } from "./dom.js";
import { makeLanes } from "./lanes.js";
import { makeRace } from "./race.js";
import { Solve } from "./state.js";
import { clean, count, oneLine } from "./text.js";
import { facts, makeVerdict, standing, standingOf, summary } from "./verdict.js";
import { makeVotes } from "./votes.js";

const SPOKEN_MS = 5000; // a screen reader hears how it stands at most this often

/** Show solve `id` in `section`; return {solve, focus, close}. */
export function join(section, id, { chainView, again, explain, live }) {
  const solve = new Solve(id);
  const leaving = new AbortController();
  const question = el("h1", { id: "question", class: "question", tabindex: "-1" }, "…");
  const link = (index) => el("a", { href: `#/solves/${id}/chains/${index}`, "aria-label": `Chain ${index}` }, String(index));
  const verdict = makeVerdict(solve);
  const votes = makeVotes(solve, link);
  const race = makeRace(solve);
  const tally = el("p", { class: "quiet tally" });
  const lanes = makeLanes(solve, (index) => (location.hash = `#/solves/${id}/chains/${index}`));
  const lines = el("p", { class: "quiet note broken", role: "status" });
  const list = el("dl", { class: "facts" });
  const stop = el("button", { type: "button", onclick: end }, "Stop");
  const repeat = el("button", { type: "button", onclick: () => again(solve) }, "Ask again");
  section.replaceChildren(
    question, verdict.element, el("div", { class: "buttons" }, stop, repeat), lines,
    el("h2", {}, "The vote"), el("div", { class: "count" }, votes.element, race.element),
    el("div", { class: "heading" }, el("h2", {}, "The chains"), tally), lanes.element, list,
  );
  const ticking = setInterval(() => beforeFrame(paint), 1000);
  let spoken = 0;

  function paint() {
    write(question, clean(solve.question) || "…");
    verdict.paint();
    votes.paint();
    race.paint();
    write(tally, standingOf(solve));
    stop.hidden = solve.over;
    repeat.hidden = !solve.question;
    paintFacts(list, facts(solve, Date.now() / 1000));
    const told = standing(solve);
    document.title = `${told.none ? told.kicker : oneLine(told.answer, 40)} · votebox`;
    if (solve.over || Date.now() - spoken > SPOKEN_MS) {
      spoken = Date.now();
      write(live, summary(solve));
    }
    if (solve.over) clearInterval(ticking);
  }

  async function run() {
    solve.introduce(await api.solve(id));
    beforeFrame(paint);
    for await (const { events, wait_s } of api.follow(id, leaving.signal)) {
      write(lines, wait_s ? `The connection broke; trying again in ${count(wait_s, "second")}.` : "");
      for (const event of events ?? []) take(event);
      beforeFrame(paint);
    }
    solve.settle(await api.solve(id));
    finish();
  }

  function take(event) {
    const chain = solve.take(event);
    if (chain) {
      lanes.changed(chain);
      chainView.changed(solve, chain);
    }
    if (event.type === "vote_changed" || event.type === "verdict_reached") finish();
  }

  function finish() {
    beforeFrame(paint);
    beforeFrame(lanes.paint);
    chainView.changed(solve, null);
  }

  async function end() {
    stop.disabled = true;
    try {
      solve.settle(await api.cancel(id));
      finish();
    } catch (error) {
      explain(error);
    }
    stop.disabled = false;
  }

  run().catch((error) => leaving.signal.aborted || explain(error));
  return {
    solve,
    focus: (index) => (index === null ? question.focus() : lanes.focus(index)),
    close: () => (leaving.abort(), clearInterval(ticking)),
  };
}

function paintFacts(list, pairs) {
  while (list.children.length > pairs.length) list.lastChild.remove();
  pairs.forEach(([name, value], place) => {
    if (!list.children[place]) list.append(el("div", {}, el("dt"), el("dd")));
    const [term, text] = list.children[place].children;
    write(term, name);
    write(text, value);
  });
}
