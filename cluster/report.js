// Runs of an evaluation: what each problem unfolds to, built when it is asked for.
(() => {
  const lines = document.getElementById("data").textContent.split("\n");
  const runs = JSON.parse(lines[0]).runs;
  const SHOWN = 200; // problems shown at once: a table of thousands makes a page slow
  const unpack = async (line) => {
    const bytes = Uint8Array.from(atob(line), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  // A text that was cut is {start, end, length}: show where, and how much is not there.
  const shown = (text) => {
    if (typeof text !== "object") return [text];
    const left = text.length - text.start.length - text.end.length;
    const told = `… ${left.toLocaleString("en")} of ${count(text.length, "character")} left out …`;
    return [text.start, el("span", { class: "left-out" }, told), text.end];
  };

  // A problem, unfolded: votes and chains of each row, built when they are asked for.
  const votes = (row) => {
    if (!row.votes.length) return "";
    const total = row.votes.reduce((sum, vote) => sum + (vote.weight || 0), 0) || 1;
    const line = (vote, place) =>
      el("tr", null,
        el("td", null, el("strong", { class: `c${Math.min(place, 5)}` }, ...shown(vote.answer || "")),
          vote.correct === true ? " ✓ right" : vote.correct === false ? " ✗ wrong" : ""),
        el("td", { class: "number" }, String(+(vote.weight || 0).toPrecision(6))),
        el("td", { class: "number" }, `${Math.round((100 * (vote.weight || 0)) / total)} %`),
        el("td", null, (vote.chains || []).map((chain) => `#${chain}`).join(" ")));
    const heads = [["answer"], ["votes", "number"], ["share", "number"], ["chains"]];
    return el("table", null,
      el("thead", null, el("tr", null, ...heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
      el("tbody", null, ...row.votes.map(line)));
  };
  const step = (told) => {
    if (told.said) {
      const thinking = told.reasoning && el("details", null,
        el("summary", null, `Reasoning (${count(told.reasoning.length, "character")})`),
        el("pre", null, ...shown(told.reasoning)));
      const text = told.text ? el("pre", null, ...shown(told.text)) : el("p", { class: "quiet" }, "It wrote nothing.");
      return el("li", null, el("p", { class: "quiet" }, told.said), thinking, text);
    }
    const out = [told.stdout, told.stderr].filter(Boolean).map((text) =>
      el("pre", { class: told.failed ? "output failed" : "output" }, el("samp", null, ...shown(text))));
    return el("li", null, el("p", { class: "quiet" }, "Program"), el("pre", null, el("code", null, ...shown(told.code || ""))),
      el("p", { class: "quiet" }, told.ran), ...out);
  };
  const inside = (chain) => {
    const read = Object.entries(chain.sources || {}).map(([source, text]) =>
      el("li", null, `${source}: `, text === null ? "nothing" : el("code", null, ...shown(text))));
    const programs = (chain.programs || []).map((ran) => `${ran.status}, ${(ran.wall_s || 0).toFixed(2)} s`).join("; ");
    return [
      el("p", { class: "quiet" }, [chain.model && `Model ${whole(chain.model)}`, chain.label && `prompt ${whole(chain.label)}`,
        `${(chain.seconds || 0).toFixed(2)} s`, programs && `programs: ${programs}`].filter(Boolean).join(", ")),
      read.length ? el("ul", null, ...read) : el("p", { class: "quiet" }, "No answer was read in this chain."),
      chain.steps ? el("ol", { class: "steps" }, ...chain.steps.map(step))
        : el("p", { class: "quiet" }, "Its texts are not on this page."),
    ];
  };
  const chainView = (chain, place) => {
    const answer = chain.answer === undefined ? "no answer" : whole(chain.answer);
    const mark = chain.correct === true ? " ✓" : chain.correct === false && chain.answer !== undefined ? " ✗" : "";
    const colour = place === undefined ? "quiet" : `c${Math.min(place, 5)}`;
    const programs = chain.programs ? `, ${count(chain.programs.length, "program")}` : "";
    const body = el("div", { class: "inside" });
    const folded = el("details", { class: "chain" },
      el("summary", null, el("span", null, `#${chain.index}`),
        el("span", null, el("span", { class: `read ${colour}` }, answer.slice(0, 200)), mark),
        el("span", { class: "quiet" }, `${whole(chain.ended || "")}, ${count(chain.tokens || 0, "token")}${programs}`)),
      body);
    folded.addEventListener("toggle", () => folded.open && !body.firstChild && body.append(...inside(chain)));
    return folded;
  };
  const attempt = (row) => {
    const places = new Map();
    row.votes.forEach((vote, place) => (vote.chains || []).forEach((chain) => places.has(chain) || places.set(chain, place)));
    const title = [runs[row.run].name, row.repeat ? `repeat ${row.repeat}` : ""].filter(Boolean).join(", ");
    const said = [row.reason, row.stop_reason && `stopped: ${whole(row.stop_reason)}`, row.stopped_by && `by ${whole(row.stopped_by)}`,
      row.completion_tokens && `${count(row.completion_tokens, "token")} written`,
      row.tokens_saved && `${count(row.tokens_saved, "token")} saved`, row.wall_s && `${row.wall_s.toFixed(1)} s`];
    return el("div", { class: "attempt" },
      el("h3", null, title, ": ", row.answer === undefined ? "no answer" : el("span", null, ...shown(row.answer))),
      el("p", { class: "quiet" }, said.filter(Boolean).map(whole).join("; ")),
      row.error ? el("p", { class: "bad" }, `${whole(row.error.type)}: ${whole(row.error.message)}`) : "",
      row.untold ? el("p", { class: "quiet" }, "The texts of its trace are not on this page.") : "",
      votes(row), ...row.chains.map((chain) => chainView(chain, places.get(chain.index))));
  };
  const unfolded = async (row) => {
    const problem = await unpack(lines[Number(row.dataset.n)]);
    const reference = problem.reference === null ? "" : el("p", null, "Known answer: ", el("strong", null, ...shown(problem.reference)));
    return [el("p", { class: "full" }, ...shown(problem.question)), reference, ...problem.rows.map(attempt)];
  };
  const kinds = [["", "all problems"], ["wrong", "wrong answers"], ["differ", "answers that differ"], ["abstained", "abstentions"], ["error", "errors"]];
  const prepare = (table) => {
    const wanted = unfolding(table, "problem", unfolded);
    searchable(table, { hint: "Search id, question, answer", noun: "problem", kinds, most: SHOWN });
    if (wanted) reveal(wanted, unfolded);
  };
  document.querySelectorAll("table.problems").forEach(prepare);
  // Save: what is on the page as JSON, and a line for each answer as CSV.
  const problems = () => Promise.all(lines.slice(1).map(unpack));
  const csv = async () => {
    const columns = ["answer", "correct", "abstained", "confidence", "reason", "stop_reason", "stopped_by", "prompt_tokens",
      "completion_tokens", "tokens_saved", "wall_s", "seed", "solve_id"];
    const rows = [["run", "problem", "repeat", "question", "reference", ...columns, "error"]];
    for (const problem of await problems()) {
      for (const row of problem.rows) {
        const error = row.error && `${whole(row.error.type)}: ${whole(row.error.message)}`;
        rows.push([runs[row.run].name, problem.id, row.repeat, problem.question, problem.reference, ...columns.map((name) => row[name]), error]);
      }
    }
    return csvOf(rows);
  };
  const json = async () => JSON.stringify({ runs, problems: await problems() });
  saves(["report.csv", "text/csv", csv, "Save answers as CSV"], ["report.json", "application/json", json, "Save everything as JSON"]);
})();
