// Rows of editing benchmarks: each unfolds to all its fields; a search holds for the chart and both tables.
(() => {
  const [told, texts] = document.getElementById("data").textContent.split("\n").map((line) => JSON.parse(line));
  const fields = document.querySelector(".fields");
  const unfolded = async (row) => [...fields.querySelector(`details[data-n="${row.dataset.n}"]`).children].slice(1);
  const others = [...document.querySelectorAll(".chart .row[data-n], .beside tr[data-n]")];
  for (const table of document.querySelectorAll("table.scores")) {
    const wanted = unfolding(table, "row", unfolded);
    const changed = (rows) => {
      const shown = new Set([...rows].map((row) => row.dataset.n));
      for (const each of others) each.hidden = !shown.has(each.dataset.n);
    };
    searchable(table, { hint: "Search model, command, format", noun: "row", changed });
    const tools = table.parentNode.previousElementSibling;
    document.querySelector(".chart")?.before(tools);
    if (wanted) reveal(wanted, unfolded);
  }
  fields.hidden = true; // each row of the table unfolds to its part
  const kinds = [["", "all cases"], ["wrong", "never solved"], ["differ", "solved by some runs"], ["voted-away", "solved, but not elected"]];
  for (const table of document.querySelectorAll("table.cases")) searchable(table, { hint: "Search cases", noun: "case", kinds });

  const csv = async () => {
    const names = [...new Set(told.rows.flatMap(Object.keys))];
    const flat = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : value);
    return csvOf([["source", ...names], ...told.rows.map((row, place) => [told.sources[place], ...names.map((name) => flat(row[name]))])]);
  };
  saves(["rows.csv", "text/csv", csv, "Save rows as CSV"],
    ["rows.json", "application/json", async () => JSON.stringify(told), "Save rows as JSON"],
    ["rows.yml", "application/yaml", async () => texts.yaml, "Save rows as YAML"]);
})();
