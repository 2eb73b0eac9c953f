// One chain in full, in a dialog: its replies, its programs with their outputs, what was read.

import { beforeFrame, el, mark, write } from "./dom.js";
import { stateOf } from "./lanes.js";
import { partsOf } from "./parts.js";
import { count, oneLine } from "./text.js";

const LONG = 20_000; // characters beyond which a chain is drawn anew only now and then
const REST_MS = 300;

/** Fill the dialog; return {show, hide, changed}. `leave` is called when the reader closes it. */
export function makeChainView(dialog, leave, go) {
  const title = el("h2", { id: "chain-title", tabindex: "-1", autofocus: true });
  const about = el("p", { class: "quiet" });
  const said = el("p", { class: "voted" });
  const body = el("div", { class: "said-all", tabindex: "0", role: "region", "aria-label": "What the chain wrote" });
  const before = el("button", { type: "button", onclick: () => step(-1) }, "Previous");
  const after = el("button", { type: "button", onclick: () => step(1) }, "Next");
  const close = el("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close");
  dialog.append(
    el("div", { class: "bar" }, title, el("div", { class: "buttons" }, before, after, close)),
    about, said, body,
  );
  dialog.addEventListener("close", () => shown && leave());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  let shown = null; // {solve, index}
  let parts = [];
  let later = null;

  function show(solve, index) {
    if (shown?.solve !== solve || shown.index !== index) parts = [];
    if (!parts.length) body.replaceChildren();
    shown = { solve, index };
    if (!dialog.open) dialog.showModal();
    paint();
    body.scrollTop = solve.over ? 0 : body.scrollHeight;
  }

  function hide() {
    shown = null;
    if (dialog.open) dialog.close();
  }

  function neighbour(by) {
    const indices = [...shown.solve.chains.keys()].sort((one, other) => one - other);
    return indices[indices.indexOf(shown.index) + by];
  }

  function step(by) {
    const next = neighbour(by);
    if (next !== undefined) go(next);
  }

  function changed(solve, chain) {
    if (shown?.solve !== solve || (chain && chain.index !== shown.index)) return;
    if (!chain) return beforeFrame(paint);
    const long = chain.replies.reduce((sum, reply) => sum + reply.text.length, 0) > LONG;
    later ??= setTimeout(() => ((later = null), beforeFrame(paint)), long ? REST_MS : 0);
  }

  function paint() {
    const chain = shown?.solve.chains.get(shown.index);
    if (!shown) return;
    write(title, `Chain ${shown.index}`);
    if (!chain) return write(about, "This chain has not begun.");
    const follows = body.scrollHeight - body.scrollTop - body.clientHeight < 40;
    mark(before, "aria-disabled", String(neighbour(-1) === undefined));
    mark(after, "aria-disabled", String(neighbour(1) === undefined));
    const [state, words] = stateOf(chain, shown.solve);
    mark(title, "class", state);
    const facts = [words, count(chain.tokens, "token"), count(chain.programs.length, "program")];
    write(about, [oneLine(chain.label, 80), ...facts].filter(Boolean).join(" · "));
    const known = chain.answer !== null && shown.solve.classes.has(chain.answer);
    write(said, chain.answer === null ? "" : oneLine(chain.answer, 300));
    mark(said, "class", `voted c${known ? shown.solve.classOf(chain.answer) : 5}`);
    parts = sync(body, parts, partsOf(chain, shown.solve));
    if (follows && !shown.solve.over) body.scrollTop = body.scrollHeight;
  }

  return { show, hide, changed };
}

/** Bring `body` to the new parts; those in front that are the same stay, with their selection. */
function sync(body, old, parts) {
  let same = 0;
  while (same < Math.min(old.length, parts.length) && alike(old[same], parts[same])) same += 1;
  const next = parts[same];
  const grows = next && next.kind === old[same]?.kind && parts.length === old.length && same === parts.length - 1;
  if (grows && body.children[same].dataset.grows) {
    write(body.children[same], next.text);
    return parts;
  }
  while (body.children.length > same) body.lastChild.remove();
  body.append(...parts.slice(same).map(draw));
  return parts;
}

function alike(one, other) {
  return one.kind === other.kind && one.text === other.text;
}

function draw(part) {
  if (part.kind === "code") return el("pre", { class: "program" }, el("code", {}, part.text));
  if (part.kind === "output" || part.kind === "output failed") return el("pre", { class: part.kind }, el("samp", {}, part.text));
  if (part.kind === "thinking") {
    const title = `What it thought before, ${count(part.text.length, "character")}`;
    return el("details", {}, el("summary", {}, title), el("p", { class: "prose" }, part.text));
  }
  if (part.kind === "round") return el("h3", {}, part.text);
  if (part.kind === "quiet" || part.kind === "bad") return el("p", { class: part.kind }, part.text);
  if (part.kind === "read") return el("p", { class: "read" }, part.text);
  return el("p", { class: "prose", "data-grows": "1" }, part.text);
}
