/** What is shown in a view's place, of the view's size, until the front end has come. */

import { type HostModel, onAbort } from "../host.ts";

/** After this long there may be no kernel: the page was saved, or exported. */
const NO_KERNEL_AFTER_MS = 3000;

/** Those of styles.css that count here; that file comes with the front end. */
const STYLES =
  ".decart-loading{display:grid;grid-template-columns:minmax(0,760px);margin:2px}" +
  ".decart-loading>div{container-type:inline-size;overflow:hidden;border:1px solid var(--jp-border-color2,#8886);border-radius:10px}" +
  ".decart-loading p{box-sizing:border-box;display:grid;place-items:center;overflow:hidden;margin:0;padding:0 20px;background:#0b0d10;color:#b7c0cd;font:13px/1.4 var(--jp-ui-font-family,sans-serif)}" +
  ".decart-loading i{display:block;height:var(--wide)}" +
  "@container(max-width:420px){.decart-loading i{height:var(--narrow)}}";

/** Heights of what is under the stage, in wide and narrow views; a viewer has no prompt bar. */
const SESSION_HEIGHTS_PX = [155, 152];
const VIEWER_HEIGHTS_PX = [50, 50];
/** The height of the sandbox's badge, which is under the stage in narrow views. */
const BADGE_HEIGHT_PX = 21.4;

interface Placeholder {
  /** Shows a text, and no other one later by itself. */
  setText(text: string): void;
  remove(): void;
}

/** Puts a placeholder into `el`, until it is removed or the signal ends. */
export function placeholder(model: HostModel, el: HTMLElement, signal: AbortSignal): Placeholder {
  const { width = 16, height = 9 } = (model.get("_media") ?? {}) as Record<string, number>;
  const [wide = 0, narrow = 0] =
    model.get("_kind") === "viewer" ? VIEWER_HEIGHTS_PX : SESSION_HEIGHTS_PX;
  const badge = model.get("endpoint") === "sandbox" ? BADGE_HEIGHT_PX : 0;
  const element = document.createElement("div");
  element.className = "decart-loading";
  element.innerHTML = `<style>${STYLES}</style><div><p role="status" style="aspect-ratio:${+width}/${+height}"></p><i style="--wide:${wide}px;--narrow:${narrow + badge}px"></i></div>`;
  el.append(element);

  const setText = (text: string) => {
    clearTimeout(timer);
    (element.querySelector("p") as HTMLElement).textContent = text;
  };
  const timer = setTimeout(setText, NO_KERNEL_AFTER_MS, "Run the cell to see it live.");
  const remove = () => {
    clearTimeout(timer);
    element.remove();
  };
  onAbort(signal, remove);
  return { setText, remove };
}
