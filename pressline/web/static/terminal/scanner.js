// A hand scanner is a keyboard that ends with Enter, a line feed or Tab. A prefix says what was
// read, so any screen takes any code, and a code typed by hand works as well.
const IDLE = 1500; // milliseconds without a key, after which a new code begins
const ECHO = 300; // milliseconds in which a second end (CR and LF) belongs to the same code
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
  if (event.code.startsWith("Digit") || /^Numpad\d$/.test(event.code)) return event.code.at(-1);
  return PLACES[event.code]?.[upper ? 1 : 0] ?? "";
}

// Enter, Tab, and what scanners send for them: Ctrl+M is a carriage return, Ctrl+J a line feed.
const ends = (event) =>
  event.key === "Enter" || event.key === "Tab" || (event.ctrlKey && /^[jm]$/i.test(event.key));

// Half-width, as it was printed; a scanner in another mode sends full-width characters.
export const plain = (text) => text.normalize("NFKC").trim();
export const same = (one, other) => plain(one).toUpperCase() === plain(other).toUpperCase();

// "WO:1001" → {kind: "WO", code: "1001"}; null when it has no prefix of ours.
export function decode(text) {
  const found = CODE.exec(plain(text));
  return found && { kind: found[1].toUpperCase(), code: found[2].trim() };
}

export function listen(onScan) {
  let text = "";
  let last = 0;
  let finished = -ECHO;
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const finish = (event) => {
    const scanned = text;
    text = "";
    if (scanned.length < SHORTEST) {
      if (event.timeStamp - finished < ECHO) swallow(event);
      return;
    }
    // The end belongs to the code, not to whatever key was touched last.
    finished = event.timeStamp;
    swallow(event);
    onScan(scanned);
  };
  addEventListener("keydown", (event) => {
    if (event.timeStamp - last > IDLE) text = "";
    last = event.timeStamp;
    if (ends(event)) return finish(event);
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.code === "Space" && text) event.preventDefault();
    text += character(event);
  }, { capture: true });
}
