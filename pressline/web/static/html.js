// Views are functions of a state; no build step, no evaluated strings.
import { h, render } from "./vendor/preact@11.2.0/preact.js";
import htm from "./vendor/htm@3.1.1/htm.js";

export const html = htm.bind(h);
export { render };
