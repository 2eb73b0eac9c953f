// The recipes to choose from, and the graph of the one that is chosen.

import { el, write } from "./dom.js";
import { clean, count, oneLine } from "./text.js";

/** Return the picker; `chosen(recipe)` is called whenever another one is. */
export function makePicker(chosen, complaint) {
  const cards = el("div", { class: "cards" });
  const picture = el("img", { alt: "" });
  const caption = el("figcaption");
  const figure = el("figure", { class: "graph", hidden: true }, picture, caption);
  const element = el("fieldset", { class: "recipe" }, el("legend", {}, "Recipe"), cards, figure, complaint);
  let known = [];
  let wanted = null; // the choice made before there was one
  let told = null; // what the recipes looked like when they were drawn

  function offer(recipes) {
    const text = JSON.stringify(recipes);
    if (text === told) return; // drawn anew, a choice would be lost
    told = text;
    known = recipes;
    const order = recipes.toSorted((one, other) => other.default - one.default);
    cards.replaceChildren(...order.map((recipe, place) => card(recipe, place === 0, describe)));
    choose(wanted);
  }

  function choose(name) {
    wanted = name;
    const field = [...cards.querySelectorAll("input")].find((one) => one.value === name);
    if (field) field.checked = true;
    describe();
  }

  function describe() {
    const name = cards.querySelector(":checked")?.value;
    const recipe = known.find((one) => one.name === name);
    figure.hidden = !recipe?.svg;
    if (!recipe) return;
    chosen(recipe);
    if (!recipe.svg) return;
    picture.src = `data:image/svg+xml,${encodeURIComponent(recipe.svg.toWellFormed())}`;
    picture.alt = `Graph of the recipe: ${wordsOf(recipe.svg)}`;
    write(caption, `What each chain of ${clean(recipe.name)} goes through, down to the vote.`);
  }

  return { element, offer, choose };
}

function card(recipe, checked, onchange) {
  return el(
    "label", { class: "card" },
    el("input", { type: "radio", name: "recipe", value: recipe.name, checked, onchange }),
    el("span", { class: "name" }, clean(recipe.name)),
    el("span", { class: "quiet size" }, `${count(recipe.chains, "chain")}, ${count(recipe.rounds, "round")}`),
    el("span", { class: "quiet what" }, clean(recipe.description)),
  );
}

/** Return the words in a picture, for those who hear it; it is read, never put on the page. */
function wordsOf(picture) {
  const parsed = new DOMParser().parseFromString(picture, "image/svg+xml");
  return oneLine([...parsed.querySelectorAll("text")].map((text) => text.textContent).join(", "), 600);
}
