// A probability of fake on the line from real to fake, with the thresholds of the ticket.

import { drawn, fitted } from "./dom.js";
import { probable } from "./words.js";

const HEIGHT = 58;
const LINE = 18;
const EDGE = 9;

/** The thresholds in an operating point: null where there is none. */
export const thresholds = (point) => ({ fake: point?.fake?.threshold ?? null, real: point?.real?.threshold ?? null });

/** Fills `place`; `at` are the thresholds. */
export function showScale(place, probability, at) {
  const box = document.createElement("div");
  box.className = "scale";
  place.replaceChildren(box);
  fitted(box, (width) => scale(width, probability, at));
}

function scale(width, probability, at) {
  const x = (share) => EDGE + Math.min(Math.max(share, 0), 1) * (width - 2 * EDGE);
  const parts = [drawn("line", { class: "thread", x1: x(0), x2: x(1), y1: LINE, y2: LINE })];
  for (const [left, right, name] of zones(at)) {
    if (name !== "inconclusive") parts.push(drawn("line", { class: "zone", x1: x(left), x2: x(right), y1: LINE, y2: LINE }));
    parts.push(...label(x(left), x(right), name));
  }
  for (const value of [at.real, at.fake]) if (value !== null) parts.push(tick(x(value)));
  if (probability !== null) parts.push(drawn("circle", { class: "knot", cx: x(probability), cy: LINE, r: 8 }));
  return drawn("svg", { width, height: HEIGHT, role: "img", "aria-label": said(probability, at) }, ...parts);
}

function zones({ real, fake }) {
  if (fake === null) return [[0, 1, "no thresholds"]];
  return [
    ...(real !== null && real > 0 ? [[0, real, "real"]] : []),
    [Math.max(real ?? 0, 0), fake, "inconclusive"],
    ...(fake < 1 ? [[fake, 1, "fake"]] : []),
  ].filter(([left, right]) => right > left);
}

/** A zone's name under it, where there is room: nearer its outer end. */
function label(left, right, name) {
  const wide = 6.6 * name.length;
  if (right - left < wide && name === "inconclusive") return [];
  const anchor = name === "real" ? "start" : name === "fake" ? "end" : "middle";
  const x = anchor === "start" ? left - EDGE : anchor === "end" ? right + EDGE : (left + right) / 2;
  return [drawn("text", { class: "label", x, y: LINE + 28, "text-anchor": anchor, text: name })];
}

const tick = (x) => drawn("line", { class: "tick", x1: x, x2: x, y1: LINE - 9, y2: LINE + 9 });

function said(probability, { fake, real }) {
  const told = probability === null ? "No probability." : `Probability of fake ${probable(probability)}.`;
  const up = real === null ? "" : ` Up to ${probable(real)} is called real.`;
  return fake === null ? told : `${told}${up} From ${probable(fake)} on is called fake.`;
}
