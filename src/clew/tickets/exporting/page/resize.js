// A crop resized as Python's does it (clew.base.crops.resize): OpenCV's INTER_AREA down, INTER_CUBIC up, for 8 bits.
// Written to a Uint8ClampedArray, a number is rounded as there: a half to the even neighbour.

const CUBIC = -0.75; // the slope at the neighbours
const TAPS = 4; // pixels in a row under a cubic weight

/** RGBA bytes (height, width, 4) as RGB bytes (size, size, 3). */
export function resize(rgba, width, height, size) {
  const rgb = withoutAlpha(rgba);
  if (width === size && height === size) return rgb;
  return Math.min(width, height) > size ? area(rgb, width, height, size) : cubic(rgb, width, height, size);
}

function withoutAlpha(rgba) {
  const rgb = new Uint8ClampedArray((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return rgb;
}

function area(rgb, width, height, size) {
  const across = 1 / (size / width);
  const down = 1 / (size / height);
  if (isWhole(across) && isWhole(down)) return blocks(rgb, width, size, Math.round(across), Math.round(down));
  return weighed(rgb, width, size, shares(width, size, across), shares(height, size, down));
}

/** Means of blocks of whole pixels. */
function blocks(rgb, width, size, across, down) {
  const out = new Uint8ClampedArray(size * size * 3);
  const share = Math.fround(1 / (across * down));
  const four = across === 2 && down === 2; // here alone a half goes up
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let row = y * down; row < (y + 1) * down; row++) {
          const start = (row * width + x * across) * 3 + channel;
          for (let at = start; at < start + across * 3; at += 3) sum += rgb[at];
        }
        out[to++] = four ? (sum + 2) >> 2 : Math.fround(sum * share);
      }
    }
  }
  return out;
}

/** What each of `size` places takes of which pixels: place i has `weights` from `ends[i]` to `ends[i + 1]`. */
function shares(length, size, scale) {
  const weights = [];
  const ends = new Int32Array(size + 1);
  const firsts = new Int32Array(size);
  for (let place = 0; place < size; place++) {
    const begin = place * scale;
    const end = begin + scale;
    const cell = Math.min(scale, length - begin);
    const last = Math.min(Math.floor(end), length - 1);
    const first = Math.min(Math.ceil(begin), last);
    const cut = first - begin > 1e-3; // of the pixel before, a part lies within
    firsts[place] = cut ? first - 1 : first;
    if (cut) weights.push((first - begin) / cell);
    for (let at = first; at < last; at++) weights.push(1 / cell);
    if (end - last > 1e-3) weights.push(Math.min(end - last, 1, cell) / cell);
    ends[place + 1] = weights.length;
  }
  return { firsts, ends, weights: new Float32Array(weights) };
}

function weighed(rgb, width, size, columns, rows) {
  const out = new Uint8ClampedArray(size * size * 3);
  const line = new Float32Array(size * 3);
  const sum = new Float32Array(size * 3);
  for (let y = 0; y < size; y++) {
    sum.fill(0);
    for (let k = rows.ends[y]; k < rows.ends[y + 1]; k++) {
      averaged(rgb, (rows.firsts[y] + k - rows.ends[y]) * width, columns, line);
      const weight = rows.weights[k];
      for (let at = 0; at < sum.length; at++) sum[at] += Math.fround(weight * line[at]);
    }
    out.set(sum, y * size * 3);
  }
  return out;
}

/** One row of pixels under the weights of its columns. */
function averaged(rgb, start, { firsts, ends, weights }, line) {
  for (let x = 0, to = 0; x < firsts.length; x++) {
    let from = (start + firsts[x]) * 3;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = ends[x]; k < ends[x + 1]; k++, from += 3) {
      const weight = weights[k];
      red = Math.fround(red + Math.fround(rgb[from] * weight));
      green = Math.fround(green + Math.fround(rgb[from + 1] * weight));
      blue = Math.fround(blue + Math.fround(rgb[from + 2] * weight));
    }
    line[to++] = red;
    line[to++] = green;
    line[to++] = blue;
  }
}

function cubic(rgb, width, height, size) {
  const columns = curves(width, size);
  const rows = curves(height, size);
  const lines = new Map(); // a row of the picture serves several of the result
  const line = (row) => {
    if (!lines.has(row)) lines.set(row, bent(rgb, row * width, columns));
    return lines.get(row);
  };
  const out = new Uint8ClampedArray(size * size * 3);
  for (let y = 0, to = 0; y < size; y++) {
    const [a, b, c, d] = Array.from(rows.places.subarray(y * TAPS, (y + 1) * TAPS), line);
    const [p, q, r, s] = rows.weights.subarray(y * TAPS, (y + 1) * TAPS);
    for (let at = 0; at < size * 3; at++) out[to++] = a[at] * p + b[at] * q + c[at] * r + d[at] * s;
  }
  return out;
}

/** For each of `size` places four pixels, repeated at the borders, and their weights. */
function curves(length, size) {
  const scale = 1 / (size / length);
  const places = new Int32Array(size * TAPS);
  const weights = new Float32Array(size * TAPS);
  for (let place = 0; place < size; place++) {
    const middle = Math.fround((place + 0.5) * scale - 0.5);
    const before = Math.floor(middle);
    weights.set(cubicWeights(middle - before), place * TAPS);
    for (let k = 0; k < TAPS; k++) places[place * TAPS + k] = Math.min(Math.max(before - 1 + k, 0), length - 1);
  }
  return { places, weights };
}

function cubicWeights(x) {
  const near = (t) => ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1;
  const far = (t) => ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC;
  return [far(x + 1), near(x), near(1 - x), 1 - far(x + 1) - near(x) - near(1 - x)];
}

function bent(rgb, start, { places, weights }) {
  const line = new Float32Array((places.length / TAPS) * 3);
  for (let at = 0; at < places.length; at++) {
    const from = (start + places[at]) * 3;
    const to = Math.trunc(at / TAPS) * 3;
    for (let channel = 0; channel < 3; channel++) line[to + channel] += rgb[from + channel] * weights[at];
  }
  return line;
}

function isWhole(value) {
  return Math.abs(value - Math.round(value)) < Number.EPSILON;
}
