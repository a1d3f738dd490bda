// The sparsity slider: the same faces through every step of a ladder, from the dense net to the sparsest ticket.

import { draw, brightest } from "./heat.js";
import { PruningView } from "./pruning_view.js";
import { rescored } from "./service.js";

export class Pruning {
  /** Of a job, over `steps` of a ladder, dense first; `failed` is told of what goes wrong. */
  constructor(place, job, steps, faces, signal, failed) {
    Object.assign(this, { job, steps, faces, signal, failed, scores: new Map(), heats: new Map(), running: false });
    this.at = Math.max(0, steps.findIndex((step) => step.hash === job.finding.ticket.hash));
    const person = decisive(job.finding);
    this.shown = person ? faces.shown(person, 3).map((at) => ({ person: person.person, place: at, face: null })) : [];
    this.hot = person !== null && person.decisive.length > 0;
    this.view = new PruningView(place, steps, this.at, this.shown, job, (at) => this.move(at));
    for (const one of this.shown) faces.get(one.person, one.place).then((face) => { one.face = face; this.paint(); }, () => {}); // prettier-ignore
    this.run();
  }

  move(at) {
    this.at = at;
    this.view.show(at, this.scores);
    this.paint();
    this.run();
  }

  /** One question at a time, what is looked at first; the slider may be dragged as fast as one likes. */
  async run() {
    if (this.running) return;
    this.running = true;
    try {
      for (let next = this.next(); next; next = this.next()) await this.ask(next);
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      this.running = false;
    }
  }

  next() {
    if (!this.scores.has(this.at)) return { at: this.at, heatmaps: false };
    if (this.hot && !this.heats.has(this.at)) return { at: this.at, heatmaps: true };
    const unknown = this.steps.findIndex((_, at) => !this.scores.has(at));
    return unknown < 0 ? null : { at: unknown, heatmaps: false };
  }

  async ask({ at, heatmaps }) {
    const found = await rescored(this.job.id, { level: this.steps[at].level, heatmaps }, this.signal);
    if (heatmaps) this.heats.set(at, found.heatmaps);
    else this.scores.set(at, found);
    this.view.show(this.at, this.scores);
    this.paint();
  }

  /** The faces, with the heatmaps of the step where they are known. */
  paint() {
    const heats = this.heats.get(this.at) ?? [];
    const cells = (one) => heats.find((heat) => heat.person === one.person && heat.place === one.place)?.cells ?? null;
    const bright = brightest(heats.map((heat) => heat.cells));
    for (const one of this.shown) if (one.face) draw(one.onto, one.face, cells(one), bright);
    this.view.heated(heats.length > 0, this.hot, bright);
  }
}

/** The person that a finding rests on. */
function decisive(finding) {
  const known = finding.persons.filter((person) => person.probability !== null);
  const first = known.sort((one, other) => other.probability - one.probability)[0];
  return first ?? finding.persons[0] ?? null;
}
