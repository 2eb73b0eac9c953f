// The last solves of this server, those that run first to be joined.

import { el } from "./dom.js";
import { count, moment, oneLine } from "./text.js";

const WORDS = { queued: "waits", running: "runs", completed: "", failed: "failed", cancelled: "stopped" };

/** Draw the list into `section`; return the function that shows solves in it. */
export function makePast(section) {
  const list = el("ol", { class: "past" });
  const empty = el("p", { class: "quiet" }, "Nothing has been asked yet. The first question appears here.");
  section.append(el("h2", { id: "past-title" }, "Asked before"), empty, list);

  return (solves) => {
    empty.hidden = solves.length > 0;
    list.replaceChildren(...solves.map(line));
  };
}

function line(solve) {
  const word = WORDS[solve.status] ?? oneLine(solve.status, 20);
  const facts = [oneLine(solve.recipe ?? "", 40), moment(solve.created), count(solve.progress?.tokens ?? 0, "token")];
  return el(
    "li", {},
    el(
      "a", { href: `#/solves/${encodeURIComponent(solve.id)}`, class: solve.status },
      el("span", { class: "asked" }, oneLine(solve.question ?? "", 160)),
      el("span", { class: word ? "quiet" : "said" }, word || answerOf(solve)),
      el("span", { class: "quiet when" }, facts.join(" · ")),
    ),
  );
}

function answerOf(solve) {
  const leader = solve.progress?.votes?.[0]?.[0];
  const answer = "answer" in solve ? solve.answer : leader;
  return answer === null || answer === undefined ? "no answer" : oneLine(answer, 40);
}
