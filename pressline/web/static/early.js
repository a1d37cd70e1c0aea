// A form that is sent before the page's script is there waits for it: a browser by itself would load
// the page anew, and what was typed would be gone. Forms with a method are the browser's own.
const early = [];

function keep(event) {
  if (event.target.hasAttribute("method")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  early.push([event.target, event.submitter]);
}

document.addEventListener("submit", keep, true);
document.addEventListener("DOMContentLoaded", () => { // module scripts have run by then
  document.removeEventListener("submit", keep, true);
  for (const [form, button] of early) form.requestSubmit(button);
});
