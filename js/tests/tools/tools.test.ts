/** The tools of a view: menus, prompt history, reference image, dropped files, sound, texts of notices. */

import { beforeEach, describe, expect, test, vi } from "vitest";
import { NOTICE_TEXTS } from "../../src/tools/index.ts";
import { settled } from "../fakes.ts";
import { model, one, root, visible } from "../view/harness.ts";

beforeEach(async () => {
  localStorage.clear();
  await settled(); // the chunk `tools` is loaded
});

/** Selects an entry of a menu as a person does. */
function select(menu: string, value: string): void {
  const element = one<HTMLSelectElement>(`select[aria-label="${menu}"]`);
  expect([...element.options].map((option) => option.value)).toContain(value);
  element.value = value;
  element.dispatchEvent(new Event("change"));
}

describe("the menus", () => {
  test.each([
    ["Mirror", "on", "mirror", "on"],
    ["Shape", "portrait", "orientation", "portrait"],
    ["Camera", "source:screen", "source", "screen"],
    ["Camera", "source:test-pattern", "source", "test-pattern"],
    ["Camera", "microphone:on", "microphone", true],
  ])("choosing in the menu %s the entry %s sets the trait %s", (menu, value, trait, expected) => {
    select(menu, value);
    expect(model.get(trait)).toBe(expected);
    expect(model.saves).toBeGreaterThan(0);
  });

  test("a microphone that is on can be turned off", () => {
    select("Camera", "microphone:on");
    select("Camera", "microphone:off");
    expect(model.get("microphone")).toBe(false);
  });

  test("the label names the source, and the menu keeps its entries while nothing changes", () => {
    const menu = one<HTMLSelectElement>('select[aria-label="Camera"]');
    const entry = menu.options[0];
    model.set("mirror", "on");
    expect(menu.options[0]).toBe(entry);
    model.set("source", "test-pattern");
    expect(one(".dw-choice-camera").textContent).toContain("Test pattern");
    expect(menu.value).toBe("source:test-pattern");
  });

  test("a video file is chosen in the browser's dialog", () => {
    const click = vi.spyOn(HTMLInputElement.prototype, "click").mockImplementation(() => undefined);
    select("Camera", "source:file");
    expect(click).toHaveBeenCalledTimes(1);
    expect(model.get("source")).toBeUndefined(); // until a file is chosen
  });
});

describe("the badge of a model of the user's", () => {
  const badge = () => one(".dw-badge").textContent;

  test("says so, and how long a frame takes, wherever the model is served", () => {
    model.set("endpoint", "sandbox");
    expect(badge()).toContain("OpenCV effects");
    model.set("_own_model", "Your own model");
    model.set("budget", 60); // views are updated
    expect(badge()).toBe("Your own model");
    model.set("_own_model", "Your own model · 24 ms a frame · 30 fps");
    model.set("endpoint", "http://127.0.0.1:9000");
    expect(badge()).toBe("Your own model · 24 ms a frame · 30 fps");
    expect(visible(".dw-badge")).toBe(true);
  });

  test("is hidden without such a model", () => {
    model.set("endpoint", "decart");
    expect(visible(".dw-badge")).toBe(false);
  });
});

describe("the prompt history", () => {
  const prompt = () => one<HTMLInputElement>(".dw-prompt");
  const press = (key: string, more: KeyboardEventInit = {}) =>
    prompt().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
  const apply = (text: string) => {
    model.set("prompt_status", "pending");
    model.set("prompt", text);
    model.set("prompt_status", "applied");
  };

  test("goes back and forth with the arrow keys, and keeps what was being typed", () => {
    apply("a pencil sketch");
    apply("an oil painting");
    prompt().value = "half a wo";
    press("ArrowUp");
    expect(prompt().value).toBe("an oil painting");
    press("ArrowUp");
    press("ArrowUp");
    expect(prompt().value).toBe("a pencil sketch");
    press("ArrowDown");
    press("ArrowDown");
    expect(prompt().value).toBe("half a wo");
  });

  test("leaves other keys and modified arrows alone", () => {
    apply("a pencil sketch");
    const before = prompt().value;
    press("a");
    press("ArrowUp", { shiftKey: true });
    press("ArrowUp", { ctrlKey: true });
    press("ArrowUp", { metaKey: true });
    expect(prompt().value).toBe(before);
  });

  test("holds each prompt once, the newest last, and is shared by the origin", () => {
    apply("one");
    apply("two");
    apply("one");
    expect(JSON.parse(localStorage.getItem("decart-widget.prompts") ?? "")).toEqual(["two", "one"]);
  });

  test("has the prompts of cards that were applied elsewhere, as older ones", () => {
    apply("one");
    const card = {
      number: 1,
      status: "applied",
      prompt: "by Python",
      reason: "",
      billed_s: 0,
      effect_s: null,
    };
    const others = [
      { ...card, number: 2, prompt: "one" },
      { ...card, number: 3, status: "refused", prompt: "refused" },
    ];
    model.set("_looks", [card, ...others]);
    press("ArrowUp");
    expect(prompt().value).toBe("one");
    press("ArrowUp");
    press("ArrowUp");
    expect(prompt().value).toBe("by Python");
  });

  test("lasts without storage until the page is reloaded", () => {
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new Error("no storage");
    });
    apply("one");
    press("ArrowUp");
    expect(prompt().value).toBe("one");
  });
});

/** An event with files, as dropping or pasting makes. */
function fileEvent(type: string, member: string, files: File[]): Event {
  const event = new Event(type, { bubbles: true, cancelable: true });
  return Object.assign(event, { [member]: { files, types: ["Files"] } });
}

const image = (size: number) => new File([new Uint8Array(size)], "a.png", { type: "image/png" });

describe("the reference image", () => {
  const sent = () => model.all("image").map(({ total }) => total);
  const bytes = () =>
    model.sent.flatMap((message, index) =>
      message.type === "image" ? [model.buffers[index]?.byteLength] : [],
    );
  const finished = () => vi.waitFor(() => expect(sent().length).toBeGreaterThan(0));

  test("that is dropped is sent to the kernel in messages of 700 kB at most", async () => {
    const event = fileEvent("drop", "dataTransfer", [image(1_500_000)]);
    root.dispatchEvent(event);
    await vi.waitFor(() => expect(sent()).toHaveLength(3));
    expect(event.defaultPrevented).toBe(true);
    expect(new Set(sent())).toEqual(new Set([1_500_000]));
    expect(bytes()).toEqual([700_000, 700_000, 100_000]);
    expect(new Set(model.all("image").map(({ id }) => id)).size).toBe(1);
    expect(model.all("image").map(({ at }) => at)).toEqual([0, 700_000, 1_400_000]);
  });

  test("has a number that counts up even when the clock is set back, and replaces the one before", async () => {
    const now = vi.spyOn(Date, "now").mockReturnValueOnce(2_000_000_000_000).mockReturnValue(1);
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(1_500_000)]));
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(20)]));
    await finished();
    await settled();
    now.mockRestore();
    const [first, ...rest] = model.all("image");
    expect(first?.total).toBe(20);
    expect(rest).toEqual([]);
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(30)]));
    await vi.waitFor(() => expect(sent()).toEqual([20, 30]));
    expect(model.all("image")[1]?.id).toBe(Number(first?.id) + 1);
  });

  test("may be a HEIC file whose type the browser doesn't know", async () => {
    const photo = new File([new Uint8Array(9)], "IMG_0001.HEIC");
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [photo]));
    await finished();
    expect(sent()).toEqual([9]);
  });

  test("that is pasted is sent, and text that is pasted is not", async () => {
    const event = fileEvent("paste", "clipboardData", [image(10)]);
    root.dispatchEvent(event);
    await finished();
    expect(sent()).toEqual([10]);
    const pasted = fileEvent("paste", "clipboardData", []);
    root.dispatchEvent(pasted);
    expect(pasted.defaultPrevented).toBe(false);
  });

  test("that is larger than the kernel accepts is sent as its size and one byte", async () => {
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(50_000_001)]));
    await finished();
    expect(sent()).toEqual([50_000_001]);
    expect(bytes()).toEqual([1]);
  });

  test("that is empty is not sent", async () => {
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(0)]));
    await settled();
    expect(sent()).toEqual([]);
    expect(root.textContent).toContain("The file is empty.");
  });

  test("is refused where the model takes none", async () => {
    model.set("_media", { width: 1280, height: 704, fps: 30, takes_image: false });
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [image(10)]));
    await settled();
    expect(sent()).toEqual([]);
    expect(root.textContent).toContain("lucy-latest takes no reference image.");
    expect(one<HTMLButtonElement>(".dw-slotted").disabled).toBe(true);
  });

  test("is cleared by its button, which is shown while there is an image", () => {
    expect(visible(".dw-clear")).toBe(false);
    model.receive({ type: "image-state", state: "set", text: "" });
    expect(visible(".dw-clear")).toBe(true);
    one(".dw-clear").click();
    expect(sent()).toEqual([0]);
  });
});

describe("a file that is dragged over the view", () => {
  test("shows a hint until it leaves or is dropped; other drags are left to the notebook", () => {
    const over = fileEvent("dragover", "dataTransfer", []);
    root.dispatchEvent(over);
    expect(over.defaultPrevented).toBe(true);
    expect(root.dataset.drop).toBe("true");
    root.dispatchEvent(new Event("dragleave"));
    expect(root.dataset.drop).toBe("false");
    for (const type of ["dragover", "drop"]) {
      const text = new Event(type, { bubbles: true, cancelable: true });
      root.dispatchEvent(
        Object.assign(text, { dataTransfer: { files: [], types: ["text/plain"] } }),
      );
      expect(text.defaultPrevented).toBe(false);
    }
    expect(root.dataset.drop).toBe("false");
  });

  test("becomes the source if it is a video", async () => {
    const video = new File(["some bytes"], "a.mp4", { type: "video/mp4" });
    root.dispatchEvent(fileEvent("drop", "dataTransfer", [video]));
    await settled();
    expect(model.get("source")).toBe("file");
    expect(model.all("image")).toEqual([]);
  });
});

describe("the microphone's button", () => {
  test("switches it on and off, and is labelled with what a click does", () => {
    const button = one<HTMLButtonElement>(".dw-microphone");
    expect(button.title).toBe("Microphone off");
    button.click();
    expect(model.get("microphone")).toBe(true);
    expect(button.getAttribute("aria-pressed")).toBe("true");
    button.click();
    expect(model.get("microphone")).toBe(false);
  });

  test("shows that the microphone is muted", () => {
    model.set("microphone", true);
    model.set("muted", true);
    const button = one<HTMLButtonElement>(".dw-microphone");
    expect([button.title, button.getAttribute("aria-pressed")]).toEqual([
      "Microphone muted",
      "false",
    ]);
  });
});

describe("the remedy for a camera that is not allowed", () => {
  test.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", /crossed camera/],
    ["Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36", /sign/],
    [
      "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15",
      /Safari, Settings/,
    ],
    ["Another/1.0", /address bar/],
  ])("is in the terms of %s", (userAgent, remedy) => {
    vi.stubGlobal("navigator", { userAgent });
    expect(NOTICE_TEXTS["permission-denied"]?.().remedy).toMatch(remedy);
  });

  test("in VS Code is to use another program", () => {
    const elsewhere = NOTICE_TEXTS["blocked-by-frame"]?.();
    vi.stubGlobal("acquireVsCodeApi", () => undefined);
    const here = NOTICE_TEXTS["blocked-by-frame"]?.();
    expect(here?.remedy).toContain("JupyterLab");
    expect(here?.title).toBe(elsewhere?.title);
    expect(here?.remedy).not.toBe(elsewhere?.remedy);
  });

  test("on an insecure origin is a command with this page's port", () => {
    expect(NOTICE_TEXTS["insecure-origin"]?.().command).toBe(
      "ssh -L 8888:localhost:8888 localhost",
    );
  });
});
