// The answer, or the leader until there is one, and why: in large type and in sentences.

import { el, mark, write } from "./dom.js";
import { clean, count, moment, oneLine, percent, seconds, weight } from "./text.js";

/** Return the panel of the answer and the function that brings it up to date. */
export function makeVerdict(solve) {
  const kicker = el("p", { class: "kicker" });
  const answer = el("p", { class: "answer" });
  const why = el("p", { class: "why" });
  const diff = el("pre", { class: "diff", hidden: true });
  const panel = el("div", { class: "verdict" }, kicker, answer, why, diff);

  function paint() {
    const told = standing(solve);
    write(kicker, told.kicker);
    write(answer, told.answer);
    mark(answer, "class", told.none ? "answer none" : `answer ${told.answer.length > 24 ? "long" : ""}`);
    write(why, told.why);
    diff.hidden = !told.diff;
    write(diff, told.diff ?? "");
    mark(panel, "class", `verdict ${told.colour}${solve.over ? "" : " open"}`);
  }

  return { element: panel, paint };
}

/** Return what the panel says of a solve: {kicker, answer, why, colour, none}, and `diff` of one that edits. */
export function standing(solve) {
  if (solve.verdict) return decided(solve, solve.verdict);
  if (solve.status === "failed") {
    return { kicker: "Failed", answer: "No answer", why: clean(solve.error?.message ?? ""), colour: "bad", none: true };
  }
  const [leader, second] = solve.votes;
  const tied = leader && second && second[1] === leader[1];
  const colour = leader && !tied ? `c${solve.classOf(leader[0])}` : "c5";
  if (solve.status === "cancelled") {
    const why = leader ? `Until then ${oneLine(leader[0], 80)} had ${count(leader[1], "vote")}.` : "Nobody had voted by then.";
    return { kicker: "Stopped by you", answer: "No answer", why, colour: "c5", none: true };
  }
  if (solve.status === "queued") return { kicker: turn(solve.position), answer: "…", why: "", colour, none: true };
  if (!leader) return { kicker: "Nobody has voted yet", answer: "…", why: needed(solve), colour, none: true };
  if (tied) return { kicker: "No answer leads", answer: "…", why: needed(solve), colour, none: true };
  return { kicker: "Leads", answer: oneLine(leader[0], 300), why: needed(solve), colour, none: false };
}

function turn(position) {
  return position ? `Waiting for its turn, ${count(position)} in the queue` : "Waiting for its turn";
}

function needed(solve) {
  if (solve.need === null) return "";
  if (solve.need === 0) return "The vote is decided.";
  const left = solve.planned - solve.finished;
  if (solve.votes.length === 0) return `${count(solve.need, "agreeing vote")} would decide it.`;
  if (solve.need > left) return `${count(left, "chain")} to come.`;
  return `${count(solve.need, "more agreeing vote")} ${solve.need === 1 ? "decides" : "decide"} it.`;
}

function decided(solve, verdict) {
  const why = [ending(verdict), risk(verdict), saving(verdict)].filter(Boolean).join(" ");
  if (verdict.answer === null) {
    return { kicker: "Abstained", answer: "No answer", why: `${sentence(verdict.reason)} ${why}`, colour: "c5", none: true };
  }
  const elected = verdict.votes[0]?.answer;
  const colour = elected === undefined ? "c5" : `c${solve.classOf(elected)}`;
  const sure = verdict.votes.length ? `, confidence ${percent(verdict.confidence)}` : "";
  const told = { kicker: `Answer by ${clean(verdict.reason)}${sure}`, why, colour, none: false };
  const changed = Object.keys(verdict.files ?? {});
  if (!changed.length) return { ...told, answer: oneLine(verdict.answer, 300) };
  const named = changed.length === 1 ? oneLine(changed[0], 60) : count(changed.length, "file");
  return { ...told, answer: `A change of ${named}`, diff: clean(verdict.answer) };
}

function sentence(reason) {
  const text = clean(reason);
  return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function ending(verdict) {
  const ended = `${count(verdict.finished)} of ${count(verdict.planned, "chain")} had ended by themselves`;
  if (verdict.stop_reason === "consensus" && verdict.stopped_by) return `Stopped by ${clean(verdict.stopped_by)} when ${ended}.`;
  if (verdict.stop_reason === "consensus") return `The vote was decided when ${ended}.`;
  if (verdict.stop_reason === "deadline") return `The deadline ended the solve when ${ended}.`;
  if (verdict.stop_reason === "budget") return `The token budget ended the solve when ${ended}.`;
  if (verdict.finished < verdict.planned) return `The solve ended when ${ended}.`;
  return `No rule stopped the solve: all ${count(verdict.planned, "chain")} ended by themselves.`;
}

function risk(verdict) {
  const left = verdict.planned - verdict.finished;
  if (verdict.flip_chance === null || !verdict.votes.length || left <= 0) return "";
  const chance = verdict.flip_chance < 1e-4 ? "less than 0.01 %" : `about ${percent(verdict.flip_chance)}`;
  const others = left === 1 ? "the last one" : `the other ${left}`;
  return `The chance that ${others} would have elected another answer is ${chance}.`;
}

function saving(verdict) {
  const saved = verdict.tokens_saved;
  if (!saved) return "";
  const share = saved / (saved + verdict.usage.completion_tokens);
  return `About ${count(saved, "token")} saved, ${percent(share)} of the full vote.`;
}

/** Count the chains in words: those that ended, work, were stopped, or never began. */
export function standingOf(solve) {
  const { done, working, stopped } = solve.tally;
  const unstarted = solve.planned - solve.chains.size;
  const parts = [`${done} of ${solve.planned} ended`, working && !solve.over && `${working} at work`, stopped && `${stopped} stopped`];
  if (unstarted > 0) parts.push(`${unstarted} ${solve.over ? "not needed" : "to come"}`);
  return parts.filter(Boolean).join(" · ");
}

/** Return the facts of a solve as pairs of name and value, what is not known left out. */
export function facts(solve, now_s) {
  const verdict = solve.verdict;
  const ended = solve.ended ?? now_s;
  const time = verdict ? verdict.wall_s : solve.started && Math.max(0, (solve.over ? ended : now_s) - solve.started);
  const programs = [...solve.chains.values()].reduce((sum, chain) => sum + chain.programs.length, 0);
  return [
    ["Tokens", count(verdict ? verdict.usage.completion_tokens : solve.tokens)],
    ["Programs", verdict ? `${verdict.usage.executions} run, ${seconds(verdict.usage.sandbox_s)}` : String(programs)],
    ["Time", time === null ? "" : seconds(time)],
    ["Model", solve.models.map((name) => oneLine(name, 60)).join(", ")],
    ["Recipe", [solve.recipe, verdict?.recipe_hash].filter(Boolean).map((word) => oneLine(word, 60)).join(" ")],
    ["Seed", solve.seed === null ? "" : String(solve.seed)],
    ["Asked", solve.started ? moment(solve.started) : ""],
  ].filter(([, value]) => value !== "");
}

/** Return one sentence for those who hear the page. */
export function summary(solve) {
  const told = standing(solve);
  if (solve.over) return `${told.kicker}: ${told.answer}. ${told.why}`;
  const [leader] = solve.votes;
  const lead = leader ? `${oneLine(leader[0], 60)} leads with ${weight(leader[1])}. ${told.why}` : told.kicker;
  return `${solve.finished} of ${count(solve.planned, "chain")} ended. ${lead}`;
}
