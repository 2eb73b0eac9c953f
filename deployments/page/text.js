// Words and numbers as the page shows them, and text of a model made harmless to read.

// CSI, OSC and the other escape sequences of ECMA-48, with their 8-bit forms.
const ESCAPES = new RegExp(
  "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]" +
    "|(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^]*?(?:\\x07|\\x1b\\\\|\\x9c|$)" +
    "|\\x1b[ -/]*[0-~]",
  "g",
);
// Control, direction and invisible characters can make a text read as another one.
const HIDDEN = /[^\P{C}\n]|[\u2028\u2029]/gu;

/** Return `text` without escape sequences, control and direction characters; lines stay. */
export function clean(text) {
  return String(text).replace(ESCAPES, "").replace(/\r\n/g, "\n").replace(/\t/g, "    ").replace(HIDDEN, "");
}

/** Return `text` cleaned, on one line of at most `limit` characters, cut in the middle. */
export function oneLine(text, limit = 200) {
  const given = String(text);
  const near = given.length > 8 * limit ? given.slice(0, 4 * limit) + " " + given.slice(-4 * limit) : given;
  const line = Array.from(clean(near).replace(/\s+/g, " ").trim());
  if (line.length <= limit) return line.join("");
  const half = Math.floor((limit - 3) / 2);
  return `${line.slice(0, half).join("")} … ${line.slice(-half).join("")}`;
}

/** Return the last `width` characters on one line. */
export function tail(text, width) {
  return Array.from(clean(text.slice(-4 * width)).replace(/\s+/g, " ")).slice(-width).join("");
}

const whole = new Intl.NumberFormat("en");

/** Return a count with its noun: "1 chain", "9,100 tokens". */
export function count(number, noun = "") {
  const shown = whole.format(Math.round(number));
  return noun ? `${shown} ${noun}${number === 1 ? "" : "s"}` : shown;
}

/** Return a weight: whole numbers bare, others with two digits. */
export function weight(value) {
  return Number.isInteger(value) ? whole.format(value) : value.toFixed(2);
}

export function percent(share) {
  const value = 100 * share;
  return value > 0 && value < 10 ? `${value.toPrecision(2)} %` : `${Math.round(value)} %`;
}

/** Return seconds as "0.04 s", "1.4 s", "12 s", "3 min 05 s" or "2 h 10 min". */
export function seconds(value) {
  if (value < 1) return `${value.toFixed(2)} s`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.floor(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(value % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Return when it was: the time of day, with the date if it was not today. */
export function moment(unix) {
  const then = new Date(1000 * unix);
  const today = then.toDateString() === new Date().toDateString();
  return (today ? clock : day).format(then);
}
