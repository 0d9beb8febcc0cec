// Polling rests while nobody looks, and while somebody is typing or has a menu open in the part it would replace.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.target;
  if (!(part instanceof Element) || !part.matches("[data-poll]")) return;
  if (document.hidden || part.querySelector("input:focus, textarea:focus, select:focus, details[open]")) event.preventDefault();
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
  row?.querySelector(".title a")?.focus();
}
