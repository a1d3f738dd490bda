// Files in: dropped, pasted, chosen, or one of the examples.

import { made, part } from "./dom.js";

/** Calls `take` with every file that comes. */
export function listen(take) {
  const input = part("file");
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => given(event, event.clipboardData, take));
  document.addEventListener("drop", (event) => given(event, event.dataTransfer, take));
  let inside = 0; // elements that the pointer entered with a file
  const over = (by) => {
    inside = by ? Math.max(0, inside + by) : 0;
    document.body.classList.toggle("over", inside > 0);
  };
  document.addEventListener("dragenter", () => over(1));
  document.addEventListener("dragleave", () => over(-1));
  document.addEventListener("drop", () => over(0));
  document.addEventListener("dragover", (event) => event.preventDefault());
}

function given(event, data, take) {
  const file = data?.files?.[0];
  if (event.type === "drop" || file) event.preventDefault(); // else the browser would leave the page for it
  if (file) take(file);
}

/** Offers the examples that lie beside the page. */
export async function offerExamples(take) {
  const answer = await fetch("examples/examples.json");
  if (!answer.ok) return;
  const examples = await answer.json();
  part("example-list").replaceChildren(...examples.map((one) => made("li", {}, button(one, take))));
  part("examples").hidden = examples.length === 0;
}

function button(one, take) {
  const image = made("img", { src: `examples/${one.shown}`, alt: "", width: 160, height: 160, loading: "lazy" });
  const found = made("button", { type: "button", class: "example" }, image, made("span", { text: one.text }));
  found.addEventListener("click", async () => {
    const answer = await fetch(`examples/${one.file}`);
    take(new File([await answer.blob()], one.file));
  });
  return found;
}
