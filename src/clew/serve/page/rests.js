// What a finding rests on: the thresholds and how often they were wrong, the ticket, the file, what it says of itself.

import { capital, counted, percent, probable, sized } from "./words.js";

const ONE_SIDED = 1.6448536269514722; // 95 % of a normal distribution lie below

/** Sentences on an operating point. */
export function rates(point) {
  if (!point?.fake) {
    return ["The ticket carries no operating point: nothing it says can be called fake or real."];
  }
  const nouns = [point.level, point.measured_on ?? point.level]; // what is judged, and what that was measured on
  const told = [side(point.fake, nouns, "fake", "real", ["fpr", "reals"], ["tpr", "fakes"])];
  if (point.real) {
    told.push(side(point.real, nouns, "real", "fake", ["fnr", "fakes"], ["tnr", "reals"]));
    told.push("Between the two the finding is inconclusive. Other kinds of pictures may fare worse than these did.");
  } else {
    told.push("It states no threshold at which anything is called real.");
  }
  return told;
}

function side(found, [noun, on], name, other, wrong, right) {
  const edge = name === "fake" ? `from a probability of ${probable(found.threshold, 3)} on` : `up to a probability of ${probable(found.threshold, 3)}`;
  const told = `A ${noun} is called ${name} ${edge}.`;
  if (typeof found[wrong[0]] !== "number") return told;
  const parts = [rate(found, wrong, other, on, true)];
  if (typeof found[right[0]] === "number") parts.push(rate(found, right, name, on, false));
  const few = found.resolved === false ? ` There were too few to show that at most ${percent(found.asked)} are wrong.` : "";
  return `${told} Where that was measured, it called ${parts.join(" and ")} ${name}.${few}`;
}

/** 4.5 % of 178 real pictures (with 95 % confidence at most 13.4 %): a mean over the sources that were measured. */
function rate(found, [name, of], kind, noun, upper) {
  const count = found[of] ?? 0;
  const independent = Math.min(found.effective ?? count, count); // pictures of one person are no independent ones
  const limit = found[`${name}_${upper ? "high" : "low"}`] ?? wilson(found[name], independent, upper);
  const bound = `with 95 % confidence at ${upper ? "most" : "least"} ${percent(limit)}`;
  return `${percent(found[name])} of ${counted(count, `${kind} ${noun}`)} (${bound})`;
}

/** The one-sided 95 % limit of a rate found among `count` that are independent (Wilson, JASA 22, 1927). */
export function wilson(share, count, upper) {
  if (!(count > 0)) return upper ? 1 : 0;
  const z = upper ? ONE_SIDED : -ONE_SIDED;
  const half = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  return Math.min(Math.max((share + (z * z) / (2 * count) + half) / (1 + (z * z) / count), 0), 1);
}

/** Rows on file and ticket. */
export function facts(finding) {
  const { file, media, ticket, sampling } = finding;
  return [
    ["File", finding.path],
    ["SHA-256 of the file", file.sha256],
    ["Size", [file.bytes && sized(file.bytes), media.width && `${media.width} x ${media.height} pixels`].filter(Boolean).join(", ")],
    ["Length", media.duration_s && `${media.duration_s.toFixed(1)} s, ${media.frames} frames, ${media.codec ?? ""}`],
    ["Damage", media.damage],
    ["Looked at", sampling.frames?.length && `${counted(sampling.frames.length, "frame")}, evenly spaced`],
    ["Not readable", sampling.unreadable?.length && counted(sampling.unreadable.length, "frame")],
    ["Ticket", [ticket.name, ticket.detector].filter(Boolean).join(", ")],
    ["Hash of the ticket", ticket.hash],
    ["Faces cut as", ticket.protocol],
    ["Made with", ticket.version && `Clew ${ticket.version}, form ${ticket.form}`],
  ].filter(([, text]) => text);
}

/** Rows on what a file says of its own origin. */
export function origin(found) {
  return Object.entries(found).map(([source, value]) => [named(source), plain(value)]).filter(([, text]) => text);
}

const NAMES = { exif: "EXIF", xmp: "XMP", texts: "Texts", jpeg_quality: "JPEG quality", video: "Container", credentials: "Content credentials (C2PA)" };
const named = (key) => NAMES[key] ?? capital(key.replaceAll("_", " "));

function plain(value) {
  if (value === null || value === undefined || value === "") return "";
  if (value === false) return "no";
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.map(plain).filter(Boolean).join(", ");
  if (typeof value !== "object") return String(value);
  if (value.found === false) return "none found";
  return Object.entries(value).map(([key, one]) => [key, plain(one)]).filter(([, text]) => text)
    .map(([key, text]) => `${key.replaceAll("_", " ")}: ${text}`).join("; "); // prettier-ignore
}
