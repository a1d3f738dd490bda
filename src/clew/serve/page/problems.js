// What went wrong, in plain words, and what to do.

import { sized } from "./words.js";

const ADVICE = {
  away: ["The service does not answer", "Is clew serve still running? Then try again."],
  "token-needed": ["The token is missing or wrong", "Give the one that was told when the service was started."],
  "too-large": [null, "Take a shorter part of it, or a smaller version."],
  "too-many-pixels": [null, "Scale it down and try again."],
  "too-long": [null, "Cut out the part that matters and try again."],
  "too-slow": [null, "Try again over a better connection."],
  "too-much-work": [null, "A shorter or smaller version may pass."],
  "unknown-kind": [null, "Pictures such as JPEG, PNG or WebP and videos such as MP4, WebM or MKV are read; renaming a file does not make it one."],
  "broke-the-decoder": ["The file broke the program that read it", "Nothing else was harmed. The file is damaged, or was made to do this."],
  unreadable: [null, "It may be damaged or incomplete."],
  empty: [null, "Choose another one."],
  "too-busy": ["Others are being served", "Try again in a few seconds."],
  "worker-lost": ["The scan was ended from outside", "Try again."],
  "no-such-job": ["The service has forgotten this file", "Drop it again."],
  "shutting-down": [null, "Send it again when the service is back."],
  "not-ready": [null, "Try again in a few seconds."],
};

/** A refusal as a title and a sentence. */
export function plain(problem) {
  const [title, advice] = ADVICE[problem.name] ?? [null, ""];
  const detail = (problem.detail ?? "").replace(/^.*: inconclusive, the file cannot be read: /s, "");
  const told = [detail && title !== ADVICE.away[0] ? stopped(detail) : "", advice].filter(Boolean).join(" ");
  return { title: title ?? (problem.title || "Something went wrong"), text: told };
}

const stopped = (text) => {
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};

/** What is wrong with a file before it is sent, null where nothing is. */
export function unsendable(file, limits) {
  if (!file.size) return { name: "empty", title: "The file is empty", detail: `${file.name} has no bytes.` };
  if (limits && file.size > limits.bytes) {
    const detail = `${file.name} has ${sized(file.size)}; at most ${sized(limits.bytes)} are taken.`;
    return { name: "too-large", title: "The file is too large", detail };
  }
  return null;
}
