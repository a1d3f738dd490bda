// How the slider looks: numbers of one step, the thread of probabilities through all of them, faces.

import { drawn, fitted, made } from "./dom.js";
import { canvas } from "./heat.js";
import { capital, percent, probable, REASONS, sized, timed } from "./words.js";

const HEIGHT = 104;
const EDGE = 11; // half of the slider's handle
const TOP = 10;
const LATER = 350; // ms until a change is told to screen readers

const KEY = "The line: the probability of fake at each step. The dashes: from where, and up to where, that step says fake and real.";

const stepName = (step) => (step.level ? percent(step.level, 0) : "dense");

export class PruningView {
  constructor(place, steps, at, shown, job, moved) {
    Object.assign(this, { steps, at, scores: new Map(), parts: {} });
    place.replaceChildren(this.heading(job), this.body(shown), this.said());
    place.hidden = false;
    this.parts.slider.addEventListener("input", () => moved(Number(this.parts.slider.value)));
    fitted(this.parts.curve, (width) => {
      this.width = width;
      return this.curve();
    });
    this.show(at, this.scores);
  }

  heading({ finding }) {
    const { detector, protocol } = this.steps[0];
    const other = this.steps.some((step) => step.hash === finding.ticket.hash)
      ? "The finding above is of one of its steps and stays as it is."
      : "The finding above is by another ticket and stays as it is.";
    const cut = protocol === finding.ticket.protocol ? "" : " It was trained on faces that were cut otherwise, so its scores may be off.";
    const text = `The same faces through ${this.steps.length} tickets of one ladder, ${detector} from dense to ${stepName(this.steps.at(-1))} of its weights removed. ${other}${cut}`;
    return made("div", {}, made("h2", { id: "pruning-title", text: "What is left when it is pruned" }), made("p", { class: "soft", text }));
  }

  body(shown) {
    const part = this.parts;
    part.curve = made("div", { class: "curve" });
    part.slider = made("input", { type: "range", min: 0, max: this.steps.length - 1, step: 1, value: this.at, id: "slider" });
    const names = this.steps.map((step) => made("li", { text: stepName(step) }));
    const ticks = made("ol", { class: "ticks", "aria-hidden": "true" }, ...names);
    const label = made("label", { for: "slider", text: "Weights removed" });
    part.verdict = made("output", { class: "step-verdict", for: "slider" });
    part.why = made("p", { class: "soft why" });
    part.numbers = made("dl", { class: "numbers" });
    part.faces = made("div", { class: "faces" }, ...shown.map((one) => made("figure", {}, (one.onto = canvas("")))));
    part.heat = made("p", { class: "soft" });
    return made(
      "div", { class: "prune" },
      made("div", { class: "controls" }, label, part.curve, part.slider, ticks, made("p", { class: "soft key-line", text: KEY })),
      made("div", { class: "step" }, part.verdict, part.why, part.numbers),
      made("div", { class: "step-faces" }, part.faces, part.heat),
    ); // prettier-ignore
  }

  said() {
    return (this.parts.said = made("p", { class: "unseen", role: "status" }));
  }

  /** Step `at`, with what is known of all. */
  show(at, scores) {
    Object.assign(this, { at, scores });
    const { slider, verdict, why, numbers, curve } = this.parts;
    const step = this.steps[at];
    const found = scores.get(at);
    verdict.textContent = found ? capital(found.verdict) : "…";
    verdict.dataset.verdict = found?.verdict ?? "";
    why.textContent = found?.reason ? `${capital(REASONS[found.reason] ?? found.reason)}.` : "";
    numbers.replaceChildren(...this.rows(step, found).map((row) => number(...row)));
    numbers.setAttribute("aria-busy", String(!found));
    if (this.width) curve.replaceChildren(this.curve());
    const told = found ? `${found.verdict}, probability ${probable(found.probability)}` : "scoring";
    slider.setAttribute("aria-valuetext", `${stepName(step)}${step.level ? " removed" : ""}: ${told}`);
    if (found) this.tell(`${stepName(step)}: ${told}, ${timed(found.ms)} a face, ${sized(step.bytes)}`);
  }

  tell(text) {
    clearTimeout(this.timer);
    if (this.last === undefined) this.last = text; // the first is no change
    if (this.last !== text) this.timer = setTimeout(() => (this.parts.said.textContent = this.last = text), LATER);
  }

  rows(step, found) {
    const dense = this.steps[0];
    const first = this.scores.get(0);
    const left = step.macs_sparsity === null ? null : 1 - step.macs_sparsity;
    const against = found && first && step !== dense ? `dense ${timed(first.ms)}` : found ? `form ${found.form}` : "";
    return [
      ["Probability of fake", found ? probable(found.probability) : "…", found?.level.fake == null ? "" : `fake from ${probable(found.level.fake)}`],
      ["One face takes", found ? timed(found.ms) : "…", against],
      ["File", sized(step.bytes), step === dense ? "" : `dense ${sized(dense.bytes)}`],
      ["Multiply-adds left", left === null ? "not known" : percent(left), step === dense ? "" : `${percent(1 - step.sparsity)} of the weights`],
    ];
  }

  /** The thread of probabilities through the steps that are known. */
  curve() {
    const { width, steps, scores, at } = this;
    const x = (index) => EDGE + (index / (steps.length - 1)) * (width - 2 * EDGE);
    const y = (share) => TOP + (1 - share) * (HEIGHT - 2 * TOP);
    const known = steps.map((_, index) => [index, scores.get(index)?.probability ?? null]).filter(([, value]) => value !== null);
    const points = known.map(([index, value]) => `${x(index)},${y(value)}`).join(" ");
    const rules = [0, 1].map((share) => drawn("line", { class: "rule", x1: x(0), x2: width - EDGE, y1: y(share), y2: y(share) }));
    const limits = known.flatMap(([index]) => this.limits(x(index), y, scores.get(index).level));
    const dots = known.map(([index, value]) =>
      drawn("circle", { class: index === at ? "knot" : "dot", cx: x(index), cy: y(value), r: index === at ? 7 : 3.5 }));
    const told = known.map(([index, value]) => `${stepName(steps[index])} ${probable(value)}`).join(", ");
    return drawn("svg", { width, height: HEIGHT, role: "img", "aria-label": `Probability of fake by weights removed: ${told || "not known yet"}` },
      ...rules, ...limits, drawn("polyline", { class: "path", points }), ...dots); // prettier-ignore
  }

  /** A step's own thresholds. */
  limits(x, y, { fake, real }) {
    const inside = [fake, real].filter((value) => value !== null && value >= 0 && value <= 1);
    return inside.map((value) => drawn("line", { class: "bound", x1: x - 8, x2: x + 8, y1: y(value), y2: y(value) }));
  }

  /** Says of the faces whether their heatmaps are those of the step. */
  heated(known, wanted, bright) {
    const step = stepName(this.steps[this.at]);
    this.parts.heat.textContent = known
      ? `Bright: what this step's score for fake rests on (to ${bright.toFixed(1)} in log-odds).`
      : wanted ? "The heatmap is being made…" : ""; // prettier-ignore
    this.parts.faces.dataset.step = known ? step : "";
    for (const onto of this.parts.faces.querySelectorAll("canvas")) {
      onto.setAttribute("aria-label", `The face${known ? ` with the heatmap at ${step}` : ""}`);
    }
  }
}

function number(name, value, more) {
  return made("div", {}, made("dt", { text: name }), made("dd", {}, made("b", { text: value }), made("small", { text: more })));
}
