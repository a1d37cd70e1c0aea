// Renewing a page from the server without taking anything from under a person's hands.
// Blocks named by `data-keep` are the unit: what somebody opened, fills in or was told in one stays
// as it is, whatever the server says meanwhile; everything else follows.
const TIMEOUT = 10; // seconds; a server that does not answer is not waited for
const IN_USE = "form[data-dirty], details[open], form .problem:not([hidden])";
const FIELDS = "input, select, textarea, button, summary";

const main = () => document.querySelector("main");
const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.keep : undefined);

// The innermost blocks that somebody is at.
function inUse() {
  const places = [...main().querySelectorAll(IN_USE)];
  const focus = document.activeElement?.closest("main form, main details") && document.activeElement.closest(FIELDS);
  return new Set([...places, ...(focus ? [focus] : [])].map((place) => place.closest("[data-keep]") ?? main()));
}

const holds = (node, kept) => [...kept].some((block) => node.contains(block));

function gone(block) {
  if (block.querySelector(":scope > .gone")) return;
  const note = document.createElement("p");
  note.className = "gone";
  note.textContent = main().dataset.gone;
  block.prepend(note);
}

function patch(old, fresh, kept) {
  if (kept.has(old) || old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  patchChildren(old, fresh, kept);
}

function patchChildren(old, fresh, kept) {
  const named = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const wanted = new Set([...fresh.children].map(keyOf).filter(Boolean));
  let at = old.firstChild;
  // What has no place any more goes, unless somebody is at it.
  const drop = (node) => {
    if (!holds(node, kept)) return node.remove();
    for (const block of kept) if (node.contains(block) && !wanted.has(keyOf(node))) gone(block);
  };
  const pass = (until) => {
    while (at && at !== until) {
      const next = at.nextSibling;
      if (!wanted.has(keyOf(at))) drop(at);
      at = next;
    }
  };
  for (const want of [...fresh.childNodes]) {
    const key = keyOf(want);
    const same = key ? named.get(key) : at && !keyOf(at) && at.nodeName === want.nodeName ? at : undefined;
    if (!same) old.insertBefore(document.importNode(want, true), at);
    else if (same === at) at = at.nextSibling;
    else if (same.compareDocumentPosition(at ?? old.lastChild) & Node.DOCUMENT_POSITION_PRECEDING) {
      pass(same);
      at = same.nextSibling;
    } else if (!holds(same, kept)) old.insertBefore(same, at);
    if (same) patch(same, want, kept);
  }
  pass(null);
}

// Ask for the page anew; false when the server did not answer. `done` is a block that was decided:
// nobody is at it any more. `anew` replaces everything.
export async function renew({ done, anew = false } = {}) {
  const answer = await fetch(location.href, { signal: AbortSignal.timeout(TIMEOUT * 1000) }).catch(() => null);
  if (!answer?.ok || answer.redirected) return false;
  const text = await answer.text().catch(() => null);
  if (text === null) return false;
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  main().dataset.at = fresh.dataset.at;
  if (anew) main().replaceChildren(...fresh.childNodes);
  // Asked now, not before: somebody may have begun while the answer was on its way.
  else if (getSelection().isCollapsed || done) patchMain(fresh, done);
  return true;
}

function patchMain(fresh, done) {
  const kept = inUse();
  kept.delete(done?.closest("[data-keep]") ?? main());
  if (kept.has(main())) return;
  patchChildren(main(), fresh, kept);
}
