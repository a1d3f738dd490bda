// Making elements. Whatever comes from a file or the service becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const part = (id) => document.getElementById(id);

/** An element with attributes (`text` its text) and children. */
export function made(tag, { text, ...attributes } = {}, ...children) {
  return filled(document.createElement(tag), text, attributes, children);
}

/** The same, of a drawing. */
export function drawn(tag, { text, ...attributes } = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), text, attributes, children);
}

function filled(element, text, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Rows of a description list. */
export function listed(list, rows) {
  list.replaceChildren(...rows.flatMap(([name, text]) => [made("dt", { text: name }), made("dd", { text })]));
}

/** Draws into `place` now and whenever its width changes; `draw` takes the width in pixels. */
export function fitted(place, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.round(place.clientWidth);
    if (width && width !== last) place.replaceChildren(draw((last = width)));
  }).observe(place);
}
