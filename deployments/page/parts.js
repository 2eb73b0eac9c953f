// What one chain did as parts to read: {kind, text} in order. Knows no page.

import { clean, count, oneLine, seconds } from "./text.js";

const FENCE = /^[ \t]*(```|~~~)/;
const LONGEST = 120_000; // characters of one text; the middle is left out

/** Return what a chain did as {kind, text}, in the order to read it. */
export function partsOf(chain, solve) {
  const parts = [];
  const left = [...chain.programs];
  const rounds = new Set(chain.replies.map((reply) => `${reply.round} ${reply.node}`)).size;
  for (const reply of chain.replies) {
    if (rounds > 1) parts.push({ kind: "round", text: `Round ${reply.round + 1}, ${oneLine(reply.node, 40)}` });
    if (reply.thinking) parts.push({ kind: "thinking", text: bounded(clean(reply.thinking)) });
    for (const piece of fenced(bounded(clean(reply.text)))) {
      if (piece.text.trim() === "") continue;
      parts.push(piece);
      if (piece.kind === "code") parts.push(...outcomeOf(piece, left));
    }
  }
  for (const program of left) parts.push({ kind: "code", text: bounded(clean(program.code)) }, ...outputs(program.execution));
  if (!parts.length) parts.push({ kind: "quiet", text: emptiness(chain) });
  for (const { source, answer } of chain.candidates) {
    parts.push({ kind: "read", text: `Read by ${oneLine(source, 40)}: ${oneLine(answer, 300)}` });
  }
  if (chain.error) parts.push({ kind: "bad", text: `Failed: ${bounded(clean(chain.error))}` });
  if (chain.ended !== null && !chain.candidates.length) parts.push({ kind: "quiet", text: "No answer was read in this chain." });
  if (chain.vote !== null) parts.push({ kind: "quiet", text: `It voted for ${oneLine(chain.vote, 300)}.` });
  return parts;
}

function emptiness(chain) {
  if (chain.ended !== null) return "It wrote nothing.";
  return chain.tokens ? "It thinks; what it writes comes behind that." : "It has written nothing yet.";
}

/** Split a text at its code fences, line by line; one that is still open is code, too. */
function fenced(text) {
  const pieces = [];
  let kind = "prose";
  let lines = [];
  const end = (next) => {
    if (lines.length) pieces.push({ kind, text: lines.join("\n") });
    lines = [];
    kind = next;
  };
  for (const line of text.split("\n")) {
    if (FENCE.test(line)) end(kind === "code" ? "prose" : "code");
    else lines.push(line);
  }
  end("prose");
  return pieces;
}

function outcomeOf(piece, left) {
  const found = left.findIndex((program) => clean(program.code).trim() === piece.text.trim());
  return found < 0 ? [] : outputs(left.splice(found, 1)[0].execution);
}

function outputs(execution) {
  if (execution === null) return [{ kind: "quiet", text: "It runs." }];
  const kind = execution.status === "ok" ? "output" : "output failed";
  const texts = [execution.stdout, execution.stderr].map((text) => bounded(clean(text ?? "")).trimEnd()).filter(Boolean);
  const time = execution.wall_s === undefined ? "" : ` after ${seconds(execution.wall_s)}`;
  const words = { ok: "It ended by itself", error: "It failed", timeout: "It ran out of time", stopped: "It was stopped" };
  const said = words[execution.status] ?? `It ended with status ${oneLine(execution.status, 20)}`;
  const silent = texts.length ? "" : " and printed nothing";
  return [{ kind: "quiet", text: `${said}${time}${silent}.` }, ...texts.map((text) => ({ kind, text }))];
}

function bounded(text) {
  if (text.length <= LONGEST) return text;
  const half = LONGEST / 2;
  return `${text.slice(0, half)}\n… ${count(text.length - LONGEST, "character")} left out …\n${text.slice(-half)}`;
}
