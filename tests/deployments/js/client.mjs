// Asks the server at VOTEBOX_URL through the Vercel AI SDK and prints what it saw as JSON.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const warnings = [];
globalThis.AI_SDK_LOG_WARNINGS = ({ warnings: told }) => warnings.push(...told);

const votebox = createOpenAICompatible({
  name: "votebox",
  baseURL: `${process.env.VOTEBOX_URL}/v1`,
  apiKey: process.env.VOTEBOX_API_KEY,
  includeUsage: true,
});
const model = votebox.chatModel("votebox/vote");
const prompt = "What is six times seven?";

async function generated() {
  const { text, reasoningText, usage, finishReason } = await generateText({ model, prompt });
  return { text, reasoning: reasoningText, tokens: usage.totalTokens, finishReason };
}

async function streamed() {
  const result = streamText({ model, prompt });
  const kinds = new Set();
  let text = "";
  let reasoning = "";
  for await (const part of result.fullStream) {
    kinds.add(part.type);
    if (part.type === "text-delta") text += part.text;
    if (part.type === "reasoning-delta") reasoning += part.text;
  }
  const usage = await result.usage;
  return { text, reasoning, tokens: usage.totalTokens, kinds: [...kinds] };
}

async function refused() {
  try {
    await generateText({ model: votebox.chatModel("votebox/nothing"), prompt, maxRetries: 0 });
    return null;
  } catch (error) {
    return { name: error.name, status: error.statusCode, message: error.message };
  }
}

async function aborted() {
  const stop = new AbortController();
  const result = streamText({ model, prompt, abortSignal: stop.signal });
  const kinds = [];
  for await (const part of result.fullStream) {
    kinds.push(part.type);
    if (part.type === "start-step") stop.abort();
  }
  return kinds.at(-1);
}

console.log(
  JSON.stringify({
    generated: await generated(),
    streamed: await streamed(),
    refused: await refused(),
    aborted: await aborted(),
    warnings,
  }),
);
