/** The prompt bar and its status line. */

import { describe, expect, test, vi } from "vitest";
import { life, model, one, root, text, visible } from "./harness.ts";

describe("prompt", () => {
  const box = () => one<HTMLInputElement>("input.dw-prompt");
  const type = (value: string) => {
    box().focus();
    box().value = value;
    box().dispatchEvent(new Event("input", { bubbles: true }));
  };

  test("typing sets the trait and saves it", () => {
    type("a cat");
    expect(model.get("prompt")).toBe("a cat");
    expect(model.saves).toBe(1);
    expect(model.all("apply")).toHaveLength(0);
  });

  test("Apply sends what the box holds, after the trait was saved", () => {
    type("a cat");
    one(".dw-apply").click();
    const apply = { type: "apply", page_id: model.pageId, prompt: "a cat", enrich: true };
    expect(model.sent.at(-1)).toEqual(apply);
    expect(model.saves).toBe(1);
  });

  test("an empty prompt is not applied", () => {
    type("  ");
    one(".dw-apply").click();
    expect(model.all("apply")).toHaveLength(0);
  });

  test("the kernel's echo of earlier text does not overwrite what was typed since", () => {
    type("a c");
    type("a cat");
    model.set("prompt", "a c"); // the kernel's late echo
    expect(box().value).toBe("a cat");
    model.set("prompt", "a cat");
    expect(box().value).toBe("a cat");
  });

  test("a prompt that is set elsewhere is shown, also while the box has the focus", () => {
    type("a cat");
    model.set("prompt", "from a link");
    expect(box().value).toBe("from a link");
  });

  test("after a quiet second the box shows what the kernel holds", () => {
    type("a c");
    type("a cat");
    model.set("prompt", "a c");
    vi.advanceTimersByTime(1000);
    expect(box().value).toBe("a c");
  });

  test.each([
    ["too long", "x".repeat(10_213), "Not sent: 10,213 characters. Shorten it to 10,000."],
    ["too long, in wide characters", "🐈".repeat(10_001), "Not sent: 10,001 characters."],
    ["half a character", "a \ud83d cat", "Not sent: a part of it is no text."],
    ["a NUL", "a\0cat", "Not sent: a part of it is no text."],
  ])("what can't be sent (%s) stays in the box, which says so", (_what, typed, said) => {
    type("a cat");
    type(typed);
    expect(text(".dw-prompt-status")).toContain(said);
    expect(one(".dw-prompt-status").dataset.tone).toBe("bad");
    expect(box().getAttribute("aria-invalid")).toBe("true");
    one(".dw-apply").click();
    vi.advanceTimersByTime(5000);
    model.set("prompt", "from a link");
    expect(box().value).toBe(typed);
    expect(model.all("apply")).toHaveLength(0);
    expect(text(".dw-prompt-status")).toContain(said);
    type("a dog");
    expect(text(".dw-prompt-status")).not.toContain("Not sent");
    expect(box().getAttribute("aria-invalid")).toBe("false");
    expect(model.get("prompt")).toBe("a dog");
  });

  test("a prompt of as many wide characters as the kernel takes is sent", () => {
    const longest = "🐈".repeat(10_000);
    type(longest);
    expect(model.get("prompt")).toBe(longest);
    expect(text(".dw-prompt-status")).not.toContain("Not sent");
  });

  test("a prompt of several lines is shown in one, with spaces", () => {
    model.set("prompt", "a cat,\r\n  in the style\nof ukiyo-e");
    expect(box().value).toBe("a cat, in the style of ukiyo-e");
    vi.advanceTimersByTime(5000);
    expect(model.get("prompt")).toBe("a cat,\r\n  in the style\nof ukiyo-e");
  });

  test("a word that is being composed is not sent yet", () => {
    box().dispatchEvent(new Event("compositionstart"));
    type("に");
    expect(model.get("prompt")).toBe("anime style");
    model.set("prompt", "from a link");
    expect(box().value).toBe("に");
    const enter = new KeyboardEvent("keydown", {
      ...{ key: "Enter", isComposing: true, bubbles: true, cancelable: true },
    });
    box().dispatchEvent(enter);
    expect(enter.defaultPrevented).toBe(true);
    box().value = "日本";
    box().dispatchEvent(new Event("compositionend"));
    expect(model.get("prompt")).toBe("日本");
  });

  test("enrich is sent and shown", () => {
    const check = one<HTMLInputElement>("input.dw-enrich");
    expect(check.checked).toBe(true);
    check.click();
    expect(model.get("enrich")).toBe(false);
    model.set("enrich", true);
    expect(check.checked).toBe(true);
  });

  test("the status line shows whether the prompt was applied", () => {
    const line = () => [text(".dw-prompt-status"), one(".dw-prompt-status").dataset.tone];
    model.set("connection_state", "generating");
    model.set("prompt_status", "pending");
    expect(line()).toEqual(["applying…", "busy"]);
    model.set("_applied_in", 0.314);
    model.set("prompt_status", "applied");
    expect(line()).toEqual(["applied in 0.31 s", "ok"]);
    model.set("_applied_in", 0.0031);
    expect(line()).toEqual(["applied in 3 ms", "ok"]);
    model.set("error", { code: "request-rejected", message: "moderation said no", remedy: "" });
    model.set("prompt_status", "rejected");
    expect(line()).toEqual(["rejected: moderation said no", "bad"]);
    // An error since then, with its remedy; a pending prompt is shown instead.
    model.set("prompt_status", "applied");
    model.set("error", { code: "bad-video", message: "No video.", remedy: "Drop an MP4." });
    expect(line()).toEqual(["No video. Drop an MP4.", "bad"]);
    model.set("prompt_status", "pending");
    expect(line()).toEqual(["applying…", "busy"]);
    expect(visible(".dw-notice")).toBe(false);
  });

  test("no key leaves the widget", () => {
    const keys = vi.fn();
    for (const name of ["keydown", "keyup", "keypress"]) {
      document.addEventListener(name, keys, { signal: life.signal });
      box().dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
      one(".dw-start").dispatchEvent(new KeyboardEvent(name, { key: "d", bubbles: true }));
    }
    expect(keys).not.toHaveBeenCalled();
    expect(box().closest("[data-lm-suppress-shortcuts]")).toBe(root);
  });
});
