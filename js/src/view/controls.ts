/** The row below: Stop, and what the session costs. */

import { trait } from "../model.ts";
import type { Session } from "../session.ts";
import { h, icon, show, write } from "./dom.ts";
import type { Part } from "./stage.ts";
import { billedWords } from "./words.ts";

export function controls(session: Session): Part {
  const { model } = session;
  const stop = h("button", { type: "button", class: "dw-button dw-stop" }, icon("stop"), "Stop");
  stop.addEventListener("click", () => session.stop());
  const name = h("span", { class: "dw-name" });
  const id = h("span", { class: "dw-session" });
  const bar = h("i");
  const meter = h("span", { class: "dw-meter", "aria-hidden": "true" }, bar);
  const billed = h("span", { class: "dw-billed" });
  const element = h(
    "div",
    { class: "dw-row" },
    // Both in one place, so that the row keeps its shape.
    h("span", { class: "dw-slot" }, stop, name),
    h("span", { class: "dw-gap" }),
    id,
    meter,
    billed,
  );
  return {
    element,
    update() {
      const live = session.isLive && !session.watching;
      show(stop, live);
      show(name, !live);
      write(name, session.modelName);
      const { reading } = session.attempt ?? {};
      const loss = reading ? ` · loss ${(reading.loss * 100).toFixed(1)} %` : "";
      const session_id = trait(model, "session_id");
      write(id, session.isLive && session_id ? `session ${session_id.slice(0, 4)}…${loss}` : "");
      const budget = trait(model, "budget");
      show(meter, budget !== null);
      const spent = budget ? trait(model, "generation_tick") / budget : 0;
      bar.style.inlineSize = `${Math.min(100, spent * 100)}%`;
      write(billed, billedWords(model));
    },
  };
}
