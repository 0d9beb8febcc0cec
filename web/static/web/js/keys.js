// The keyboard. A letter does what the nearest [data-key] says: in the row one stands on, else in the panel, else on the
// page; of toasts the newest. G and a letter goes where the [data-go] of the navigation leads.
const GO_WITHIN = 1500;
let goingUntil = 0;

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (key === "enter" && event.target.matches("input[type=checkbox][form]")) { event.preventDefault(); return; }
  if (performance.now() < goingUntil) {
    goingUntil = 0;
    const place = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (place) { event.preventDefault(); place.click(); }
    return;
  }
  if (key === "g") { goingUntil = performance.now() + GO_WITHIN; return; }
  if (key === "?") { event.preventDefault(); openKeys(); return; }
  if (key === "j" || key === "k") { if (step(key === "j" ? 1 : -1)) { event.preventDefault(); return; } }
  if (/^[a-z]$/.test(key) && press(key)) event.preventDefault();
});

function isTyping(element) {
  return element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio])");
}

function rowHere() {
  return document.activeElement?.closest("[data-row]") ?? document.querySelector("[data-row].open");
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return false;
  const at = rows.indexOf(rowHere());
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by];
  next?.querySelector("[data-open]").focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

function press(key) {
  const wanted = `[data-key="${key}"]`, row = rowHere(), peek = document.getElementById("peek");
  const own = row?.querySelector(wanted);
  if (own) return use(own);
  // What only the panel offers is done to the task one stands on, so that is shown first.
  const shown = peek?.querySelector("[data-task]")?.dataset.task;
  if (row && peek && row.id !== `task-${shown}` && !document.querySelector(`:not(#peek) > ${wanted}:not([data-row] *)`)) {
    peek.addEventListener("htmx:afterSettle", () => { const found = peek.querySelector(wanted); if (found) use(found); }, { once: true });
    row.querySelector("[data-open]").click();
    return true;
  }
  const toasted = [...document.querySelectorAll(`.toast:not(.sent) ${wanted}`)].at(-1);
  const found = peek?.querySelector(wanted) ?? toasted ?? document.querySelector(`${wanted}:not([data-row] *, .sent *)`);
  return found ? use(found) : false;
}

function use(element) {
  if (element.matches("textarea, select, input:not([type=checkbox])")) element.focus();
  else if (element.matches("fieldset")) element.querySelector("button").focus();
  else element.click();
  if (element.matches("summary") && element.parentElement.open) element.parentElement.querySelector("button")?.focus();
  return true;
}

// A menu closes when one looks elsewhere or has chosen.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.drop[open]"))
    if (!menu.contains(event.target) || event.target.closest(".menu button")) menu.removeAttribute("open");
});
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.drop[open]");
  if (!menu) return;
  const choices = [...menu.querySelectorAll("button")], at = choices.indexOf(document.activeElement);
  if (event.key === "Escape") { menu.removeAttribute("open"); menu.querySelector("summary").focus(); event.stopPropagation(); event.preventDefault(); }
  if (event.key === "ArrowDown") { choices[(at + 1) % choices.length].focus(); event.preventDefault(); }
  if (event.key === "ArrowUp") { choices.at(at <= 0 ? -1 : at - 1).focus(); event.preventDefault(); }
}, true);

// One that would reach over the edge of the window opens to the other side.
document.addEventListener("toggle", (event) => {
  const menu = event.target.matches("details.drop[open]") && event.target.querySelector(".menu");
  if (!menu) return;
  menu.classList.remove("from-left", "from-right");
  const { left, right } = menu.getBoundingClientRect();
  if (left < 0) menu.classList.add("from-left");
  else if (right > document.documentElement.clientWidth) menu.classList.add("from-right");
}, true);

function openKeys() {
  const dialog = document.getElementById("keys");
  dialog.querySelector("[data-places]").textContent = [...document.querySelectorAll(".nav [data-go]")]
    .map((link) => `${link.dataset.go.toUpperCase()} ${nameOf(link)}`).join(" · ");
  dialog.showModal();
}

function nameOf(link) {  // without what waits there
  return [...link.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join("").trim();
}

// Search: the arrows move through what was found, Enter goes there.
const palette = document.getElementById("palette");

function openPalette() {
  palette.showModal();
  const field = palette.querySelector("input");
  field.value = "";
  field.focus();
  palette.dispatchEvent(new Event("open"));
}

if (/Mac|iPhone|iPad/.test(navigator.platform))
  for (const shown of document.querySelectorAll(".search-box kbd")) shown.textContent = "⌘K";

for (const opener of document.querySelectorAll("[data-open-palette]"))
  opener.addEventListener("click", (event) => { event.preventDefault(); openPalette(); });

palette.addEventListener("keydown", (event) => {
  const hits = [...palette.querySelectorAll("[data-hit]")], at = hits.indexOf(document.activeElement);
  if (event.key === "ArrowDown") { hits[Math.min(at + 1, hits.length - 1)]?.focus(); event.preventDefault(); }
  else if (event.key === "ArrowUp") { (at <= 0 ? palette.querySelector("input") : hits[at - 1]).focus(); event.preventDefault(); }
  else if (event.key === "Enter" && event.target.matches("input")) { event.preventDefault(); hits[0]?.click(); }
  else if (event.key === "Escape") { event.preventDefault(); palette.close(); }  // a search field would only be emptied
});
for (const dialog of document.querySelectorAll("dialog"))
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// How many are ticked.
document.addEventListener("change", count);
document.addEventListener("reset", () => setTimeout(count));
document.addEventListener("htmx:afterSettle", count);
function count() {
  const shown = document.querySelector("[data-ticked]");
  if (shown) shown.textContent = document.querySelectorAll("[name=task]:checked").length;
}
