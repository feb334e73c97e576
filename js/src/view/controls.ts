/** The rows under the picture: Stop with a place for tools, and the cost; for a viewer, what it shows. */

import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { button, h, icon, mark, show, write } from "./dom.ts";
import type { Part } from "./part.ts";
import type { Slots } from "./slots.ts";
import { billedWords, endpointWords, lossWords } from "./words.ts";

interface Controls extends Part {
  stop: HTMLElement;
  slots: Pick<Slots, "tools" | "gap">;
}

/** The rows of a view with a camera. */
export function controls(session: Session): Controls {
  const { model } = session;
  const stop = button("dw-stop", icon("stop"), "Stop");
  stop.addEventListener("click", () => session.stop());
  const name = h("span", { class: "dw-name" });
  const tools = h("span", { class: "dw-tools" });
  const id = h("span", { class: "dw-session" });
  const bar = h("i");
  const meter = h("span", { class: "dw-meter", "aria-hidden": "true" }, bar);
  const billed = h("span", { class: "dw-billed" });
  const gap = h("span", { class: "dw-gap" });
  // Stop and the model's name share one place, so that the row keeps its layout.
  const first = h("span", { class: "dw-slot" }, stop, name);
  const element = h(
    "div",
    {},
    h("div", { class: "dw-row" }, first, tools),
    h("div", { class: "dw-row dw-money" }, meter, billed, gap, id),
  );
  return {
    element,
    stop,
    slots: { tools, gap },
    update() {
      const { isActive } = session;
      const canStop = isActive && !session.isOwnedElsewhere;
      show(stop, canStop);
      show(name, !canStop);
      write(name, trait(model, "model"));
      const loss = lossWords(session.attempt?.reading);
      const sessionId = trait(model, "session_id");
      write(id, isActive && sessionId ? `session ${sessionId.slice(0, 4)}…${loss}` : "");
      const budget = trait(model, "budget");
      show(meter, budget !== null);
      mark(meter, "low", trait(model, "budget_low"));
      const spent = budget ? trait(model, "generation_tick") / budget : 0;
      bar.style.inlineSize = `${Math.min(100, spent * 100)}%`;
      write(billed, billedWords(model));
    },
  };
}

/** The row of a viewer. */
export function viewerControls(session: Session): Part & { slots: Pick<Slots, "gap"> } {
  const what = h("span", { class: "dw-name" });
  const gap = h("span", { class: "dw-gap" });
  const loss = h("span", { class: "dw-session" });
  const billed = h("span", { class: "dw-billed" }, "Nothing sent or billed");
  return {
    element: h("div", { class: "dw-row" }, what, gap, loss, billed),
    slots: { gap },
    update() {
      write(what, `Watching a session ${endpointWords(trait(session.model, "endpoint"))}`);
      write(loss, lossWords(session.attempt?.reading).replace(" · ", ""));
    },
  };
}
