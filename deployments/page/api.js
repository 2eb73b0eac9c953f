// Talk to the server this page came from: requests, errors in plain words, the key.

import { eventsOf } from "./stream.js";

const ROOT = new URL("../", import.meta.url);
const KEY = "votebox-key";
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
const SILENCE_MS = 45_000; // three keep-alive comments
const LONGEST_WAIT_S = 15;

/** Tell of a request that failed: `status` 0 means that no server answered. */
export class Failure extends Error {
  constructor(status, message, param = null, wait_s = null) {
    super(message);
    Object.assign(this, { status, param, wait_s });
  }

  /** Return whether the same request may succeed later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export function useKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/** Return whether `id` can name a solve; only such text goes into the path of a request. */
export function isId(id) {
  return ID.test(id);
}

export const recipes = async () => (await (await request("v1/recipes")).json()).data;
export const solves = async (limit) => (await (await request(`v1/solves?limit=${limit}`)).json()).data;
export const solve = async (id) => (await request(pathOf(id))).json();
export const cancel = async (id) => (await request(pathOf(id), { method: "DELETE" })).json();

/** Begin a solve; return its object. */
export async function ask(wish) {
  const body = JSON.stringify({ ...wish, background: true });
  return (await request("v1/solves", { method: "POST", body })).json();
}

/**
 * Yield what happens in a solve, from its start to its end, each event once: {events}, and
 * {wait_s} whenever the connection broke and is tried again after so many seconds.
 */
export async function* follow(id, signal) {
  let last = null;
  for (let failures = 1; ; failures += 1) {
    try {
      for await (const batch of connected(id, last, signal)) {
        const fresh = batch.filter((event) => last === null || event.id === null || event.id > last);
        last = fresh.findLast((event) => event.id !== null)?.id ?? last;
        if (fresh.length) failures = 0;
        const told = fresh.filter((event) => event.data !== "[DONE]").map((event) => JSON.parse(event.data));
        if (told.length) yield { events: told };
        if (told.length < fresh.length || told.at(-1)?.error) return;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof Failure && !error.passes)) throw error;
    }
    const wait_s = Math.min(LONGEST_WAIT_S, 0.5 * 2 ** failures);
    yield { wait_s };
    await pause(wait_s, signal);
  }
}

async function* connected(id, last, signal) {
  const silent = new AbortController();
  let timer = null;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  const either = AbortSignal.any([signal, silent.signal]);
  try {
    heard();
    const after = last === null ? "" : `?after=${last}`;
    const response = await request(`${pathOf(id)}/events${after}`, { signal: either });
    for await (const batch of eventsOf(response.body)) {
      heard();
      yield batch;
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

function pathOf(id) {
  if (!isId(id)) throw new Failure(404, "This address names no solve.");
  return `v1/solves/${id}`;
}

async function request(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(options.body && { "content-type": "application/json" }) };
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Failure(0, "The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  throw await failureOf(response);
}

async function failureOf(response) {
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    // a proxy's error page: the status says enough
  }
  const wait_s = Number(response.headers.get("retry-after")) || null;
  const message = typeof told.message === "string" ? told.message : `The server answered ${response.status}.`;
  return new Failure(response.status, message, told.param ?? null, wait_s);
}

function pause(wait_s, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * wait_s);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
