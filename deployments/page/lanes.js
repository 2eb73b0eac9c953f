// A lane per chain: who it is, what it does, how far it is, what it says.

import { beforeFrame, el, mark, write } from "./dom.js";
import { count, oneLine, tail } from "./text.js";

const TAIL = 160;
const TICKS = 8; // programs shown one by one
const COMPACT = 32; // more chains than these are shown as tiles
const HUGE = 256; // of more than these only the tiles in sight are laid out

const ENDINGS = {
  answered: ["done", "answered"],
  finished: ["done", "finished"],
  length: ["stopped", "ran out of room"],
  deadline: ["stopped", "stopped: time is up"],
  budget: ["stopped", "stopped: tokens are spent"],
  error: ["failed", "failed"],
};
const PROGRAMS = { ok: "ran", error: "failed", timeout: "ran out of time", memory: "ran out of memory", rejected: "was not started" };

/** Return what a chain does in a word, and the name of its mark. */
export function stateOf(chain, solve) {
  if (chain.ended === null) {
    if (solve.over) return ["stopped", "stopped"];
    if (chain.running) return ["running", "runs a program"];
    if (chain.tokens === 0) return ["waiting", "waits"];
    return chain.recent ? ["writing", "writes"] : ["writing", "thinks"];
  }
  if (chain.ended === "aborted") return ["stopped", solve.status === "cancelled" ? "stopped: by you" : reasonOf(solve)];
  if (chain.ended === "finished" && !chain.candidates.length) return ["silent", "no answer"];
  return ENDINGS[chain.ended] ?? ["stopped", `stopped: ${oneLine(chain.ended, 40)}`];
}

function reasonOf(solve) {
  const why = solve.verdict?.stop_reason;
  if (why === "deadline") return "stopped: time is up";
  if (why === "budget") return "stopped: tokens are spent";
  return why === "cancelled" ? "stopped" : "stopped: vote decided";
}

/** Return the list of lanes and the functions that bring some, or all, up to date. */
export function makeLanes(solve, open) {
  const list = el("ol", { class: "lanes", "aria-label": "Chains" });
  const rows = new Map();
  const dirty = new Set();
  let longest = 1;

  function paint() {
    const labels = new Set(Array.from(solve.chains.values(), (chain) => chain.label));
    const many = Math.max(solve.chains.size, solve.planned);
    mark(list, "class", `lanes ${many > COMPACT ? "compact" : ""} ${many > HUGE ? "huge" : ""} ${labels.size > 1 ? "labelled" : ""}`);
    const most = Math.max(...Array.from(solve.chains.values(), (chain) => chain.tokens), 1);
    if (most > longest) {
      longest = 1.25 * most; // grows by leaps, so that not every bar moves in every frame
      all();
    }
    for (const chain of dirty) row(chain).paint(longest);
    dirty.clear();
  }

  function row(chain) {
    if (!rows.has(chain.index)) {
      rows.set(chain.index, makeLane(chain, solve, open));
      const next = [...rows.keys()].filter((index) => index > chain.index).sort((one, other) => one - other)[0];
      list.insertBefore(rows.get(chain.index).element, next === undefined ? null : rows.get(next).element);
    }
    return rows.get(chain.index);
  }

  function all() {
    for (const chain of solve.chains.values()) dirty.add(chain);
  }

  function changed(chain) {
    dirty.add(chain);
    beforeFrame(paint);
  }

  return { element: list, changed, paint: () => (all(), paint()), focus: (index) => rows.get(index)?.focus() };
}

function makeLane(chain, solve, open) {
  const fill = el("span", { class: "fill" });
  const sign = el("span", { class: "sign", "aria-hidden": "true" });
  const word = el("span", { class: "word" });
  const answer = el("span", { class: "said" });
  const ticks = el("span", { class: "ticks" });
  const tokens = el("span", { class: "tokens quiet" });
  const recent = el("span");
  const label = el("span", { class: "label quiet" });
  const button = el(
    "button", { type: "button", class: "lane", "aria-haspopup": "dialog", onclick: () => open(chain.index) },
    el("span", { class: "index" }, `#${chain.index}`), label,
    el("span", { class: "state" }, sign, word), ticks,
    el("span", { class: "length", "aria-hidden": "true" }, fill), tokens, answer,
    el("span", { class: "recent quiet", "aria-hidden": "true" }, recent),
  );
  let shown = "";

  function paint(longest) {
    const [state, words] = stateOf(chain, solve);
    write(label, oneLine(chain.label, 40));
    mark(button, "class", `lane ${state}`);
    write(word, words);
    fill.style.width = `${(100 * Math.min(1, chain.tokens / longest)).toFixed(1)}%`;
    write(tokens, count(chain.tokens, "token"));
    const said = chain.answer;
    const known = said !== null && solve.classes.has(said);
    write(answer, said === null ? "" : oneLine(said, 60));
    mark(answer, "class", `said ${known ? `c${solve.classOf(said)}` : "c5"}`);
    mark(fill, "class", `fill ${known ? `c${solve.classOf(said)}` : ""}`);
    write(recent, solve.over ? "" : tail(chain.recent, TAIL)); // what has ended keeps its height
    const statuses = chain.programs.map((program) => program.execution?.status ?? "running").join();
    if (statuses !== shown) paintTicks(ticks, chain.programs);
    shown = statuses;
  }

  return { element: el("li", {}, button), paint, focus: () => button.focus() };
}

function paintTicks(ticks, programs) {
  const marks = programs.slice(-TICKS).map((program) => {
    const status = program.execution?.status ?? "running";
    const kind = status === "ok" || status === "running" ? status : "failed";
    return el("span", { class: `tick ${kind}`, title: `a program ${PROGRAMS[status] ?? oneLine(status, 20)}`, "aria-hidden": "true" });
  });
  const words = programs.length ? el("span", { class: "heard" }, `${count(programs.length, "program")}, `) : null;
  ticks.replaceChildren(...[words, ...marks].filter(Boolean));
}
