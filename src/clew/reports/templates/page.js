(() => {
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; };
  const show = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), document.documentElement.clientWidth - box.width - 8);
    const above = y - box.height - 14;
    tip.style.left = left + "px";
    tip.style.top = (above > 4 ? above : y + 18) + "px";
  };
  for (const mark of document.querySelectorAll(".pt")) {
    const title = mark.querySelector(":scope > title");
    if (!title) continue;
    const text = title.textContent;
    title.remove();
    mark.addEventListener("pointermove", (event) => show(text, event.clientX, event.clientY));
    mark.addEventListener("pointerleave", hide);
  }
  addEventListener("scroll", hide, { passive: true });
  const charts = document.querySelector("#curves .pair");
  for (const button of document.querySelectorAll(".toggle")) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      charts.classList.toggle("without-" + button.dataset.slot, !on);
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
})();
