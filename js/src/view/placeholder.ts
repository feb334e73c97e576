/** What stands in a view's place, as large as the view, until the front end has come. */

import { type HostModel, listen } from "../host.ts";

/** After this long without the kernel there may be none: a saved page, or one that is exported. */
const PATIENCE_MS = 3000;

/** As in styles.css, which has not come yet. */
const STYLES =
  ".decart-loading{container-type:inline-size;box-sizing:border-box;inline-size:100%;max-inline-size:760px;margin:2px;overflow:hidden;border:1px solid var(--jp-border-color2,#8886);border-radius:10px;font:13px/1.4 var(--jp-ui-font-family,system-ui,sans-serif)}" +
  ".decart-loading>p{box-sizing:border-box;display:grid;place-items:center;overflow:hidden;margin:0;padding:0 20px;aspect-ratio:var(--dl-shape);background:#0b0d10;color:#b7c0cd;text-align:center}" +
  ".decart-loading>i{display:block;block-size:var(--dl-wide)}" +
  "@container(max-width:420px){.decart-loading>i{block-size:var(--dl-narrow)}}";

/** Pixels under the stage, from styles.css: the prompt bar, the row, the badge's strip. */
const BAR = 76;
const NARROW_BAR = 73;
const ROW = 50;
const STRIP = 21.4;

export function placeholder(model: HostModel, el: HTMLElement, signal: AbortSignal) {
  const element = document.createElement("div");
  const stage = document.createElement("p");
  const style = document.createElement("style");
  style.textContent = STYLES;
  element.className = "decart-loading";
  element.setAttribute("role", "status");
  element.append(style, stage, document.createElement("i"));

  const shape = () => {
    const { width, height } = (model.get("_media") ?? {}) as { width?: number; height?: number };
    const bars = model.get("_kind") === "viewer" ? 0 : 1;
    const strip = model.get("endpoint") === "sandbox" ? STRIP : 0;
    const wide = ROW + bars * BAR;
    const narrow = ROW + bars * NARROW_BAR + strip;
    element.style.cssText = `--dl-shape:${width ?? 16}/${height ?? 9};--dl-wide:${wide}px;--dl-narrow:${narrow}px`;
  };
  const own = new AbortController();
  const remove = () => {
    own.abort();
    clearTimeout(timer);
    element.remove();
  };
  const say = (text: string) => {
    clearTimeout(timer);
    stage.textContent = text;
  };
  const timer = setTimeout(() => say("Run the cell to see it live."), PATIENCE_MS);
  shape();
  for (const name of ["_media", "endpoint"]) listen(model, `change:${name}`, shape, own.signal);
  signal.addEventListener("abort", remove, { once: true });
  el.append(element);
  return { say, remove };
}
