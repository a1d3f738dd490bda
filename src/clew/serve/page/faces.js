// The faces of a job, fetched once each.

import { face } from "./service.js";

export class Faces {
  constructor(job, signal) {
    this.job = job;
    this.signal = signal;
    this.kept = new Set(job.faces.map(([person, place]) => `${person}/${place}`));
    this.found = new Map();
  }

  has(person, place) {
    return this.kept.has(`${person}/${place}`);
  }

  /** An ImageBitmap. */
  get(person, place) {
    const key = `${person}/${place}`;
    if (!this.found.has(key)) {
      this.found.set(key, face(this.job.id, person, place, this.signal).then(createImageBitmap));
    }
    return this.found.get(key);
  }

  /** Of each person those that decided, else the first that there are, so that one sees why they do not count. */
  shown(person, most) {
    const decisive = person.decisive.filter((place) => this.has(person.person, place));
    const any = person.faces.map((_, place) => place).filter((place) => this.has(person.person, place));
    return (decisive.length ? decisive : any).slice(0, most);
  }
}
