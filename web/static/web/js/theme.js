// The server keeps the choice in a cookie and renders it; this only shows it at once.
document.addEventListener("theme", (event) => {
  document.documentElement.dataset.theme = event.detail.value;
  document.getElementById("theme-menu")?.hidePopover();
});
