/** A menu: the browser's own, with its keyboard, under a label in the view's look. */

import { h, write } from "../view/dom.ts";

export interface Option {
  value: string;
  label: string;
}

export interface Choice {
  element: HTMLElement;
  select: HTMLSelectElement;
  /** What there is to choose from, in groups, what is chosen, and what the label says. */
  show(groups: Option[][], value: string, label: string): void;
}

export function choice(name: string, icon: SVGElement, chosen: (value: string) => void): Choice {
  const select = h("select", { "aria-label": name });
  const label = h("span", { "aria-hidden": "true" });
  const element = h(
    "span",
    { class: `dw-choice dw-choice-${name.toLowerCase()}`, title: name },
    icon,
    label,
    select,
  );
  let said = "";
  select.addEventListener("change", () => chosen(select.value));
  return {
    element,
    select,
    show(groups, value, text) {
      write(label, text);
      const all = JSON.stringify(groups);
      // An open menu must not be taken away under somebody's hand.
      if (all !== said) {
        said = all;
        select.replaceChildren(
          ...groups
            .filter((group) => group.length)
            .flatMap((group, index) => [
              ...(index ? [document.createElement("hr")] : []),
              ...group.map((one) => h("option", { value: one.value }, one.label)),
            ]),
        );
      }
      if (select.value !== value) select.value = value;
    },
  };
}
