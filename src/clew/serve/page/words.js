// Numbers as people read them.

const whole = new Intl.NumberFormat("en");

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;

/** 1 face, 2 faces. */
export const counted = (count, noun) => `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;

export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** A probability: two digits, none where there is no number. */
export const probable = (value, digits = 2) => (typeof value === "number" ? value.toFixed(digits) : "none");

/** 3.1 MB, 148.0 KB. */
export function sized(bytes) {
  if (bytes < 1000) return counted(bytes, "byte");
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** 12 s, 3 min. */
export const lasting = (seconds) => (seconds < 99.5 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** A moment of a video: 0:07.2. */
export function moment(seconds) {
  const rest = (seconds % 60).toFixed(1);
  return `${Math.floor(seconds / 60)}:${rest.padStart(4, "0")}`;
}

/** Milliseconds: 0.31, 4.2, 38. */
export const timed = (ms) => `${ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0)} ms`;

/** Why there is no verdict, by its name in the finding. */
export const REASONS = {
  "no-face": "no face was found",
  "too-small": "the face is too small",
  "too-blurred": "the face is too blurred",
  "too-compressed": "the picture is too strongly compressed",
  "too-dark": "the face is too dark or too bright",
  "too-few-frames": "too few frames show the face well enough",
  unfamiliar: "the face is far from what the ticket was trained on",
  uncertain: "the score lies between what the ticket calls real and what it calls fake",
  "not-everybody": "not every person in it could be judged",
  "not-calibrated": "the ticket carries no operating point",
  "no-score": "the ticket's network gives no number for it",
  unreadable: "the file cannot be read",
};

/** What helps, where something can be done. */
export const HELP = {
  "no-face": "A larger or less turned face may be found.",
  "too-small": "A version with more pixels may be judged.",
  "too-blurred": "A sharper version of the file may be judged.",
  "too-compressed": "An earlier, less compressed version of the file may be judged.",
  "too-dark": "A better lit version may be judged.",
  "too-few-frames": "A longer part of the video may be judged.",
  unfamiliar: "No score is given rather than one that nothing stands behind.",
  uncertain: "It may be either; do not take it for a half-way yes.",
  "not-everybody": "Look at each person below.",
  "not-calibrated": "Calibrate the ticket: clew tickets calibrate.",
};
