// A task is dragged onto somebody, or onto a day of theirs. The menu beside each task does the same without a mouse.
let dragged = null;

document.addEventListener("dragstart", (event) => {
  const task = event.target.closest?.("[data-place]");
  if (!task) return;
  dragged = task;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", task.querySelector(".name").textContent);
  // In the next frame: a source that changes at once is no longer dragged.
  requestAnimationFrame(() => { dragged?.classList.add("dragged"); document.body.classList.toggle("dragging", Boolean(dragged)); });
});

document.addEventListener("dragover", (event) => {
  const place = placeAt(event);
  mark(place);
  if (place) { event.preventDefault(); event.dataTransfer.dropEffect = "move"; }
});

document.addEventListener("drop", (event) => {
  const place = placeAt(event);
  if (!place) return;
  event.preventDefault();
  const values = { to: place.dataset.to, on: place.dataset.on ?? "" };
  htmx.ajax("POST", dragged.dataset.place, { source: document.body, swap: "none", values });
  end();
});

document.addEventListener("dragend", end);

function placeAt(event) {
  return dragged && event.target.closest?.("[data-drop]");
}

function mark(place) {
  for (const marked of document.querySelectorAll(".drop-here")) if (marked !== place) marked.classList.remove("drop-here");
  place?.classList.add("drop-here");
}

function end() {
  dragged?.classList.remove("dragged");
  dragged = null;
  document.body.classList.remove("dragging");
  mark(null);
}
