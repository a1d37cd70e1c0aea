// A sheet is read in: what the file would change is shown first, then the same bytes are taken.
import { queried, signInFrom } from "./paths.js";
import { uuid } from "./uuid.js";

// The bytes as they are now; what was pasted is a file, too. A file that was changed on the disk since
// it was chosen cannot be read any more.
async function given(form) {
  const file = form.file.files[0];
  if (file) return { name: file.name, bytes: await file.arrayBuffer() };
  return { name: form.dataset.pasted, bytes: new TextEncoder().encode(form.pasted.value) };
}

async function send(form, more, tell) {
  const file = await given(form).catch(() => null);
  if (!file) return tell(form.dataset.gone);
  const lang = document.documentElement.lang.slice(0, 2);
  const answer = await fetch(queried(form.dataset.call, { file: file.name, lang, ...more }), {
    method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file.bytes,
  });
  if (answer.status === 401) return location.assign(signInFrom(location));
  const said = await answer.json();
  if (!answer.ok && !said.html) return tell(said.message);
  return said;
}

// `announce(text)` tells what was done, `tell(form, text)` what went wrong.
export function readSheets({ announce, tell }) {
  const form = document.querySelector("form.sheet-in");
  const place = document.getElementById("preview");
  if (!form) return;
  let act = uuid();

  async function look() {
    const said = await send(form, {}, (text) => tell(form, text));
    if (!said) return;
    act = uuid();
    form.querySelector(".problem").hidden = true;
    place.innerHTML = said.html; // the server's own template
    place.hidden = false;
  }

  async function commit(button) {
    const asked = { sha256: button.dataset.sha256, id: act };
    const said = await send(form, asked, (text) => tell(button, text));
    if (!said) return;
    place.innerHTML = said.html;
    place.hidden = !said.html;
    if (!said.act) return;
    announce(said.message);
    form.reset();
  }

  document.addEventListener("submit", async (event) => {
    const looks = event.target === form;
    if (!looks && !event.target.matches("form.sheet-commit")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = event.target.querySelector("button");
    button.disabled = true;
    try {
      await (looks ? look() : commit(event.target));
    } catch {
      tell(looks ? form : event.target, document.querySelector("main").dataset.unsent);
    } finally {
      button.disabled = false;
    }
  }, true);
  form.addEventListener("input", () => (place.hidden = true));
}
