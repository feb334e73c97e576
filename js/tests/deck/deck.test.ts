/** The deck and the template of a view: cards, marks, filters, keys, fields. */

import { beforeEach, describe, expect, test, vi } from "vitest";
import * as deck from "../../src/deck/index.ts";
import type { Look } from "../../src/deck/looks.ts";
import { settled } from "../fakes.ts";
import { model, one, render, root, visible } from "../view/harness.ts";

function look(number: number, prompt: string | null, more: Partial<Look> = {}): Look {
  return {
    ...{ number, prompt, enrich: true, image: null, at: 1000 + number, status: "applied" },
    ...{ reason: "", effect_s: 0.31, changed: true, billed_s: 4, star: false, pin: false },
    key: number,
    ...more,
  } as Look;
}

const LOOKS = [
  look(1, "charcoal on grey paper", { key: 2, pin: true, star: true }),
  look(2, "first snow, blue light", { key: 3, changed: false, effect_s: null }),
  look(3, "a famous painter", { key: null, status: "refused", reason: "It names a person." }),
  look(4, "أضواء نيون", { key: 1 }),
];

const cards = () => [...root.querySelectorAll<HTMLElement>(".dw-card")];
const numbers = () => cards().map((card) => Number(card.dataset.number));
const card = (number: number) => one(`.dw-card[data-number="${number}"]`);
const press = (key: string, target: HTMLElement = root, type = "keydown") => {
  const event = new KeyboardEvent(type, { key, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return event;
};
/** What was asked of the kernel. */
const asked = (type: string) =>
  model.all(type).map(({ type: _type, page_id: _page, ...fields }) => fields);

async function show(traits: Record<string, unknown>): Promise<void> {
  for (const [name, value] of Object.entries(traits)) model.set(name, value);
  model.set("budget", 60); // views are updated
  await settled();
}

beforeEach(async () => {
  localStorage.clear();
  await settled(); // the chunk `tools` is loaded
});

test("a view of a session that has prompts already asks for their thumbnails", async () => {
  await show({ _looks: LOOKS });
  const before = asked("thumbnails").length;
  const { remove } = render();
  await settled();
  expect(asked("thumbnails").length).toBe(before + 1);
  remove();
});

describe("the cards", () => {
  beforeEach(() => show({ _looks: LOOKS, _live: 4 }));

  test("are the prompts, newest first, with effect and seconds", () => {
    expect(numbers()).toEqual([4, 3, 2, 1]);
    expect(card(1).querySelector(".dw-facts")?.textContent).toBe("0.31 s4.0 s billed");
    expect(card(2).querySelector(".dw-effect")?.textContent).toBe("no visible change");
    expect(card(3).querySelector(".dw-why")?.textContent).toBe("It names a person.");
    expect(card(4).dataset.live).toBe("true");
    expect(one(".dw-shot", card(4)).getAttribute("aria-label")).toMatch(
      /^1: أضواء نيون, live, took effect after 0.31 s, 4.0 s billed, at /,
    );
    expect(one(".dw-said", card(4)).dir).toBe("auto");
  });

  test("are updated in place, so that they keep the focus", async () => {
    const shot = one(".dw-shot", card(2));
    shot.focus();
    await show({ _looks: [...LOOKS, look(5, "new", { key: 4 })], _live: 5 });
    expect(document.activeElement).toBe(shot);
    expect(numbers()).toEqual([5, 4, 3, 2, 1]);
    await show({ _looks: LOOKS.slice(2) });
    expect(numbers()).toEqual([4, 3]);
  });

  test("count the seconds of the one that is live", async () => {
    await show({ generation_tick: 6 });
    expect(one(".dw-facts", card(4)).textContent).toContain("10.0 s billed");
    expect(one(".dw-facts", card(1)).textContent).toContain("4.0 s billed");
  });

  test("switch by a click and are marked by their buttons", () => {
    one(".dw-shot", card(2)).click();
    one(".dw-star", card(2)).click();
    one(".dw-pin", card(1)).click();
    expect(asked("switch")).toEqual([{ number: 2 }]);
    expect(asked("mark")).toEqual([
      { number: 2, star: true, pin: false },
      { number: 1, star: true, pin: false },
    ]);
    expect(one(".dw-star", card(1)).getAttribute("aria-pressed")).toBe("true");
  });

  test("are filtered and found", async () => {
    const [, starred, refused] = [...root.querySelectorAll<HTMLElement>(".dw-filters button")];
    expect(starred?.textContent).toBe("Starred 1");
    starred?.click();
    expect(numbers()).toEqual([1]);
    refused?.click();
    expect(numbers()).toEqual([3]);
    root.querySelector<HTMLElement>(".dw-filters button")?.click();
    const find = one<HTMLInputElement>(".dw-find input");
    find.value = "LIGHT snow";
    find.dispatchEvent(new Event("input"));
    expect(numbers()).toEqual([2]);
    find.value = "nothing like it";
    find.dispatchEvent(new Event("input"));
    expect(one(".dw-nothing").textContent).toBe("No prompt like that.");
  });

  test("show pictures that come as one message, and those of a saved notebook", async () => {
    const made: Blob[] = [];
    vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
      made.push(blob as Blob);
      return `blob:${made.length}`;
    });
    const bytes = new Uint8Array([1, 2, 3, 4, 5]);
    model.receive({ type: "thumbnails", sizes: [[4, 2], [1, 3]] }, [bytes]); // biome-ignore format: pairs
    await settled();
    expect(one<HTMLImageElement>("img", card(1)).src).toBe("blob:2");
    expect(await Promise.all(made.map((blob) => blob.arrayBuffer()))).toEqual([
      new Uint8Array([1, 2]).buffer,
      new Uint8Array([3, 4, 5]).buffer,
    ]);
    await show({ _thumbnails: { 2: "QUJD" } });
    expect(one<HTMLImageElement>("img", card(2)).src).toBe("data:image/jpeg;base64,QUJD");
  });
});

describe("the keys", () => {
  beforeEach(() => show({ _looks: LOOKS, _live: 4, connection_state: "generating" }));

  test("1 to 9 switch to the card with that number", () => {
    expect(press("2").defaultPrevented).toBe(true);
    press("3");
    press("9");
    expect(asked("switch")).toEqual([{ number: 1 }, { number: 2 }]);
  });

  test("do nothing while text is typed, with Ctrl, or in a menu", async () => {
    await show({ _template: TEMPLATE, _fields: { light: 0, strength: 0 } });
    for (const selector of [".dw-prompt", ".dw-find input", ".dw-field select"]) {
      expect(press("2", one(selector)).defaultPrevented).toBe(false);
      expect(press("b", one(selector)).defaultPrevented).toBe(false);
    }
    root.dispatchEvent(new KeyboardEvent("keydown", { key: "2", ctrlKey: true, bubbles: true }));
    expect(asked("switch")).toEqual([]);
  });

  test("holding B shows A, and letting go leads back", () => {
    press("b");
    press("b"); // a key that is held repeats
    expect(root.dataset.hold).toBe("true");
    expect(visible(".dw-ab")).toBe(true);
    expect(one(".dw-ab").textContent).toBe("A: charcoal on grey paper");
    press("B", root, "keyup");
    expect(root.dataset.hold).toBe("false");
    expect(asked("switch")).toEqual([{ number: 1 }, { number: 4 }]);
  });

  test("losing the focus lets go", () => {
    press("b");
    root.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
    expect(asked("switch")).toEqual([{ number: 1 }, { number: 4 }]);
  });

  test("without a pinned card there is no A", async () => {
    await show({ _looks: LOOKS.slice(1) });
    expect(one<HTMLButtonElement>(".dw-hold").disabled).toBe(true);
    press("b");
    expect(asked("switch")).toEqual([]);
  });
});

const TEMPLATE = {
  parts: ["a portrait at ", { field: "light" }, ", ", { field: "strength" }],
  fields: [
    { name: "light", labels: ["dawn", "dusk"], is_scale: false },
    { name: "strength", labels: ["barely", "gently", "strongly"], is_scale: true },
  ],
};

describe("the template", () => {
  beforeEach(() => show({ _template: TEMPLATE, _fields: { light: 0, strength: 1 } }));
  const select = () => one<HTMLSelectElement>(".dw-field select");
  const range = () => one<HTMLInputElement>(".dw-field input");

  test("stands as a sentence with menus and sliders above the prompt box", () => {
    expect(one(".dw-template").nextElementSibling).toBe(one(".dw-bar"));
    expect(one(".dw-sentence").textContent).toBe("a portrait atdawndusk,gently");
    expect(select().getAttribute("aria-label")).toBe("light");
    expect(range().getAttribute("aria-valuetext")).toBe("gently");
    expect(one(".dw-sweep").textContent).toBe("Sweep 2 × 3");
  });

  test("sends what is chosen, and shows what others choose", () => {
    select().value = "1";
    select().dispatchEvent(new Event("change"));
    range().value = "2";
    range().dispatchEvent(new Event("input"));
    expect(model.get("_fields")).toEqual({ light: 1, strength: 2 });
    expect(model.saves).toBe(2);
    model.set("_fields", { light: 0, strength: 0 });
    expect([select().value, range().value]).toEqual(["0", "0"]);
  });

  test("keeps an open menu when only values change", () => {
    const before = select();
    model.set("_fields", { light: 1, strength: 2 });
    expect(select()).toBe(before);
  });

  test("asks for a sweep, and shuffles", () => {
    one(".dw-sweep").click();
    expect(asked("sweep")).toEqual([{}]);
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    one(".dw-shuffle").click();
    expect(model.get("_fields")).toEqual({ light: 1, strength: 2 });
  });

  test("goes with the template", async () => {
    await show({ _template: {}, _fields: {} });
    expect(visible(".dw-template")).toBe(false);
  });
});

test("nothing is added to a view without prompts, template or session", () => {
  expect(root.querySelector(".dw-deck")).toBeNull();
});

test("the chunk exports what the tools load", () => {
  expect(deck.mountDeck).toBeTypeOf("function");
});
