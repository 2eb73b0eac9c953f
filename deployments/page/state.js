// What is known of a solve: events in, plain values out. Knows no page and no network.

const COLOURS = 5; // classes beyond these share the quiet colour

/** Collect what has happened in one solve so far. */
export class Solve {
  constructor(id) {
    this.id = id;
    this.question = "";
    this.recipe = "";
    this.status = "queued";
    this.position = 0;
    this.planned = 0;
    this.seed = null;
    this.models = [];
    this.chains = new Map();
    this.votes = [];
    this.classes = new Map(); // answer -> number of its colour, in order of appearance
    this.finished = 0;
    this.need = null;
    this.verdict = null;
    this.error = null;
    this.started = null; // unix seconds
    this.ended = null;
    this.race = []; // the votes after each change: {finished, votes}
    this.unheard = []; // chains that ended since the last vote
  }

  get tokens() {
    let sum = 0;
    for (const chain of this.chains.values()) sum += chain.tokens;
    return sum;
  }

  get over() {
    return this.status === "completed" || this.status === "failed" || this.status === "cancelled";
  }

  /** Take from the object the server keeps of the solve what no event tells. */
  introduce(told) {
    this.question = told.question ?? "";
    this.recipe = told.recipe ?? "";
    this.started = told.started ?? told.created ?? null;
    this.planned = told.progress?.planned ?? 0;
  }

  /** Take from that object how the solve ended, where the events did not tell it. */
  settle(told) {
    if (!this.over) this.status = told.status;
    this.started = told.started ?? this.started;
    this.ended = told.ended ?? this.ended;
    this.error ??= told.error ?? null;
    if (told.verdict && !this.verdict) this.conclude(told.verdict);
  }

  /** Take one event; return the chain it changed, if any. Unknown types are ignored. */
  take(event) {
    if (event.error) this.error = event.error;
    else if (event.type === "solve_accepted") this.position = event.position;
    else if (event.type === "solve_started") this.begin(event);
    else if (event.type === "vote_changed") this.count(event);
    else if (event.type === "verdict_reached") this.conclude(event.verdict);
    else if (Number.isInteger(event.chain)) return this.chain(event.chain).take(event, this);
    return null;
  }

  chain(index) {
    if (!this.chains.has(index)) this.chains.set(index, new Chain(index));
    return this.chains.get(index);
  }

  begin(event) {
    this.status = "running";
    this.recipe = event.recipe;
    this.planned = event.chains;
    this.seed = event.seed;
    this.models = event.models;
  }

  count(event) {
    const before = new Map(this.votes);
    this.votes = event.votes;
    this.finished = event.finished;
    this.planned = event.planned;
    this.need = event.need;
    for (const [answer] of this.votes) this.classOf(answer);
    const grown = this.votes.filter(([answer, weight]) => weight > (before.get(answer) ?? 0));
    for (const chain of this.unheard) chain.voteFor(this.votes, grown);
    this.unheard = [];
    this.race.push({ finished: event.finished, votes: event.votes });
  }

  conclude(verdict) {
    this.verdict = verdict;
    this.status = "completed";
    this.votes = verdict.votes.map((vote) => [vote.answer, vote.weight]);
    for (const chain of this.chains.values()) chain.vote = null;
    for (const vote of verdict.votes) {
      this.classOf(vote.answer);
      for (const index of vote.chains) this.chain(index).vote ??= vote.answer;
    }
    for (const record of verdict.chains) this.chain(record.index).complete(record);
    this.finished = verdict.finished ?? this.finished;
    this.planned = verdict.planned || this.planned;
    this.recipe = verdict.recipe;
    this.seed = verdict.seed;
    this.need = null;
  }

  /** Return the number of an answer's colour, 0 to 5; the last one stands for all others. */
  classOf(answer) {
    if (!this.classes.has(answer)) this.classes.set(answer, Math.min(this.classes.size, COLOURS));
    return this.classes.get(answer);
  }

  /** Return the chains that voted for an answer, by number. */
  votersOf(answer) {
    return [...this.chains.values()].filter((chain) => chain.vote === answer).map((chain) => chain.index);
  }

  /** Count the chains that end by themselves, those at work and those that were stopped. */
  get tally() {
    const tally = { done: 0, working: 0, stopped: 0 };
    for (const chain of this.chains.values()) tally[chain.group] += 1;
    return tally;
  }
}

const STOPPED = new Set(["aborted", "deadline", "budget", "cancelled"]);

/** Follow one chain: its replies, its programs, what was read in it. */
export class Chain {
  constructor(index) {
    this.index = index;
    this.label = "";
    this.tokens = 0;
    this.replies = []; // {node, round, text}
    this.programs = []; // {code, execution or null}
    this.candidates = []; // {source, answer}
    this.ended = null;
    this.vote = null;
    this.error = null;
    this.recent = "";
  }

  get running() {
    return this.ended === null && this.programs.some((program) => program.execution === null);
  }

  get group() {
    if (this.ended === null) return "working";
    return STOPPED.has(this.ended) ? "stopped" : "done";
  }

  /** Return the answer it stands for so far, or null. */
  get answer() {
    return this.vote ?? this.candidates.at(-1)?.answer ?? null;
  }

  take(event, solve) {
    if (event.type === "chain_started") this.label = event.label;
    else if (event.type === "chain_text") this.grow(event);
    else if (event.type === "program_started") this.programs.push({ code: event.code, execution: null });
    else if (event.type === "program_finished") this.finishProgram(event.execution);
    else if (event.type === "candidate_read") this.candidates.push({ source: event.source, answer: event.answer });
    else if (event.type === "chain_finished") {
      this.ended = event.ended;
      this.tokens = event.tokens;
      if (this.group === "done") solve.unheard.push(this);
    }
    return this;
  }

  grow(event) {
    let reply = this.replies.findLast((one) => one.node === event.node && one.round === event.round);
    if (!reply) {
      reply = { node: event.node, round: event.round, text: "", characters: 0 };
      this.replies.push(reply);
    }
    // A server joins pieces while nobody is connected: a piece may begin with what is known.
    const known = Math.max(0, reply.characters - (event.at ?? reply.characters));
    const text = known ? Array.from(event.text).slice(known).join("") : event.text;
    const whole = characters(event.text);
    this.tokens += known ? Math.round((event.tokens * Math.max(0, whole - known)) / whole) : event.tokens;
    reply.text += text;
    reply.characters += Math.max(0, whole - known);
    this.recent = (this.recent + text).slice(-600);
  }

  finishProgram(execution) {
    const open = this.programs.find((program) => program.execution === null);
    if (open) open.execution = execution;
  }

  /** Find which class the chain voted for: what it said itself, else the only one that grew. */
  voteFor(votes, grown) {
    const known = new Set(votes.map(([answer]) => answer));
    const said = this.candidates.findLast((candidate) => known.has(candidate.answer));
    if (said) this.vote = said.answer;
    else if (this.candidates.length && grown.length === 1) this.vote = grown[0][0];
  }

  /** Take from the record of a chain what no event told. */
  complete(record) {
    this.label ||= record.label;
    this.ended = record.ended;
    this.tokens = record.usage?.completion_tokens ?? this.tokens;
    this.error = record.error;
    for (const said of record.completions ?? []) {
      const reply = this.replies.find((one) => one.node === said.node && one.round === said.round);
      if (reply) reply.thinking = said.reasoning ?? ""; // no event tells it
    }
    for (const program of this.programs) program.execution ??= { status: "stopped", stdout: "", stderr: "" };
  }
}

/** Count characters as the server does: those beyond the basic plane are one, not two. */
function characters(text) {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}
