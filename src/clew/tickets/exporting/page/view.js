// Words and numbers on the page.

const NEAR = 1e-3; // scores here equal Python's to so much
const RUNTIME = "WebAssembly on one core";

export const part = (id) => document.getElementById(id);
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/** What is known of the ticket. */
export function showTicket(ticket) {
  const removed = ticket.sparsity > 0 ? `, ${percent(ticket.sparsity, 0)} of its weights removed` : "";
  part("intro").textContent = `${ticket.detector}${removed}, running in this page. No picture leaves this machine.`;
  part("result-title").textContent =
    `Probability of fake, ${ticket.temperature === null ? "not calibrated" : "calibrated"}`;
  part("crops").textContent =
    `This ticket was trained on ${ticket.crops}. No face finder runs here: put the square where such a crop would be.`;
  part("facts").replaceChildren(...facts(ticket).flatMap(([name, text]) => [made("dt", name), made("dd", text)]));
  part("limits").replaceChildren(...ticket.limits.map((text) => made("li", text)));
}

function facts(ticket) {
  const point = ticket.operating_point;
  const test = ticket.metrics.test;
  return [
    ["Network", `${ticket.detector}, ${ticket.input_size} x ${ticket.input_size} pixels`],
    ["Sparsity", `${percent(ticket.sparsity)} of the prunable weights are zero`],
    ["Trained on", `${ticket.data.join(", ") || "not named in its file"}; crops ${ticket.protocol}`],
    test?.auc && ["Own test data", `AUC ${test.auc.toFixed(3)} per video or picture; one run, so no interval`],
    ticket.temperature !== null && ["Calibration", `logits divided by ${ticket.temperature.toFixed(3)}`],
    point && ["Threshold", `${percent(point.threshold, 2)}: ${rates(point)}`],
    ["Classes", ticket.classes.join(", ")],
    ["Ticket", `${ticket.ticket.file}, SHA-256 ${ticket.ticket.sha256}`],
    ["Made with", `Clew ${ticket.clew}; run by ${ticket.runtime.name} ${ticket.runtime.version}`],
  ].filter(Boolean);
}

function rates(point) {
  return (
    `${percent(point.fpr)} of ${point.reals} real pictures and ${percent(point.tpr)} of ${point.fakes} fakes were ` +
    "called fake on validation"
  );
}

/** What the network said of a crop; `placed`: whether somebody put the square there. The sentence for screen readers. */
export function showResult(ticket, found, crop, placed) {
  const { word, why } = verdict(ticket, found.fake, placed);
  part("value").value = found.fake;
  part("value").textContent = percent(found.fake);
  part("bar").style.setProperty("--share", found.fake);
  part("badge").textContent = word;
  part("badge").className = `badge ${{ fake: "fake", real: "real" }[word] ?? "open"}`;
  part("why").textContent = why;
  showCaution(ticket, crop);
  showClasses(ticket, found.probabilities);
  showInput(found.input, ticket.input_size);
  part("size").textContent = `${crop.width} x ${crop.height} to ${ticket.input_size} x ${ticket.input_size} pixels`;
  part("time").textContent = `${found.ms.toFixed(found.ms < 10 ? 1 : 0)} ms, ${RUNTIME}`;
  return `Probability of fake ${percent(found.fake)}: ${word}.`;
}

/** Nothing is said of a picture: there is none, or it could not be judged. */
export function clearResult() {
  part("value").value = "";
  part("value").textContent = "–";
  part("bar").style.setProperty("--share", 0);
  part("badge").textContent = "no picture yet";
  part("badge").className = "badge open";
  part("why").textContent = "Choose a picture, and put the square over one face.";
  for (const id of ["caution", "classes", "seen"]) part(id).hidden = true;
}

/** Where the threshold stands on the bar. */
export function showThreshold(ticket) {
  if (!judges(ticket)) return;
  part("mark").hidden = false;
  part("mark").style.setProperty("--share", Math.min(1, ticket.operating_point.threshold));
}

function judges(ticket) {
  return ticket.operating_point !== null && ticket.temperature !== null;
}

function verdict(ticket, fake, placed) {
  if (!placed) return { word: "inconclusive", why: "The square is where it began: put it over one face." };
  if (!judges(ticket)) {
    return { word: "no verdict", why: "This ticket carries no threshold with known rates: the number is all it says." };
  }
  const point = ticket.operating_point;
  const limit = percent(point.threshold);
  if (Math.abs(fake - point.threshold) < NEAR) {
    return { word: "inconclusive", why: `At the threshold of ${limit}: rounding would decide.` };
  }
  const doubt = point.resolved ? "" : ` Too few real pictures were there to show a rate of ${percent(point.asked)}.`;
  if (fake > point.threshold) {
    return { word: "fake", why: `Above the threshold of ${limit}; there, ${rates(point)}.${doubt}` };
  }
  const missed = `${percent(1 - point.tpr)} of ${point.fakes} fakes stayed below it on validation`;
  return { word: "real", why: `Below the threshold of ${limit}; ${missed}.${doubt}` };
}

function showCaution(ticket, { width, height }) {
  const small = Math.min(width, height) < ticket.input_size;
  part("caution").hidden = !small;
  if (small) {
    part("caution").textContent =
      `The crop has fewer pixels than the network takes (${ticket.input_size}): it was enlarged, and says less.`;
  }
}

function showClasses(ticket, probabilities) {
  const several = ticket.classes.length > 2;
  part("classes").hidden = !several;
  if (!several) return;
  const order = probabilities.map((share, k) => [share, ticket.classes[k]]).sort((a, b) => b[0] - a[0]);
  part("classes").replaceChildren(
    ...order.slice(0, 8).map(([share, name]) => {
      const row = made("li", name);
      row.append(made("b", percent(share)));
      return row;
    }),
  );
}

function showInput(rgb, size) {
  const canvas = part("input");
  canvas.width = canvas.height = size;
  const image = new ImageData(size, size);
  for (let at = 0; at < size * size; at++) {
    image.data.set(rgb.subarray(3 * at, 3 * at + 3), 4 * at);
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  part("seen").hidden = false;
}

function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
