// The file itself: the picture with its faces framed, or the video.

import { made, part } from "./dom.js";
import { counted } from "./words.js";

let address = null;

/** Shows a file beside what was found in it; what this browser cannot show is left out. */
export function showSeen(file, finding) {
  clearSeen();
  address = URL.createObjectURL(file);
  const video = finding.kind === "video";
  const shown = video ? videoOf(address, file.name) : pictureOf(address, finding);
  const box = part("seen");
  shown.addEventListener("error", () => (box.hidden = true));
  part("frame").replaceChildren(shown, ...(video ? [] : boxes(finding)));
  part("seen-text").textContent = video ? "Frames below lead to their place in it." : caption(finding);
  box.hidden = false;
}

export function clearSeen() {
  if (address) URL.revokeObjectURL(address);
  address = null;
  part("frame").replaceChildren();
  part("seen").hidden = true;
}

/** Leads a video to a moment. */
export function seek(seconds) {
  const video = part("frame").querySelector("video");
  if (!video) return;
  video.pause();
  video.currentTime = seconds;
  video.scrollIntoView({ block: "nearest" });
}

function pictureOf(url, finding) {
  const { width, height } = finding.media;
  return made("img", { src: url, alt: `The picture. ${caption(finding)}`, ...(width ? { width, height } : {}) });
}

const videoOf = (url, name) =>
  made("video", { src: url, controls: "", muted: "", playsinline: "", preload: "auto", "aria-label": `The video ${name}` });

const caption = (finding) => {
  const some = finding.persons.length;
  return some ? `${counted(some, "face")} found${some > 1 ? ", numbered as below" : ""}.` : "No face was found in it.";
};

function boxes(finding) {
  const { width, height } = finding.media;
  if (!width || !height) return [];
  return finding.persons.filter((person) => person.faces.length).map((person) => {
    const [x, y, across, down] = person.faces[0].box;
    const box = made("span", { class: "box", "aria-hidden": "true" }, made("i", { text: person.person }));
    const place = { left: x / width, top: y / height, width: across / width, height: down / height };
    for (const [name, share] of Object.entries(place)) box.style.setProperty(name, `${100 * share}%`);
    return box;
  }); // prettier-ignore
}
