// Read server-sent events from a fetched body: EventSource cannot send a key.

const LONGEST = 64 * 2 ** 20; // characters of one event

/** Yield, for each piece that arrives, its whole events as a list of {id, data}. */
export async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value.includes("\r") ? value.replaceAll("\r", "") : value;
      const end = rest.lastIndexOf("\n\n");
      if (end < 0 && rest.length > LONGEST) throw new Error("an event never ends");
      const blocks = end < 0 ? [] : rest.slice(0, end).split("\n\n");
      if (end >= 0) rest = rest.slice(end + 2);
      yield blocks.map(readBlock).filter((event) => event.data !== "");
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection may be gone already
  }
}

function readBlock(block) {
  const event = { id: null, data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("data:")) event.data += (event.data && "\n") + line.slice(5).trimStart();
    if (line.startsWith("id:")) event.id = Number(line.slice(3));
  }
  return event;
}
