/** The notices about errors. */

import { describe, expect, test } from "vitest";
import { model, one, text, visible } from "./harness.ts";

describe("notices", () => {
  const notice = () => [one(".dw-notice").dataset.code, text(".dw-notice .dw-title")];

  test("an error of the kernel's is shown with its own text", () => {
    model.set("connection_state", "error");
    model.set("error", { code: "at-capacity", message: "All are busy.", remedy: "Wait a bit." });
    expect(notice()).toEqual(["at-capacity", "No free place now"]);
    expect(text(".dw-notice p")).toContain("All are busy.");
    expect(text(".dw-notice p")).toContain("Wait a bit.");
    one(".dw-retry").click();
    expect(model.all("start")).toHaveLength(1);
  });

  test("an error without a known code is shown too", () => {
    model.set("connection_state", "error");
    expect(notice()).toEqual(["decart-error", "Something went wrong"]);
    model.set("error", { code: "toString", message: "odd" });
    expect(notice()).toEqual(["toString", "Something went wrong"]);
  });

  test("the error of a missing page is not shown on a page", () => {
    model.set("connection_state", "error");
    model.set("error", { code: "no-frontend", message: "No page.", remedy: "Show it." });
    expect(visible(".dw-notice")).toBe(false);
    expect(visible(".dw-start")).toBe(true);
  });

  test("why a session ended is shown after its end", () => {
    model.set("connection_state", "disconnected");
    model.set("error", { code: "unattended", message: "Nobody was there.", remedy: "" });
    expect(notice()[0]).toBe("unattended");
  });

  test.each([
    ["insecure-origin", "ssh -L 8888:localhost:8888 localhost"],
    ["permission-denied", ""],
    ["no-camera", ""],
    ["camera-busy", ""],
    ["over-constrained", ""],
    ["blocked-by-frame", ""],
    ["no-webrtc", ""],
    ["media-failed", ""],
  ])("%s has a title, a remedy and, where it helps, a command to copy", (code, command) => {
    model.set("connection_state", "error");
    model.set("error", { code, message: "It failed.", remedy: "Do this." });
    expect(notice()[0]).toBe(code);
    expect(text(".dw-notice .dw-title")).not.toBe("Something went wrong");
    expect(text(".dw-notice code")).toBe(command);
  });

  test("notices are announced to screen readers", () => {
    expect(one(".dw-notice").getAttribute("role")).toBe("alert");
  });
});
