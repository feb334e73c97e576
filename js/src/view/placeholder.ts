/** What stands in a view's place, as large as the view, until the front end has come. */

import { type HostModel, onAbort } from "../host.ts";

/** After this long without the kernel there may be none: a saved page, or one that is exported. */
const PATIENCE_MS = 3000;

/** As in styles.css, which has not come yet. */
const STYLES =
  ".decart-loading{container-type:inline-size;box-sizing:border-box;width:100%;max-width:760px;margin:2px;overflow:hidden;border:1px solid var(--jp-border-color2,#8886);border-radius:10px}" +
  ".decart-loading p{box-sizing:border-box;display:grid;place-items:center;overflow:hidden;margin:0;padding:0 20px;background:#0b0d10;color:#b7c0cd;font:13px/1.4 var(--jp-ui-font-family,sans-serif)}" +
  ".decart-loading i{display:block;height:var(--wide)}" +
  "@container(max-width:420px){.decart-loading i{height:var(--narrow)}}";

/** Pixels under the stage, wide and narrow, from styles.css; a viewer has no prompt bar. */
const SESSION = [155, 152];
const VIEWER = [50, 50];
/** The sandbox's badge takes a strip of its own where it is narrow. */
const STRIP = 21.4;

export function placeholder(model: HostModel, el: HTMLElement, signal: AbortSignal) {
  const { width = 16, height = 9 } = (model.get("_media") ?? {}) as Record<string, number>;
  const [wide = 0, narrow = 0] = model.get("_kind") === "viewer" ? VIEWER : SESSION;
  const strip = model.get("endpoint") === "sandbox" ? STRIP : 0;
  const element = document.createElement("div");
  element.className = "decart-loading";
  element.innerHTML = `<style>${STYLES}</style><p role="status" style="aspect-ratio:${+width}/${+height}"></p><i style="--wide:${wide}px;--narrow:${narrow + strip}px"></i>`;
  el.append(element);

  const say = (text: string) => {
    clearTimeout(timer);
    (element.children[1] as HTMLElement).textContent = text;
  };
  const timer = setTimeout(say, PATIENCE_MS, "Run the cell to see it live.");
  const remove = () => {
    clearTimeout(timer);
    element.remove();
  };
  onAbort(signal, remove);
  return { say, remove };
}
