// What was found: the verdict first, then what it rests on, and the finding as a file to keep.

import { listed, made, part } from "./dom.js";
import { facts, origin, rates } from "./rests.js";
import { showScale, thresholds } from "./scale.js";
import { capital, HELP, lasting } from "./words.js";

/** Shows all of a finding but its persons; returns the sentence for screen readers. */
export function showFinding(finding, keptFor) {
  const sentence = told(finding);
  part("name").textContent = finding.path;
  part("verdict").textContent = capital(finding.verdict);
  part("verdict").dataset.verdict = finding.verdict;
  part("sentence").textContent = sentence;
  document.title = `${capital(finding.verdict)} – Clew`;
  showProbability(finding);
  showNotes(finding.notes);
  part("rates").replaceChildren(...rates(finding.operating_point).map((text) => made("p", { text })));
  listed(part("facts"), facts(finding));
  const rows = origin(finding.provenance);
  part("origin-box").hidden = rows.length === 0;
  listed(part("origin"), rows);
  part("command").textContent = finding.command;
  keep(part("keep-json"), new Blob([JSON.stringify(finding, null, 2)], { type: "application/json" }), `${finding.path}.json`);
  part("forgotten").textContent =
    `The service deleted the file after the scan. It keeps the faces for ${lasting(keptFor)} at most, and forgets them when you leave or take another file.`;
  return `${capital(finding.verdict)}. ${sentence}`;
}

/** The finding's own sentence, without what stands large above it already. */
function told({ path, text, verdict, reason }) {
  const bare = text.startsWith(`${path}: `) ? text.slice(path.length + 2) : text;
  const rest = bare.startsWith(verdict) ? bare.slice(verdict.length).replace(/^[.,]?\s*/, "") : bare;
  return [capital(rest), HELP[reason]].filter(Boolean).join(" ");
}

function showProbability(finding) {
  const place = part("scale");
  if (finding.probability === null) place.replaceChildren();
  else showScale(place, finding.probability, thresholds(finding.operating_point));
}

function showNotes(notes) {
  part("notes").replaceChildren(...notes.map((text) => made("li", { text })));
  part("notes").hidden = notes.length === 0;
}

/** Makes a link keep a blob under a name. */
export function keep(link, blob, name) {
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.hidden = false;
}
