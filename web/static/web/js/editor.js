// Once the form is sent nothing more is asked for its dates: the answer would come to a page that is gone.
let sent = false;
document.addEventListener("submit", (event) => { if (event.target.id === "editor") sent = true; });
document.addEventListener("htmx:beforeRequest", (event) => { if (sent && event.target.id === "editor") event.preventDefault(); });
addEventListener("pageshow", () => { sent = false; });
