// The network: read, tried on a drawn picture, and run on crops.

import { resize } from "./resize.js";

const TOLERANCE = 1e-3; // of a logit, per 1 of the largest where that is above 1

/** Something that the user is told in one line. */
export class Problem extends Error {}

/** The facts about the ticket. */
export async function readTicket() {
  const found = JSON.parse(new TextDecoder().decode(await fetched("ticket.json")));
  if (found.format !== 1) throw new Problem("ticket.json is of another version of Clew than this page.");
  return found;
}

/** Loads network and runtime; the promise gives a function from RGBA pixels to scores. */
export async function openModel(ticket) {
  if (typeof WebAssembly !== "object") {
    throw new Problem("This browser has no WebAssembly, or it is switched off: the network cannot run here.");
  }
  const bytes = await fetched(ticket.model.file);
  const digest = await sha256(bytes);
  if (digest !== undefined && digest !== ticket.model.sha256) {
    throw new Problem(`${ticket.model.file} is not the file that was exported: it is damaged, export it again.`);
  }
  const { ort, session } = await started(bytes);
  const run = async (values) => {
    const size = ticket.input_size;
    const images = new ort.Tensor("float32", values, [1, 3, size, size]);
    const found = await session.run({ [ticket.model.input]: images });
    return Array.from(found[ticket.model.output].data);
  };
  await tried(run, ticket);
  return (pixels) => scored(run, ticket, pixels);
}

async function fetched(name) {
  let answer;
  try {
    answer = await fetch(name);
  } catch {
    throw new Problem(`${name} cannot be read: the connection to the page's own server is gone. Reload the page.`);
  }
  if (!answer.ok) throw new Problem(`${name} is missing beside this page (${answer.status}): export it again.`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Hex digits; undefined where the browser computes none (plain http from another machine). */
async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function started(bytes) {
  try {
    const ort = await import("./runtime/ort.wasm.bundle.min.js");
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = 1; // more would need headers that plain servers do not send
    ort.env.wasm.wasmPaths = { wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href };
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return { ort, session };
  } catch (error) {
    throw new Problem(`The network cannot be started in this browser (${line(error)}). A newer one may do.`);
  }
}

/** Scores nothing in a browser that computes other numbers than PyTorch did. */
async function tried(run, ticket) {
  const { step, shades, logits } = ticket.check;
  const drawn = new Float32Array(3 * ticket.input_size ** 2);
  for (let at = 0; at < drawn.length; at++) drawn[at] = ((at * step) % shades) / (shades - 1);
  const found = await run(drawn);
  const most = TOLERANCE * Math.max(1, ...logits.map(Math.abs));
  if (found.length !== logits.length || !found.every((logit, k) => Math.abs(logit - logits[k]) <= most)) {
    throw new Problem("This browser computes other numbers than PyTorch did: it is not used. Please report it.");
  }
}

/** What the network says of pixels: {logits, probabilities, fake, input, ms}. */
async function scored(run, ticket, { rgba, width, height }) {
  const start = performance.now();
  const input = resize(rgba, width, height, ticket.input_size);
  const logits = await run(planes(input));
  const probabilities = softmax(logits.map((logit) => logit / (ticket.temperature ?? 1)));
  const fake = Math.min(1, probabilities.slice(1).reduce((sum, one) => sum + one, 0));
  return { logits, probabilities, fake, input, ms: performance.now() - start };
}

/** RGB bytes (size, size, 3) as numbers (3, size, size) in [0, 1]. */
function planes(rgb) {
  const count = rgb.length / 3;
  const values = new Float32Array(rgb.length);
  for (let at = 0; at < rgb.length; at++) values[(at % 3) * count + Math.trunc(at / 3)] = rgb[at] / 255;
  return values;
}

function softmax(logits) {
  const most = Math.max(...logits);
  const odds = logits.map((logit) => Math.exp(logit - most));
  const sum = odds.reduce((total, one) => total + one, 0);
  return odds.map((one) => one / sum);
}

function line(error) {
  return String(error?.message ?? error).split("\n")[0].slice(0, 160);
}
