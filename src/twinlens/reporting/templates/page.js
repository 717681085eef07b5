// What the page adds where scripts run: it is whole without them, and when printed.

// A link to a folded section, or into one, unfolds it; all are unfolded for print.
const unfold = element => {
  for (; element; element = element.parentElement) if (element.tagName === "DETAILS") element.open = true;
};
const show = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) { unfold(target); target.scrollIntoView(); }
};
addEventListener("hashchange", show);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
document.querySelectorAll("nav a").forEach(a => a.addEventListener("click", () => setTimeout(show)));
show();

// A click on a head sorts its table, a second one in reverse.
const key = (row, column) => {
  const text = (row.cells[column].firstChild?.textContent || row.cells[column].textContent).trim();
  const number = parseFloat(text.replaceAll(",", "").replace("\u2212", "-").replace("< ", ""));
  return Number.isNaN(number) ? text : number;
};
const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
document.querySelectorAll("table.sortable").forEach(table => {
  const heads = [...table.tHead.rows[0].cells];
  const grouped = table.closest(".grouped");  // a group begins where the first column has a text
  const sort = column => {
    const head = heads[column], up = head.ariaSort !== "ascending", groups = [];
    for (const row of table.tBodies[0].rows) {
      if (!groups.length || (grouped && row.cells[0].textContent.trim())) groups.push([]);
      groups.at(-1).push(row);
    }
    heads.forEach(other => { other.ariaSort = null; });
    head.ariaSort = up ? "ascending" : "descending";
    for (const rows of groups) {
      const [label, ...text] = [rows[0].cells[0], ...rows[0].cells[0].childNodes];
      rows.sort((a, b) => (up ? 1 : -1) * compare(key(a, column), key(b, column)));
      if (grouped && rows[0].cells[0] !== label) rows[0].cells[0].replaceChildren(...text);
      table.tBodies[0].append(...rows);
    }
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(column));
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(column); });
  });
});

// A choice of a class hides the examples of others; a click on an example enlarges it.
document.querySelectorAll("select.filter").forEach(select => select.addEventListener("change", () => {
  document.querySelectorAll(".example").forEach(example => {
    example.hidden = Boolean(select.value) && example.dataset.class !== select.value;
  });
}));
document.querySelectorAll("button.zoom").forEach(button => button.addEventListener("click", () => {
  button.classList.toggle("zoomed");
}));

// A mark shows its value when it is pointed at or touched.
const tip = document.body.appendChild(document.createElement("div"));
tip.className = "tip";
tip.hidden = true;
document.addEventListener("pointerover", event => {
  const mark = event.target.closest(".value");
  tip.hidden = !mark;
  if (!mark) return;
  const title = mark.querySelector("title");
  if (title) { mark.setAttribute("data-value", title.textContent); title.remove(); }
  tip.textContent = mark.getAttribute("data-value");
  const box = mark.getBoundingClientRect(), left = box.left + box.width / 2 - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, box.top - tip.offsetHeight - 6)}px`;
});
