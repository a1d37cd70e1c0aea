// Words of the page's language, quantities and durations as people read them.
let catalogue = {};
let locale = "zh";

export function speak(words, language) {
  catalogue = words[language];
  locale = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
}

export const language = () => locale;

export function t(key, places = {}) {
  const text = catalogue[key];
  if (text === undefined) {
    console.error(`no word for ${key}`); // a screen without one word is better than none
    return key.split(".").slice(1).join(".");
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => places[name]);
}

export const nameOf = (thing) => (locale === "zh" ? thing.name_zh : thing.name_en);
export const shiftWord = (code) => catalogue[`shift.${code}`] ?? code;
export const unitWord = (code) => catalogue[`unit.${code}`] ?? code;
export const reasonWord = (code) => catalogue[`reason.${code}`] ?? code;

const plain = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 15 }); // 0.0004 kg is not 0
export const count = (n) => (n === null || n === undefined ? "–" : plain.format(n));
export const percent = (share, digits = 0) =>
  share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;

// What is said of a press that is silent, by follow.js' quietFor.
export function silenceOf(seconds) {
  if (seconds === undefined) return t("wall.never");
  return seconds === null ? t("state.unknown") : t("wall.silent", { time: duration(seconds) });
}

// Seconds below a minute, minutes below an hour, then hours and minutes.
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return t("time.s", { s });
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return t("time.min", { m: minutes });
  return t("time.h", { h: Math.floor(minutes / 60), m: String(minutes % 60).padStart(2, "0") });
}

export const clock = (instant, zone, seconds = false) =>
  new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}),
  }).format(instant);
