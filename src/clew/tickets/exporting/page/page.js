// The page: a picture or the camera in, a score out, all on this machine.

import { openModel, Problem, readTicket } from "./model.js";
import { checkReading, openPicture, pixels, startCamera, stopCamera } from "./picture.js";
import { Square } from "./square.js";
import { clearResult, part, showResult, showThreshold, showTicket } from "./view.js";

const FRAME_MS = 500; // between frames of the camera
const SAY_MS = 5000; // between two results that a screen reader hears while the camera runs
const MOST_SHOWN = 1600; // pixels of a side on the screen; scores come from the picture itself

const video = part("video");
const square = new Square(
  Object.fromEntries(["stage", "square", "side", "across", "down", "whole"].map((id) => [id, part(id)])),
  () => wanted(),
);
let ticket; // its facts
let score; // pixels -> what the network says
let bitmap; // the picture, where it is none of the camera's
let busy = false;
let again = false; // something changed while the network ran
let said = 0; // when a result was last told
let opened = 0; // a picture that was chosen later counts, whichever is decoded first

async function begin() {
  try {
    ticket = await readTicket();
    showTicket(ticket);
    checkReading();
    part("state").textContent = `Loading the network and its runtime (${megabytes()} MB, from this page's own server).`;
    score = await openModel(ticket);
    showThreshold(ticket);
    part("state").hidden = true;
    for (const id of ["file", "camera"]) part(id).disabled = false;
    document.body.classList.add("ready");
  } catch (error) {
    part("state").hidden = true;
    tell(error);
  }
}

function megabytes() {
  return Math.ceil((ticket.model.bytes + ticket.runtime.bytes) / 1e6);
}

/** One clear line; what is no Problem is a fault of this page. */
function tell(error) {
  if (!(error instanceof Problem)) console.error(error);
  part("problem").textContent = error instanceof Problem ? error.message : `Something went wrong (${error?.message}).`;
  part("problem").hidden = false;
}

/** A new crop is to be scored; while one is, the latest wins. */
async function wanted() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    await judge();
  } catch (error) {
    clearResult();
    tell(error);
  }
  busy = false;
  if (again) {
    again = false;
    wanted();
  }
}

async function judge() {
  const source = bitmap ?? (video.srcObject && video);
  if (!source || !score) return;
  const crop = square.crop;
  const found = await score(pixels(source, crop));
  part("problem").hidden = true;
  const sentence = showResult(ticket, found, crop, square.placed);
  if (bitmap || Date.now() - said > SAY_MS) {
    part("said").textContent = sentence;
    said = Date.now();
  }
}

async function take(file) {
  if (!score) return;
  const turn = ++opened;
  try {
    const found = await openPicture(file);
    if (turn !== opened) return found.close();
    leave();
    bitmap = found;
    draw();
    stage(part("shown"), bitmap.width, bitmap.height);
  } catch (error) {
    if (turn === opened) tell(error);
  }
}

/** Draws the picture as large as a screen needs it. */
function draw() {
  const share = Math.min(1, MOST_SHOWN / Math.max(bitmap.width, bitmap.height));
  const canvas = part("shown");
  canvas.width = Math.max(1, Math.round(bitmap.width * share));
  canvas.height = Math.max(1, Math.round(bitmap.height * share));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

/** Shows a picture or video of this size, with the square in its middle. */
function stage(element, width, height) {
  part("problem").hidden = true;
  part("stage").classList.remove("empty");
  part("stage").style.setProperty("--ratio", width / height);
  for (const one of [part("shown"), video]) one.hidden = one !== element;
  for (const id of ["square", "place"]) part(id).hidden = false;
  square.fit(width, height);
}

/** Puts away what was shown, and gives the camera back. */
function leave() {
  bitmap?.close();
  bitmap = undefined;
  if (video.srcObject) stopCamera(video);
  part("camera").textContent = "Use the camera";
  for (const id of ["shown", "video", "square", "place"]) part(id).hidden = true;
  part("stage").classList.add("empty");
  clearResult();
}

async function useCamera() {
  const running = Boolean(video.srcObject);
  opened++;
  leave();
  if (running) return;
  const turn = opened;
  part("camera").disabled = true;
  try {
    await startCamera(video);
    if (turn !== opened) return stopCamera(video);
    part("camera").textContent = "Stop the camera";
    stage(video, video.videoWidth, video.videoHeight);
    const stream = video.srcObject;
    stream.getVideoTracks()[0].addEventListener("ended", () => lost(stream));
    frames(stream);
  } catch (error) {
    tell(error);
  } finally {
    part("camera").disabled = false;
  }
}

/** The camera was unplugged, or taken back in the browser's settings. */
function lost(stream) {
  if (video.srcObject !== stream) return;
  leave();
  tell(new Problem("The camera has stopped: start it again, or choose a picture."));
}

async function frames(stream) {
  while (video.srcObject === stream) {
    const start = performance.now();
    if (!document.hidden) await wanted();
    await new Promise((resolve) => setTimeout(resolve, Math.max(50, FRAME_MS - (performance.now() - start))));
  }
}

function given(event, items) {
  const file = Array.from(items?.files ?? [])[0];
  if (!file) return;
  event.preventDefault();
  take(file);
}

part("file").addEventListener("change", (event) => {
  given(event, event.target);
  event.target.value = ""; // the same file may be chosen again
});
part("camera").addEventListener("click", useCamera);
document.addEventListener("paste", (event) => given(event, event.clipboardData));
document.addEventListener("drop", (event) => {
  event.preventDefault(); // else the browser would leave the page
  part("stage").classList.remove("over");
  given(event, event.dataTransfer);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("stage").classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? part("stage").classList.remove("over"));
video.addEventListener("resize", () => {
  if (video.srcObject && !video.hidden) stage(video, video.videoWidth, video.videoHeight); // a phone was turned
});
addEventListener("pagehide", () => stopCamera(video));

begin();
