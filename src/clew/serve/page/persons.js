// Every person: verdict, reason, timeline, the faces that decided, with their heatmaps once those are there.

import { made } from "./dom.js";
import { brightest, canvas, draw } from "./heat.js";
import { showScale } from "./scale.js";
import { table, timeline } from "./timeline.js";
import { capital, counted, HELP, moment, probable, REASONS } from "./words.js";

const MOST_PERSONS = 12;
const MOST_FACES = 3;

export class Persons {
  /** Fills `place` with a finding's persons; `seek` is called with the seconds of a frame that was asked for. */
  constructor(place, finding, faces, at, seek) {
    Object.assign(this, { finding, faces, at, seek, shown: [], heats: new Map(), bright: 1 });
    const some = finding.persons.slice(0, MOST_PERSONS);
    place.replaceChildren(...some.map((person) => this.person(person)));
    const more = finding.persons.length - some.length;
    if (more) place.append(made("p", { class: "soft", text: `${counted(more, "more person")} in the finding's file.` }));
    if (!some.length) place.append(made("p", { class: "soft", text: "No face was found, so there is nobody to judge." }));
  }

  person(person) {
    const video = this.finding.kind === "video";
    const words = [made("h3", { text: this.title(person) }), made("p", { class: "said", text: said(person, video) })];
    const parts = video ? this.moving(person, words) : this.still(person, words);
    return made("section", { class: video ? "person" : "person still", "aria-label": `Person ${person.person}` }, ...parts);
  }

  moving(person, words) {
    const chart = timeline(person, this.finding.media.duration_s, this.at);
    return [...words, chart, this.pictures(person, true), table(person)];
  }

  still(person, words) {
    const scale = made("div");
    if (person.probability !== null) showScale(scale, person.probability, this.at);
    return [this.pictures(person, false), made("div", {}, ...words, scale)];
  }

  title(person) {
    const name = this.finding.persons.length > 1 || this.finding.kind === "video" ? `Person ${person.person}: ` : "";
    return name ? `${name}${person.verdict}` : capital(person.verdict);
  }

  pictures(person, video) {
    const places = this.faces.shown(person, MOST_FACES);
    const decisive = person.decisive.length > 0;
    return made("div", { class: "faces" }, ...places.map((place) => this.picture(person, place, video, decisive)));
  }

  picture(person, place, video, decisive) {
    const face = person.faces[place];
    const where = video ? `${moment(face.time_s)}, frame ${face.frame}` : "the face as the ticket was given it";
    const value = face.probability === null ? REASONS[face.reason] ?? "not scored" : probable(face.probability);
    const onto = canvas(`Person ${person.person}, ${where}: ${value}`);
    const one = { person: person.person, place, onto, face: null, decisive };
    this.shown.push(one);
    this.faces.get(person.person, place).then((found) => {
      one.face = found;
      this.redraw(one);
    }, () => onto.classList.add("gone"));
    if (!video) return made("figure", {}, onto);
    return made("figure", {}, this.seeking(face, onto), made("figcaption", {}, made("b", { text: value }), ` ${where}`));
  }

  seeking(face, onto) {
    const button = made("button", { type: "button", class: "moment", title: "Show in the video" }, onto);
    button.addEventListener("click", () => this.seek(face.time_s));
    return button;
  }

  /** Takes heatmaps [{person, place, cells}], which share one scale. */
  warm(heatmaps) {
    this.bright = brightest(heatmaps.map((one) => one.cells));
    for (const one of heatmaps) this.heats.set(`${one.person}/${one.place}`, one.cells);
    this.show(true);
  }

  /** With heatmaps or without. */
  show(heated) {
    this.heated = heated;
    for (const one of this.shown) this.redraw(one);
  }

  redraw(one) {
    if (one.face) draw(one.onto, one.face, (this.heated && this.heats.get(`${one.person}/${one.place}`)) || null, this.bright);
  }
}

function said(person, video) {
  const why = person.reason ? `${capital(REASONS[person.reason] ?? person.reason)}. ` : "";
  if (person.probability === null) return `${why}${HELP[person.reason] ?? ""}`.trim();
  const over = video ? `, the mean of ${person.counted} of ${counted(person.faces.length, "face")}` : "";
  const hollow = video && person.counted < person.faces.length ? " Hollow: frames that do not count." : "";
  return `${why}Probability of fake ${probable(person.probability)}${over}.${hollow}`;
}
