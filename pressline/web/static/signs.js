// A state is never colour alone: shape, word and place say it too.
import { html } from "./html.js";

const SHAPES = {
  running: "M6 4 L20 12 L6 20 Z",
  stopped: "M5 5 H19 V19 H5 Z",
  unknown: "M12 2 L22 12 L12 22 L2 12 Z M11 6 V13 H13 V6 Z M11 15 V17 H13 V15 Z",
  idle: "M6 5 H10 V19 H6 Z M14 5 H18 V19 H14 Z",
};

export const sign = (name) =>
  html`<svg class="sign" viewBox="0 0 24 24" aria-hidden="true"><path fill-rule="evenodd" d=${SHAPES[name]} fill="currentColor" /></svg>`;
