(() => {
  const table = document.querySelector("table.listed");
  if (!table) return;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    head.textContent = "";
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[at].dataset.key ?? row.cells[at].textContent;
      const compare = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
      const numbers = head.dataset.number === "1";
      const rows = [...body.rows].sort((a, b) => (numbers ? Number(key(a)) - Number(key(b)) : compare(a, b)));
      if (down) rows.reverse();
      body.append(...rows);
    });
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details.scanned").forEach((one) => { one.open = true; }));
})();
