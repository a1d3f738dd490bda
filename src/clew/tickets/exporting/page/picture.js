// Where pixels come from: a file, or the camera. Nothing here sends any.

import { Problem } from "./model.js";

const MOST_BYTES = 64 * 2 ** 20;
const MOST_PIXELS = 100e6;
const MOST_SIDE = 4096; // of a square: as much as a canvas holds on every phone

const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });

/** The picture in a file, as an ImageBitmap, turned as its EXIF orientation says. */
export async function openPicture(file) {
  const name = file.name || "What was pasted";
  if (file.size === 0) throw new Problem(`${name} is empty.`);
  if (file.size > MOST_BYTES) {
    throw new Problem(`${name} is too large: ${mega(file.size)} MB, at most ${mega(MOST_BYTES)} MB are read.`);
  }
  const bitmap = await decoded(file, name);
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    bitmap.close();
    throw new Problem(`${name} is too large: more than ${MOST_PIXELS / 1e6} million pixels.`);
  }
  return bitmap;
}

async function decoded(file, name) {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Problem(`${name} is no picture that this browser can read, or it is damaged.`);
  }
}

/** The camera's stream, shown in `video`; resolves when its first frame is there. */
export async function startCamera(video) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Problem("The camera needs https:// or localhost: browsers give it to no other page.");
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    await video.play();
  } catch (error) {
    stopCamera(video);
    throw new Problem(CAMERA[error?.name] ?? `The camera cannot be used (${error?.message || error?.name}).`);
  }
}

const CAMERA = {
  NotAllowedError: "The camera was refused: allow it for this page in the browser's settings, or choose a picture.",
  NotFoundError: "No camera was found: choose a picture instead.",
  NotReadableError: "The camera is in use by another program: close that one, or choose a picture.",
};

/** Gives the camera back. */
export function stopCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

/** The pixels of a rectangle of a picture or a video, as they are: {rgba, width, height}. */
export function pixels(source, { x, y, width, height }) {
  if (width > MOST_SIDE || height > MOST_SIDE) {
    throw new Problem(`The square is too large: at most ${MOST_SIDE} pixels a side are read. Make it smaller.`);
  }
  canvas.width = width;
  canvas.height = height;
  context.imageSmoothingEnabled = false;
  context.drawImage(source, x, y, width, height, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  for (let at = 3; at < rgba.length; at += 4) {
    if (rgba[at] !== 255) {
      throw new Problem("There are transparent parts under the square, which have no colour to judge: move it.");
    }
  }
  return { rgba, width, height };
}

/** Raises a Problem where the browser alters the pixels that a page reads, as some do against fingerprinting. */
export function checkReading() {
  const side = 32;
  const drawn = new ImageData(side, side);
  for (let at = 0; at < drawn.data.length; at++) drawn.data[at] = at % 4 === 3 ? 255 : (at * 89) % 256;
  canvas.width = side;
  canvas.height = side;
  context.putImageData(drawn, 0, 0);
  const found = context.getImageData(0, 0, side, side).data;
  if (found.some((value, at) => value !== drawn.data[at])) {
    throw new Problem(
      "This browser alters the pixels that pages read (a protection against fingerprinting), so that scores would " +
        "be wrong: switch that off for this page.",
    );
  }
}

function mega(bytes) {
  return Math.ceil(bytes / 1e6);
}
