// How far a job is from its pace, as people say it: "落后 113 件", "113 behind"; the figure stands out.
import { html } from "./html.js";
import { count, t } from "./words.js";

export function pace(parts) {
  if (parts === 0) return html`<b class="gap on_pace">${t("wall.on_pace")}</b>`;
  const side = parts < 0 ? "behind" : "ahead";
  const [before, after] = t(`wall.${side}`, { n: "\n" }).split("\n").map((word) => word.trim());
  return html`${unit(before)}<b class=${`gap ${side}`}>${count(Math.abs(parts))}</b>${unit(after)}`;
}

const unit = (word) => (word === "" ? "" : html`<span class="unit">${word}</span>`);
