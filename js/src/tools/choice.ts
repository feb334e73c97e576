/** A menu: a native `select`, with its keyboard handling, under a label in the view's style. */

import { h, write } from "../view/dom.ts";

/** An entry of a menu. */
export interface Option {
  value: string;
  label: string;
}

/** A menu. */
interface Choice {
  element: HTMLElement;
  select: HTMLSelectElement;
  /**
   * Shows this state.
   *
   * @param groups the entries, with a line between groups
   * @param value the value of the selected entry
   * @param label the text beside the icon
   */
  show(groups: Option[][], value: string, label: string): void;
}

/**
 * Makes a menu.
 *
 * @param name its accessible name
 * @param onChoose gets the value of the entry that a person selected
 */
export function choice(name: string, icon: SVGElement, onChoose: (value: string) => void): Choice {
  const select = h("select", { "aria-label": name });
  const label = h("span", { "aria-hidden": "true" });
  const element = h(
    "span",
    { class: `dw-choice dw-choice-${name.toLowerCase()}`, title: name },
    icon,
    label,
    select,
  );
  let shownGroups = "";
  select.addEventListener("change", () => onChoose(select.value));
  return {
    element,
    select,
    show(groups, value, text) {
      write(label, text);
      const all = JSON.stringify(groups);
      // Replacing the entries closes an open menu, so only when they have changed.
      if (all !== shownGroups) {
        shownGroups = all;
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
