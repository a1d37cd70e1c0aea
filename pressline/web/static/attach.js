// A file is attached to a document: sent as it is, with how much has gone.
import { queried, signInFrom } from "./paths.js";
import { uuid } from "./uuid.js";

function send(form, file, id) {
  const bar = form.querySelector("progress");
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no progress of what it sends
    const lang = document.documentElement.lang.slice(0, 2);
    request.open("POST", queried(form.dataset.call, { name: file.name, lang, id }));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => (bar.value = event.loaded / event.total);
    request.onload = () => resolve({ status: request.status, said: JSON.parse(request.responseText) });
    request.onerror = reject;
    bar.hidden = false;
    request.send(file);
  }).finally(() => (bar.hidden = true));
}

// `done(form, text)` renews the page and tells what was done, `tell(form, text)` what went wrong.
export function attachFiles({ done, tell }) {
  const ids = new WeakMap();
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form.attach");
    if (!form) return;
    event.preventDefault();
    const file = form.file.files[0];
    if (!file) return tell(form, form.dataset.none);
    if (file.size > Number(form.dataset.largest)) return tell(form, form.dataset.large);
    if (!ids.has(file)) ids.set(file, uuid());
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const { status, said } = await send(form, file, ids.get(file));
      if (status === 401) return location.assign(signInFrom(location));
      if (status !== 200) return tell(form, said.message);
      form.reset();
      await done(form, said.message);
    } catch {
      tell(form, document.querySelector("main").dataset.unsent);
    } finally {
      button.disabled = false;
    }
  });
}
