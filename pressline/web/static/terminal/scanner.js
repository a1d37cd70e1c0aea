// A hand scanner is a keyboard that types very fast and ends with Enter.
const FAST = 60; // milliseconds between keys; people are slower
const SHORTEST = 4;
export const PREFIXES = ["WO", "DIE", "EMP", "LOT", "RSN"];

// By key position, because an input method editor swallows the characters themselves.
const PLACES = {
  Minus: "-_", Equal: "=+", Semicolon: ";:", Slash: "/?", Period: ".>", Comma: ",<",
  Quote: "'\"", Backslash: "\\|", Space: "  ",
};
function character(event) {
  if (event.key.length === 1 && !event.isComposing) return event.key;
  const upper = event.shiftKey;
  if (event.code.startsWith("Key")) return upper ? event.code[3] : event.code[3].toLowerCase();
  if (event.code.startsWith("Digit")) return event.code[5];
  return PLACES[event.code]?.[upper ? 1 : 0] ?? "";
}

// "WO:1001" → {kind: "WO", code: "1001"}; null when it is no code of ours.
export function decode(text) {
  const [kind, ...rest] = text.trim().split(":");
  const code = rest.join(":").trim();
  return code && PREFIXES.includes(kind.toUpperCase()) ? { kind: kind.toUpperCase(), code } : null;
}

export function listen(onScan) {
  let text = "";
  let last = 0;
  const finish = (event) => {
    const scanned = text.length >= SHORTEST ? text : "";
    text = "";
    if (!scanned) return;
    event.preventDefault();
    event.stopPropagation();
    onScan(scanned);
  };
  addEventListener("keydown", (event) => {
    const now = event.timeStamp;
    if (now - last > FAST) text = "";
    last = now;
    if (event.key === "Enter") return finish(event);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    text += character(event);
    // From the third fast key on it is a scanner: fields must not get what it types.
    if (text.length > 2) event.preventDefault();
  }, { capture: true });
}
