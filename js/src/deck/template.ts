/** The sentence of a template above the prompt box: a menu or a slider where a field stands. */

import { listen } from "../host.ts";
import type { Session } from "../session/session.ts";
import { button, h, show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import { deckIcon } from "./icons.ts";

/** A field, as the kernel publishes it. */
interface Field {
  name: string;
  labels: string[];
  is_scale: boolean;
}

/** The trait `_template`; empty without one. */
interface Template {
  parts?: (string | { field: string })[];
  fields?: Field[];
}

/** A field's element, and what shows its value. */
interface Control {
  element: HTMLElement;
  show(place: number): void;
}

/** Adds the sentence before the prompt's form until the signal. */
export function templateRow(session: Session, form: HTMLElement, signal: AbortSignal): Updatable {
  const { model } = session;
  const sentence = h("span", { class: "dw-sentence" });
  const shuffle = button("dw-quietly dw-shuffle", deckIcon("shuffle"));
  shuffle.setAttribute("aria-label", "Shuffle");
  shuffle.title = "Choose values at random";
  const sweepText = h("span");
  const sweep = button("dw-sweep", deckIcon("grid"), sweepText);
  const element = h(
    "div",
    { class: "dw-template", role: "group", "aria-label": "Template", hidden: true },
    sentence,
    h("span", { class: "dw-actions" }, shuffle, sweep),
  );
  form.before(element);
  signal.addEventListener("abort", () => element.remove(), { once: true });
  /** The controls of each field; one that stands twice has two. */
  let controls = new Map<string, Control[]>();
  let shownTemplate: unknown;

  const template = () => (model.get("_template") ?? {}) as Template;
  const places = () => (model.get("_fields") ?? {}) as Record<string, number>;
  const choose = (changes: Record<string, number>) => {
    model.set("_fields", { ...places(), ...changes });
    model.save_changes();
    showPlaces();
  };
  const showPlaces = () => {
    const now = places();
    for (const [name, all] of controls) for (const one of all) one.show(now[name] ?? 0);
  };
  const build = () => {
    const { parts = [], fields = [] } = template();
    const byName = new Map(fields.map((field) => [field.name, field]));
    controls = new Map();
    const elements = parts.map((part) => {
      if (typeof part === "string")
        return h("span", { class: "dw-part", dir: "auto" }, part.trim());
      const field = byName.get(part.field);
      if (!field) return "";
      const onChoose = (place: number) => choose({ [field.name]: place });
      const control = field.is_scale ? slider(field, onChoose) : menu(field, onChoose);
      controls.set(field.name, [...(controls.get(field.name) ?? []), control]);
      return control.element;
    });
    sentence.replaceChildren(...elements);
    const counts = fields.map(({ labels }) => labels.length);
    write(sweepText, `Sweep ${counts.join(" × ")}`);
    const cells = counts.reduce((product, count) => product * count, 1);
    sweep.title = `Plan a sweep of all ${cells} combinations. Nothing is billed before its Start.`;
  };
  const update = () => {
    const now = template();
    const key = JSON.stringify(now);
    show(element, (now.fields?.length ?? 0) > 0);
    if (key !== shownTemplate) {
      shownTemplate = key;
      build();
    }
    showPlaces();
  };
  shuffle.addEventListener("click", () => {
    const random = template().fields?.map(({ name, labels }) => [
      name,
      Math.floor(Math.random() * labels.length),
    ]);
    choose(Object.fromEntries(random ?? []));
  });
  sweep.addEventListener("click", () => session.kernel.send({ type: "sweep" }));
  listen(model, "change:_template", update, signal);
  listen(model, "change:_fields", showPlaces, signal);
  update();
  return { update };
}

function menu({ name, labels }: Field, onChoose: (place: number) => void): Control {
  const options = labels.map((label, place) => h("option", { value: String(place) }, label));
  const select = h("select", { "aria-label": name }, ...options);
  select.addEventListener("change", () => onChoose(Number(select.value)));
  return {
    element: h("span", { class: "dw-field" }, select, deckIcon("down")),
    show(place) {
      if (select.value !== String(place)) select.value = String(place);
    },
  };
}

function slider({ name, labels }: Field, onChoose: (place: number) => void): Control {
  const input = h("input", {
    type: "range",
    min: "0",
    max: String(labels.length - 1),
    step: "1",
    "aria-label": name,
  });
  const words = h("span", { class: "dw-scale", "aria-hidden": "true", dir: "auto" });
  const widest = Math.min(18, Math.max(...labels.map((label) => label.length)));
  words.style.minInlineSize = `${widest}ch`;
  input.addEventListener("input", () => onChoose(Number(input.value)));
  return {
    element: h("label", { class: "dw-field" }, input, words),
    show(place) {
      if (input.value !== String(place)) input.value = String(place);
      const label = labels[place] ?? "";
      write(words, label);
      input.setAttribute("aria-valuetext", label);
    },
  };
}
