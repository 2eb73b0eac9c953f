// Start the page and follow its address: the form, a solve, or a chain of a solve.

import * as api from "./api.js";
import { makeForm } from "./ask.js";
import { join } from "./board.js";
import { makeChainView } from "./chain.js";
import { el } from "./dom.js";
import { makePast } from "./past.js";
import { clean, count } from "./text.js";

const PLACE = /^#\/(?:solves\/([A-Za-z0-9_-]{1,100})(?:\/chains\/(\d{1,4}))?)?$/;
const HISTORY = 20;

const part = (id) => document.getElementById(id);
const notice = part("notice");
const form = makeForm(part("ask"), send);
const showPast = makePast(part("past"));
const chainView = makeChainView(part("chain"), leaveChain, (index) => location.replace(chainPlace(index)));
let board = null; // the solve on the page
let cameFromBoard = false; // whether going back leads from the open chain to its solve
let refresh = null;
let failed = false; // whether the notice tells of the last refresh

function route() {
  const found = PLACE.exec(location.hash || "#/");
  if (!found && !location.hash.startsWith("#/")) return; // a jump within the page
  if (!found) {
    chainView.hide();
    show(null);
    explain(new api.Failure(404, "This address leads nowhere."));
    return;
  }
  const [, id = null, chain] = found;
  show(id);
  if (chain === undefined) chainView.hide();
  else chainView.show(board.solve, Number(chain));
}

function show(id) {
  if (board?.solve.id === id) return;
  failed = false;
  const before = board;
  board?.close();
  board = null;
  notice.hidden = true;
  part("ask").hidden = part("past").hidden = id !== null;
  part("solve").hidden = id === null;
  clearInterval(refresh);
  if (id !== null) {
    board = join(part("solve"), id, { chainView, again, explain, live: part("live") });
    board.focus(null);
    return;
  }
  document.title = "votebox";
  load();
  refresh = setInterval(load, 5000);
  if (before) form.focus();
}

async function load() {
  try {
    const [recipes, solves] = await Promise.all([api.recipes(), api.solves(HISTORY)]);
    form.offer(recipes);
    showPast(solves);
    if (failed) notice.hidden = true;
    failed = false;
  } catch (error) {
    failed = true;
    explain(error);
  }
}

async function send(wish) {
  try {
    const { id } = await api.ask(wish);
    location.hash = `#/solves/${id}`;
  } catch (error) {
    if (error.status !== 401) throw inWords(error);
    explain(error);
  }
}

function inWords(error) {
  const when = error.wait_s ? `in ${count(error.wait_s, "second")}` : "in a while";
  if (error.status === 429) error.message = `The server has enough to do. Ask again ${when}.`;
  return error;
}

function again(solve) {
  location.hash = "#/";
  form.fill(solve.question, solve.recipe);
}

function chainPlace(index) {
  return `#/solves/${board.solve.id}/chains/${index}`;
}

function leaveChain() {
  if (cameFromBoard) history.back();
  else location.replace(`#/solves/${board.solve.id}`);
}

/** Say what went wrong, and what to do: give a key, or try again. */
function explain(error) {
  if (error.status === 401) return askKey();
  const retry = el("button", { type: "button", onclick: () => location.reload() }, "Try again");
  const home = el("a", { href: "#/" }, "Ask a question");
  notice.replaceChildren(el("p", {}, clean(inWords(error).message)), el("p", { class: "buttons" }, error.passes ? retry : home));
  notice.hidden = false;
}

function askKey() {
  if (notice.querySelector("#key") && !notice.hidden) return;
  const field = el("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const told = api.hasKey() ? "The server does not know this key." : "This server wants a key.";
  api.useKey(null);
  const use = (event) => {
    event.preventDefault();
    api.useKey(field.value.trim());
    notice.hidden = true;
    const id = board?.solve.id ?? null;
    if (id === null) return load();
    board.close();
    board = null;
    route();
  };
  notice.replaceChildren(
    el("form", { class: "key", onsubmit: use },
      el("label", { for: "key" }, `${told} It stays in this tab and is sent with each request, never in an address.`),
      field, el("button", { type: "submit" }, "Use this key")),
  );
  notice.hidden = false;
  field.focus();
}

addEventListener("hashchange", (event) => {
  const [from, to] = [event.oldURL, event.newURL].map((url) => PLACE.exec(new URL(url).hash || "#/"));
  if (to?.[2] !== undefined && from?.[2] === undefined) cameFromBoard = from?.[1] === to[1];
  if (to && to[2] === undefined) cameFromBoard = false;
  route();
});
route();
