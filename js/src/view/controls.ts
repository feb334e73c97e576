/** The rows below: Stop with a seat for tools, and what the session costs; for a viewer, what it shows. */

import { trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, icon, mark, show, write } from "./dom.ts";
import type { Part } from "./stage.ts";
import { billedWords, endpointWords, lossWords } from "./words.ts";

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
    {},
    h(
      "div",
      { class: "dw-row" },
      // Both in one place, so that the row keeps its shape.
      h("span", { class: "dw-slot" }, stop, name),
      h("span", { class: "dw-tools" }),
    ),
    h("div", { class: "dw-row dw-money" }, meter, billed, h("span", { class: "dw-gap" }), id),
  );
  return {
    element,
    update() {
      const live = session.isLive && !session.watching;
      show(stop, live);
      show(name, !live);
      write(name, session.modelName);
      const loss = lossWords(session.attempt?.reading);
      const session_id = trait(model, "session_id");
      write(id, session.isLive && session_id ? `session ${session_id.slice(0, 4)}…${loss}` : "");
      const budget = trait(model, "budget");
      show(meter, budget !== null);
      mark(meter, "low", trait(model, "budget_low"));
      const spent = budget ? trait(model, "generation_tick") / budget : 0;
      bar.style.inlineSize = `${Math.min(100, spent * 100)}%`;
      write(billed, billedWords(model));
    },
  };
}

/** A viewer's row. */
export function watching(session: Session): Part {
  const what = h("span", { class: "dw-name" });
  const loss = h("span", { class: "dw-session" });
  return {
    element: h(
      "div",
      { class: "dw-row" },
      what,
      h("span", { class: "dw-gap" }),
      loss,
      h("span", { class: "dw-billed" }, "Nothing sent or billed"),
    ),
    update() {
      write(what, `Watching a session ${endpointWords(session.endpoint)}`);
      write(loss, lossWords(session.attempt?.reading).replace(" · ", ""));
    },
  };
}
