// The browser knows where it is: its time zone is chosen while nobody has chosen another.
const field = document.querySelector("select[data-guess]");
if (field && field.value === "UTC" && field.dataset.guess === "UTC") {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...field.options].some((option) => option.value === here)) field.value = here;
}
