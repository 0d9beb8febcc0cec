// Toasts leave by themselves unless somebody is reading them; each can be dismissed.
const STAYS = 9000;
const region = document.getElementById("toasts");

function watch(toast) {
  let timer;
  const leave = () => { timer = setTimeout(() => toast.remove(), STAYS); };
  const stay = () => clearTimeout(timer);
  toast.addEventListener("pointerenter", stay);
  toast.addEventListener("pointerleave", leave);
  toast.addEventListener("focusin", stay);
  toast.addEventListener("focusout", leave);
  toast.querySelector("[data-dismiss]")?.addEventListener("click", () => toast.remove());
  leave();
}

region.addEventListener("submit", (event) => event.target.closest(".toast").classList.add("sent"));

for (const toast of region.querySelectorAll(".toast")) watch(toast);
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.matches?.(".toast")) watch(node);
}).observe(region, { childList: true });

// What the server did not answer is said, except for polling, which simply tries again.
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (event.target.matches?.("[data-poll]")) return;
    region.append(document.getElementById("toast-failed").content.cloneNode(true));
  });
}
