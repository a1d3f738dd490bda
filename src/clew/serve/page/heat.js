// Faces on canvases, with what speaks for fake laid over them: the same mixture as in Clew's reports.

const SIDE = 256; // pixels
const SHARE = 0.62; // of the colours over the grey picture
const LEAST = 0.5; // log-odds that the bright end stands for at least: noise must not shine
const INFERNO = [
  [0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84], [227, 89, 51], [249, 140, 10], [249, 201, 50],
  [252, 255, 164],
]; // prettier-ignore

/** An empty canvas for a face. */
export function canvas(label) {
  const made = document.createElement("canvas");
  made.width = made.height = SIDE;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", label);
  return made;
}

/** Draws a face (an ImageBitmap), and over it `cells`, rows of numbers whose `bright` is the bright end; null: none. */
export function draw(onto, face, cells, bright) {
  const context = onto.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(face, 0, 0, SIDE, SIDE);
  if (!cells) return;
  const pixels = context.getImageData(0, 0, SIDE, SIDE);
  lay(pixels.data, cells, bright);
  context.putImageData(pixels, 0, 0);
}

/** The bright end of a scale for several heatmaps. */
export const brightest = (maps) => Math.max(LEAST, ...maps.flat(2));

function lay(data, cells, bright) {
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const at = 4 * (y * SIDE + x);
      const grey = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      const colour = coloured(Math.min(Math.max(between(cells, y, x) / bright, 0), 1));
      for (let band = 0; band < 3; band++) data[at + band] = SHARE * colour[band] + (1 - SHARE) * grey;
    }
  }
}

/** Between the centres of the cells, linear. */
function between(cells, y, x) {
  const [top, down] = placed(y, cells.length);
  const [left, right] = placed(x, cells[0].length);
  const row = (index) => cells[index][left.at] * (1 - right) + cells[index][left.next] * right;
  return row(top.at) * (1 - down) + row(top.next) * down;
}

function placed(pixel, count) {
  const where = Math.min(Math.max(((pixel + 0.5) * count) / SIDE - 0.5, 0), count - 1);
  const at = Math.floor(where);
  return [{ at, next: Math.min(at + 1, count - 1) }, where - at];
}

function coloured(share) {
  const where = share * (INFERNO.length - 1);
  const at = Math.min(Math.floor(where), INFERNO.length - 2);
  return INFERNO[at].map((value, band) => value + (INFERNO[at + 1][band] - value) * (where - at));
}
