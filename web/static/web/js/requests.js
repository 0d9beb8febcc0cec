// Polling rests while nobody looks or the part is not shown, and while somebody is typing or has a menu open in the part it would replace.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.target;
  if (!(part instanceof Element) || !part.matches("[data-poll]")) return;
  if (event.detail.requestConfig.triggeringEvent?.type === "work-changed") return;
  const busy = "input:focus, textarea:focus, select:focus, details[open], input[type=checkbox]:checked, .dragged";
  if (document.hidden || !part.checkVisibility() || part.querySelector(busy)) event.preventDefault();
});

// Polling says when nobody touched the page since it asked last: a page that is left open does not keep its session.
let touched = false;
for (const touch of ["pointerdown", "keydown", "wheel"])
  document.addEventListener(touch, () => { touched = true; }, { capture: true, passive: true });
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches?.("[data-poll]")) return;
  if (!touched) event.detail.headers["Nextmove-Unattended"] = "1";
});
document.addEventListener("htmx:beforeSend", (event) => {
  if (event.target.matches?.("[data-poll]")) touched = false;
});

// A form that adds something is empty again once that is done; one in a part that was opened for it closes that part,
// before the part around it is asked for anew.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.detail.xhr.status >= 300) return;
  if (form.matches("[data-adds]")) form.reset();
  if (form.matches("[data-closes]")) form.closest("details")?.removeAttribute("open");
});

// A row that is shown beside the list stays marked.
document.addEventListener("htmx:afterSwap", (event) => {
  const peek = document.getElementById("peek");
  if (!peek) return;
  for (const row of document.querySelectorAll(".row.open")) row.classList.remove("open");
  document.getElementById(`task-${peek.querySelector("[data-task]")?.dataset.task}`)?.classList.add("open");
  if (event.target === peek) {
    peek.scrollTop = 0;
    if (event.detail.requestConfig?.verb === "get") peek.focus({ preventScroll: true });
  }
});

// What is shown beside the list is shown anew when something was done, unless somebody is writing there.
document.body.addEventListener("work-changed", () => {
  const shown = document.querySelector("#peek [data-peek]");
  if (shown && !document.querySelector("#peek :is(input, textarea):focus"))
    htmx.ajax("GET", shown.dataset.peek, { target: "#peek", swap: "innerHTML" });
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-peek]")) closePeek();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector(":popover-open")) closePeek();
});

function closePeek() {
  const peek = document.getElementById("peek");
  const task = peek?.querySelector("[data-task]");
  if (!task) return;
  const row = document.getElementById(`task-${task.dataset.task}`);
  peek.replaceChildren(document.getElementById("peek-hint")?.content.cloneNode(true) ?? "");
  row?.classList.remove("open");
  (row?.querySelector(".title a") ?? document.getElementById(task.dataset.back))?.focus();
}
