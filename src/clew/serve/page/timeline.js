// A person through a video: the probability of fake in every frame that was looked at.

import { drawn, fitted, made } from "./dom.js";
import { counted, moment, probable, REASONS } from "./words.js";

const HEIGHT = 128;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 30;
const RIGHT = 8;
const MOST_ROWS = 400;

/** A chart; `seconds` the video's length, `at` the ticket's thresholds. */
export function timeline(person, seconds, at) {
  const box = made("div", { class: "timeline" });
  fitted(box, (width) => chart(width, person, seconds, at));
  return box;
}

function chart(width, person, seconds, at) {
  const last = Math.max(seconds || 0, ...person.faces.map((face) => face.time_s), 0.1);
  const x = (time) => LEFT + (time / last) * (width - LEFT - RIGHT);
  const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const parts = [axis(width, x, y, last), bounds(width, y, at), thread(person, x, y), ...dots(person, x, y)];
  return drawn("svg", { width, height: HEIGHT, role: "img", "aria-label": said(person) }, ...parts);
}

function axis(width, x, y, last) {
  const line = (share) => drawn("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share) });
  const text = (share) => drawn("text", { class: "label", x: LEFT - 8, y: y(share) + 4, "text-anchor": "end", text: share });
  const time = (seconds, anchor) =>
    drawn("text", { class: "label", x: x(seconds), y: HEIGHT - 6, "text-anchor": anchor, text: moment(seconds) });
  return drawn("g", {}, line(0), line(1), text(0), text(1), time(0, "start"), time(last, "end"));
}

function bounds(width, y, { fake, real }) {
  const line = (share) => drawn("line", { class: "bound", x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share) });
  return drawn("g", {}, ...[fake, real].filter((one) => one !== null && one >= 0 && one <= 1).map(line));
}

const counts = (face) => !face.reason && face.probability !== null;

function thread(person, x, y) {
  const points = person.faces.filter(counts).map((face) => `${x(face.time_s).toFixed(1)},${y(face.probability).toFixed(1)}`);
  return drawn("polyline", { class: "path", points: points.join(" ") });
}

function dots(person, x, y) {
  return person.faces.map((face, place) => {
    const kind = !counts(face) ? "left-out" : person.decisive.includes(place) ? "knot" : "dot";
    const value = face.probability ?? 0;
    const circle = drawn("circle", { class: kind, cx: x(face.time_s), cy: y(value), r: kind === "knot" ? 6 : 3 });
    circle.append(drawn("title", { text: `${moment(face.time_s)}: ${face.reason ? REASONS[face.reason] ?? face.reason : probable(value)}` }));
    return circle;
  });
}

function said(person) {
  const known = person.faces.filter(counts);
  if (!known.length) return "No frame counts.";
  const values = known.map((face) => face.probability);
  const range = `from ${probable(Math.min(...values))} to ${probable(Math.max(...values))}`;
  return `Probability of fake in ${counted(known.length, "frame")}, ${range}; the table below has each.`;
}

/** The same as a table. */
export function table(person) {
  const heads = ["Time", "Frame", "Probability", "Counts"].map((text) => made("th", { scope: "col", text }));
  const rows = person.faces.slice(0, MOST_ROWS).map((face) =>
    made("tr", {}, ...[moment(face.time_s), face.frame, probable(face.probability, 3), why(face)].map((text) => made("td", { text }))),
  );
  const left = person.faces.length - rows.length;
  const caption = left > 0 ? `${counted(left, "more frame")} in the finding's file` : "";
  return made(
    "details", {},
    made("summary", { text: "Every frame that was looked at" }),
    made("div", { class: "scrolls", tabindex: "0", role: "group", "aria-label": `Frames of person ${person.person}` },
      made("table", {}, made("thead", {}, made("tr", {}, ...heads)), made("tbody", {}, ...rows))),
    made("p", { class: "soft", text: caption }),
  ); // prettier-ignore
}

const why = (face) => (face.reason ? `no: ${REASONS[face.reason] ?? face.reason}` : face.probability === null ? "no" : "yes");
