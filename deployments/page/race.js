// How the vote came about: votes of each answer by the number of chains that had ended.

import { svg } from "./dom.js";
import { count, oneLine } from "./text.js";

const WIDTH = 360;
const HEIGHT = 190;
const [LEFT, RIGHT, TOP, BOTTOM] = [24, 272, 12, 160];
const LINES = 5;
const ROW = 15;
const NAME = 10; // characters of an answer
const POINTS = 400; // of one line; a solve may have thousands of chains

/** Return the picture and the function that draws it anew. */
export function makeRace(solve) {
  const picture = svg("svg", { class: "race", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  let drawn = null;

  function paint() {
    const state = solve.race.length + (solve.over ? 0.5 : 0);
    if (state === drawn) return;
    drawn = state;
    picture.toggleAttribute("hidden", solve.votes.length === 0);
    const title = `Votes by answer against the chains that ended, ${solve.finished} of ${solve.planned} so far`;
    picture.setAttribute("aria-label", title);
    picture.replaceChildren(svg("title", {}, title), ...draw(solve));
  }

  return { element: picture, paint };
}

function draw(solve) {
  const shown = solve.votes.slice(0, LINES);
  const need = solve.over ? 0 : (solve.need ?? 0);
  const most = Math.max(1, (shown[0]?.[1] ?? 0) + need);
  const x = (ended) => LEFT + ((RIGHT - LEFT) * ended) / Math.max(1, solve.planned);
  const y = (votes) => BOTTOM - ((BOTTOM - TOP) * votes) / most;
  const ends = shown.map(([answer, votes]) => ({ answer, votes, colour: `c${solve.classOf(answer)}` }));
  return [
    ...axes(solve, most, x, y),
    ...rest(solve, x),
    ...ends.map((end) => line(solve, end, x, y)).reverse(),
    ...promise(solve, ends[0], need, x, y),
    ...labels(ends, y),
  ];
}

function axes(solve, most, x, y) {
  const grid = ticks(most).map((votes) => [
    svg("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(votes), y2: y(votes) }),
    words(LEFT - 6, y(votes) + 4, count(votes), "end"),
  ]);
  const marks = ticks(solve.planned).map((ended) => words(x(ended), BOTTOM + 18, count(ended), "middle"));
  return [...grid.flat(), ...marks, words(RIGHT + 12, BOTTOM + 18, "chains ended", "start")];
}

/** Shade the chains that were never needed, once it is known. */
function rest(solve, x) {
  if (!solve.over || solve.finished >= solve.planned) return [];
  const from = x(solve.finished);
  return [
    svg("rect", { class: "spared", x: from, y: TOP, width: RIGHT - from, height: BOTTOM - TOP }),
    svg("line", { class: "silent", x1: from, x2: from, y1: TOP, y2: BOTTOM }),
  ];
}

function line(solve, { answer, colour }, x, y) {
  const stride = Math.ceil(solve.race.length / POINTS);
  const points = solve.race.filter((_, number) => number % stride === 0 || number === solve.race.length - 1);
  const steps = points.map((point) => {
    const votes = point.votes.find(([other]) => other === answer)?.[1] ?? 0;
    return `H${x(point.finished).toFixed(1)}V${y(votes).toFixed(1)}`;
  });
  return svg("path", { class: `step ${colour}`, d: `M${x(0)} ${y(0)}${steps.join("")}` });
}

/** Draw where the leader is elected if all its next chains agree. */
function promise(solve, leader, need, x, y) {
  if (!leader || !need || solve.finished + need > solve.planned) return [];
  const [ended, votes] = [solve.finished + need, leader.votes + need];
  const path = `M${x(solve.finished)} ${y(leader.votes)}L${x(ended)} ${y(votes)}`;
  return [
    svg("path", { class: `step promise ${leader.colour}`, d: path }),
    svg("circle", { class: `goal ${leader.colour}`, cx: x(ended), cy: y(votes), r: 4 }),
  ];
}

/** Put each answer beside its line: above the one below, with room for those above. */
function labels(ends, y) {
  let last = BOTTOM + ROW;
  return [...ends].reverse().map(({ answer, votes, colour }, number) => {
    const room = TOP + ROW * (ends.length - 1 - number);
    last = Math.max(Math.min(y(votes) + 4, last - ROW), room);
    return words(RIGHT + 8, last, oneLine(answer, NAME), "start", `name ${colour}`);
  });
}

function words(x, y, text, anchor, kind = "quiet") {
  return svg("text", { x, y, "text-anchor": anchor, class: kind }, text);
}

/** Return 0 and up to five round whole numbers, the last at most `most`. */
function ticks(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most / 5)));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((one) => most / one <= 5));
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, number) => number * step);
}
