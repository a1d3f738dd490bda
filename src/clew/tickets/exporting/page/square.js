// The square over the face: moved and scaled by pointer, by touch, or by three sliders.

const LEAST = 16; // pixels of a side

export class Square {
  /** `parts`: the elements stage, square, side, across, down, whole; `changed` is called when the crop is another. */
  constructor(parts, changed) {
    Object.assign(this, parts, { changed, pointers: new Map() });
    for (const slider of [this.side, this.across, this.down]) slider.addEventListener("input", () => this.#slid());
    this.whole.addEventListener("change", () => this.#taken());
    this.square.addEventListener("pointerdown", (event) => this.#pressed(event));
    this.square.addEventListener("pointermove", (event) => this.#moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.square.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  /** For a picture of this size: the largest square, in its middle; of a square picture it leaves nothing out. */
  fit(width, height) {
    this.width = width;
    this.height = height;
    this.whole.checked = false;
    const side = Math.min(width, height);
    this.placed = width === height; // else only once somebody has moved it
    this.#set(Math.floor((width - side) / 2), Math.floor((height - side) / 2), side);
  }

  /** The crop in whole pixels of the picture. */
  get crop() {
    if (this.whole.checked) return { x: 0, y: 0, width: this.width, height: this.height };
    return { x: this.x, y: this.y, width: this.size, height: this.size };
  }

  #set(x, y, size) {
    const most = Math.min(this.width, this.height);
    this.size = Math.round(Math.min(Math.max(size, Math.min(LEAST, most)), most));
    this.x = Math.round(Math.min(Math.max(x, 0), this.width - this.size));
    this.y = Math.round(Math.min(Math.max(y, 0), this.height - this.size));
    this.#show();
  }

  #show() {
    const { x, y, width, height } = this.crop;
    const style = this.square.style;
    style.left = `${(100 * x) / this.width}%`;
    style.top = `${(100 * y) / this.height}%`;
    style.width = `${(100 * width) / this.width}%`;
    style.height = `${(100 * height) / this.height}%`;
    const most = Math.min(this.width, this.height);
    this.#slide(this.side, Math.min(LEAST, most), most, this.size);
    this.#slide(this.across, 0, this.width - this.size, this.x);
    this.#slide(this.down, 0, this.height - this.size, this.y);
    this.changed();
  }

  #slide(slider, min, max, value) {
    slider.min = min;
    slider.max = max;
    slider.value = value;
    slider.disabled = this.whole.checked || min === max;
    slider.setAttribute("aria-valuetext", `${value} pixels`);
  }

  #taken() {
    this.placed = true;
    this.#show();
  }

  #slid() {
    this.placed = true;
    const size = Number(this.side.value);
    if (size === this.size) return this.#set(Number(this.across.value), Number(this.down.value), size);
    this.#about(size); // a change of size leaves the middle where it is
  }

  #about(size) {
    this.#set(this.x + (this.size - size) / 2, this.y + (this.size - size) / 2, size);
  }

  #pressed(event) {
    if (this.whole.checked || event.button) return;
    event.preventDefault();
    this.square.setPointerCapture(event.pointerId);
    this.placed = true;
    const corner = event.target === this.square ? "" : event.target.className;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.start = { corner, x: this.x, y: this.y, size: this.size, at: this.#point(event), gap: this.#gap() };
  }

  #moved(event) {
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const { corner, x, y, size, at, gap } = this.start;
    this.placed = true;
    if (gap && this.pointers.size === 2) return this.#about((size * this.#gap()) / gap);
    const point = this.#point(event);
    const [right, below] = [point.x - at.x, point.y - at.y];
    if (!corner) return this.#set(x + right, y + below, size);
    const grown = size + ((corner.includes("e") ? right : -right) + (corner.includes("s") ? below : -below)) / 2;
    this.#pull(corner, x, y, size, grown);
  }

  /** One corner is pulled, the opposite one stays. */
  #pull(corner, x, y, size, wanted) {
    const [east, south] = [corner.includes("e"), corner.includes("s")];
    const room = Math.min(east ? this.width - x : x + size, south ? this.height - y : y + size);
    const grown = Math.round(Math.min(Math.max(wanted, Math.min(LEAST, room)), room));
    this.#set(east ? x : x + size - grown, south ? y : y + size - grown, grown);
  }

  /** Between two fingers, in pixels of the screen; 0 for one. */
  #gap() {
    const [a, b] = this.pointers.values();
    return b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  }

  /** Where a pointer is, in pixels of the picture. */
  #point(event) {
    const stage = this.stage.getBoundingClientRect();
    const scale = this.width / stage.width;
    return { x: (event.clientX - stage.left) * scale, y: (event.clientY - stage.top) * scale };
  }
}
