// A hand scanner is a keyboard that ends with Enter. Its prefix says what was read, so any screen
// takes any code, and a code typed by hand works as well.
const IDLE = 1500; // milliseconds without a key, after which a new code begins
const SHORTEST = 4; // characters; less is somebody leaning on the keyboard
const CODE = /(WO|DIE|EMP|LOT|RSN):\s*(\S.*)$/i;

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
  const found = CODE.exec(text.trim());
  return found && { kind: found[1].toUpperCase(), code: found[2].trim() };
}

export function listen(onScan) {
  let text = "";
  let last = 0;
  const finish = (event) => {
    const scanned = text;
    text = "";
    if (scanned.length < SHORTEST) return;
    // The Enter belongs to the code, not to whatever key was touched last.
    event.preventDefault();
    event.stopPropagation();
    onScan(scanned);
  };
  addEventListener("keydown", (event) => {
    if (event.timeStamp - last > IDLE) text = "";
    last = event.timeStamp;
    if (event.key === "Enter") return finish(event);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.code === "Space" && text) event.preventDefault();
    text += character(event);
  }, { capture: true });
}
