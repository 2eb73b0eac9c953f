// The form: a question, a recipe, and what may be changed of it.

import { el, write } from "./dom.js";
import { makePicker } from "./picker.js";
import { clean, oneLine } from "./text.js";

const OPTIONS = {
  chains: { label: "Chains", hint: "how many to sample at most", step: 1, min: 1 },
  deadline_s: { label: "Deadline, seconds", hint: "the best vote by then is the answer", step: "any", min: 0 },
  seed: { label: "Seed", hint: "same seed, same draws", step: 1, min: 0 },
};

/** Draw the form into `section`; `send(wish)` is called with what was asked for. */
export function makeForm(section, send) {
  const question = el("textarea", {
    id: "question-field", name: "question", rows: 3, required: true, "aria-labelledby": "ask-title",
    "aria-describedby": "question-error", placeholder: "What is the product of 137 and 48?",
  });
  const picker = makePicker((recipe) => (form.elements.chains.placeholder = String(recipe.chains)), complaint("recipe"));
  const button = el("button", { type: "submit", class: "primary" }, "Ask");
  const form = el(
    "form", { novalidate: true, onsubmit: submit, onkeydown: shortcut },
    question, complaint("question"),
    el("div", { class: "send" }, button, el("span", { class: "quiet keys" }, "Ctrl + Enter")),
    el("p", { class: "bad", id: "form-error", role: "alert" }),
    picker.element,
    el("details", {}, el("summary", {}, "Options"), el("div", { class: "options" }, ...Object.keys(OPTIONS).map(option))),
  );
  section.append(el("h1", { id: "ask-title" }, "Ask a question"), form);

  function shortcut(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  }

  async function submit(event) {
    event.preventDefault();
    clear();
    if (!question.value.trim()) return fail("question", "Write a question first.");
    button.disabled = true;
    try {
      await send(wishOf(form));
    } catch (error) {
      fail(fieldOf(error), error.message);
    } finally {
      button.disabled = false;
    }
  }

  function clear() {
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    for (const text of form.querySelectorAll("p.bad")) write(text, "");
  }

  function fail(name, message) {
    const place = form.querySelector(`#${name}-error`);
    write(place, clean(message));
    const field = form.elements[name];
    if (!(field instanceof HTMLElement)) return;
    field.closest("details")?.setAttribute("open", "");
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  function fill(text, recipe) {
    question.value = text;
    picker.choose(recipe);
  }

  return { offer: picker.offer, fill, focus: () => question.focus() };
}

function option(name) {
  const { label, hint, ...limits } = OPTIONS[name];
  return el(
    "label", { class: "option" }, label,
    el("input", { type: "number", name, inputmode: "decimal", "aria-describedby": `${name}-hint ${name}-error`, ...limits }),
    el("span", { class: "quiet", id: `${name}-hint` }, hint), complaint(name),
  );
}

function complaint(name) {
  return el("p", { class: "bad", id: `${name}-error`, role: "alert" });
}

function wishOf(form) {
  const wish = { question: form.elements.question.value };
  if (form.elements.recipe?.value) wish.recipe = form.elements.recipe.value;
  for (const name of Object.keys(OPTIONS)) {
    const value = form.elements[name].value;
    if (value !== "") wish[name] = Number(value);
  }
  return wish;
}

/** Return the field a failure is about: the one it names, or the one its message begins with. */
function fieldOf(error) {
  const names = ["question", "recipe", ...Object.keys(OPTIONS)];
  const first = oneLine(error.message).split(/\W/, 1)[0];
  return names.find((name) => name === error.param) ?? names.find((name) => name === first) ?? "form";
}
