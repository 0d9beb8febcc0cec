// Dragging a card to another column moves it there: the same as its menu.
let dragged;

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-move]");
  if (dragged) event.dataTransfer.effectAllowed = "move";
});
document.addEventListener("dragover", (event) => {
  const column = event.target.closest?.(".column");
  if (!dragged || !column || column.contains(dragged)) return;
  event.preventDefault();
  column.classList.add("aimed");
});
document.addEventListener("dragleave", (event) => event.target.closest?.(".column")?.classList.remove("aimed"));
document.addEventListener("dragend", () => { dragged = undefined; });
document.addEventListener("drop", (event) => {
  const column = event.target.closest?.(".column");
  if (!dragged || !column) return;
  event.preventDefault();
  column.classList.remove("aimed");
  dragged.querySelector(`button[value="${column.dataset.status}"]`)?.click();
});
