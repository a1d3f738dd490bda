// The page: takes a file, waits for the service, shows what it found.

import { listen, offerExamples } from "./arriving.js";
import { made, part } from "./dom.js";
import { Faces } from "./faces.js";
import { keep, showFinding } from "./finding.js";
import { Persons } from "./persons.js";
import { plain, unsendable } from "./problems.js";
import { Pruning } from "./pruning.js";
import { thresholds } from "./scale.js";
import { clearSeen, seek, showSeen } from "./seen.js";
import * as service from "./service.js";
import { lasting, sized } from "./words.js";

const FINAL = ["done", "failed", "cancelled", "handed-back"];
const WAIT_S = 1; // that the service holds a question after a job
const SURE_S = 2; // until what is left is told

const here = { health: null, steps: [], pages: false, job: null, work: null };

async function open() {
  listen(take);
  offerExamples(take).catch(() => {});
  part("cancel").addEventListener("click", cancel);
  part("another").addEventListener("click", () => part("file").click());
  part("heat").addEventListener("change", () => here.persons?.show(part("heat").checked));
  part("key").addEventListener("submit", (event) => {
    event.preventDefault();
    service.useToken(part("token").value);
    start();
  });
  addEventListener("pagehide", (event) => event.persisted || leave());
  await start();
}

/** Asks what the service takes and offers. */
async function start() {
  try {
    [here.health, here.steps] = [await service.health(), ladder(await service.tickets())];
    here.pages = (await service.paths()).includes("/v1/jobs/{id}/finding.html");
    part("key").hidden = true;
    clearProblem();
    showLimits(here.health.limits);
  } catch (error) {
    complain(error);
  }
}

const ladder = (tickets) => tickets.filter((one) => one.ladder).sort((one, other) => one.level - other.level);

function showLimits({ bytes, duration_s }) {
  const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  part("where").textContent = own ? "Nothing leaves this machine." : `Files go to ${location.host} and nowhere else.`;
  part("limits").textContent = `Up to ${sized(bytes)}, videos up to ${lasting(duration_s)}. Deleted after the scan.`;
}

/** A file that was given. */
async function take(file) {
  const wrong = unsendable(file, here.health?.limits);
  if (wrong) return complain(wrong);
  leave();
  const work = (here.work = new AbortController());
  showBusy(file.name);
  try {
    const job = await scanned(file, work.signal);
    if (job.state === "done") show(file, job, work.signal);
    else complain(job.problem ? named(job.problem) : { name: "failed" });
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  }
}

const named = (problem) => ({ ...problem, name: problem.type.split(":").pop() });

/** A job at its end. */
async function scanned(file, signal) {
  let job = await service.submit(file, (share) => showProgress("Sending it", share, signal), signal);
  here.job = job.id;
  const begun = performance.now();
  while (!FINAL.includes(job.state)) {
    showProgress(doing(job, (performance.now() - begun) / 1000), job.state === "running" ? job.progress : null, signal);
    job = await service.state(job.id, WAIT_S, signal);
  }
  return job;
}

function doing({ state, progress }, seconds) {
  if (state === "queued") return "Waiting for its turn";
  const left = seconds > SURE_S && progress > 0.05 ? `, about ${lasting((seconds * (1 - progress)) / progress)} left` : "";
  return `Looking at its faces${progress ? `: ${Math.round(100 * progress)} %${left}` : ""}`;
}

function show(file, job, signal) {
  const { finding } = job;
  stage("result");
  const sentence = showFinding(finding, here.health?.limits.kept_s ?? 1800);
  showSeen(file, finding);
  const faces = new Faces(job, signal);
  here.persons = new Persons(part("persons"), finding, faces, thresholds(finding.operating_point), seek);
  heat(job, here.persons, signal);
  showPruning(job, faces, signal);
  offerPage(job);
  part("said").textContent = sentence;
  scrollTo(0, 0);
}

/** The heatmaps of the ticket that scanned, which take a little longer. */
async function heat(job, persons, signal) {
  part("heat-switch").hidden = part("heat-text").hidden = true;
  if (!job.finding.persons.some((person) => person.decisive.length)) return;
  try {
    const { heatmaps } = await service.rescored(job.id, { ticket: job.ticket, heatmaps: true }, signal);
    persons.warm(heatmaps);
    part("heat").checked = true;
    part("heat-switch").hidden = part("heat-text").hidden = heatmaps.length === 0;
  } catch (error) {
    if (error.name !== "AbortError") part("heat-text").textContent = `No heatmaps: ${plain(error).title}.`;
    part("heat-text").hidden = false;
  }
}

function showPruning(job, faces, signal) {
  const place = part("pruning");
  place.hidden = true;
  if (here.steps.length < 2 || !job.faces.length) return;
  new Pruning(place, job, here.steps, faces, signal, complain);
}

/** The finding as a page, where the service makes them. */
async function offerPage(job) {
  part("keep-html").hidden = true;
  if (!here.pages) return;
  const blob = await service.page(job.id).catch(() => null);
  if (blob && here.job === job.id) keep(part("keep-html"), blob, `${job.finding.path}.html`);
}

function cancel() {
  leave();
  stage("start");
  part("said").textContent = "Cancelled.";
  part("file").focus();
}

/** Ends what is under way and has it forgotten. */
function leave() {
  here.work?.abort();
  if (here.job) service.forget(here.job);
  here.job = null;
  clearProblem();
  clearSeen();
}

function showBusy(name) {
  stage("busy");
  part("busy-title").textContent = name;
  document.title = "Clew";
  part("said").textContent = `Looking at ${name}.`;
  showProgress("Sending it", 0, here.work.signal);
}

function showProgress(text, share, signal) {
  if (signal.aborted) return;
  part("busy-text").textContent = text;
  if (share === null) part("progress").removeAttribute("value");
  else part("progress").value = share;
}

function stage(name) {
  for (const one of ["start", "busy", "result"]) part(one).hidden = one !== name;
}

function complain(problem) {
  const { title, text } = plain(problem);
  part("problem").replaceChildren(made("b", { text: `${title}.` }), ` ${text}`);
  part("problem").hidden = false;
  part("key").hidden = problem.name !== "token-needed";
  if (part("result").hidden) stage("start");
}

function clearProblem() {
  part("problem").hidden = true;
}

open();
