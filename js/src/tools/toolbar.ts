/** The row of tools: source, mirror, orientation, snapshot, recording, comparison, sound, full screen. */

import { setTrait, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import type { Updatable } from "../view/part.ts";
import type { Slots } from "../view/slots.ts";
import { clock } from "../view/words.ts";
import { choice, type Option } from "./choice.ts";
import { chooseVideo } from "./clip.ts";
import type { Compare } from "./compare.ts";
import { toolIcon } from "./icons.ts";
import { setMicrophone, soundTools } from "./sound.ts";

const SOURCES: Option[] = [
  { value: "source:screen", label: "Screen or window…" },
  { value: "source:test-pattern", label: "Test pattern" },
  { value: "source:file", label: "Video file…" },
];
/** The entry of the camera menu while the microphone is on. */
const HEARD: Option[] = [{ value: "microphone:off", label: "Turn the microphone off" }];
/** The entry while it is off. */
const UNHEARD: Option[] = [{ value: "microphone:on", label: "Turn the microphone on" }];
/** The labels of sources that are no cameras. */
const SOURCE_WORDS: Record<string, string> = {
  screen: "Screen",
  "test-pattern": "Test pattern",
  file: "Video file",
};
const MIRRORS: Option[] = [
  { value: "off", label: "Mirror off" },
  { value: "auto", label: "Mirror a front camera" },
  { value: "on", label: "Mirror on" },
];
const SHAPES: Option[] = [
  { value: "landscape", label: "Landscape" },
  { value: "portrait", label: "Portrait" },
];

/** Adds the row of tools to a view, and removes it when the signal aborts. */
export function toolbar(
  session: Session,
  slots: Slots,
  wipe: Compare,
  signal: AbortSignal,
): Updatable {
  const { root, tools: slot, gap: costGap } = slots;
  const { model, source, taps } = session;
  const camera = choice("Camera", toolIcon("camera"), (value) => {
    if (value === "source:file") chooseVideo((video) => void session.source.useFile(video));
    else if (value.startsWith("source:")) setTrait(session.model, "source", value.slice(7));
    else if (value.startsWith("microphone:")) setMicrophone(session, value.endsWith("on"));
    else if (value.startsWith("camera:")) session.source.chooseCamera(value.slice(7));
    update(); // if the change failed, the menu must show the current source again
  });
  const mirror = choice("Mirror", toolIcon("mirror"), (value) =>
    setTrait(session.model, "mirror", value),
  );
  const shape = choice("Shape", toolIcon("shape"), (value) =>
    setTrait(session.model, "orientation", value),
  );

  const button = (name: string, icon: SVGElement, onClick: () => void, more = "") => {
    const label = h("span", {}, name);
    const element = h(
      "button",
      { type: "button", class: `dw-tool ${more}`, title: name },
      icon,
      label,
    );
    element.addEventListener("click", onClick);
    return { element, label };
  };
  const snapshot = button("Snapshot", toolIcon("save"), () => void taps.snapshot(), "dw-snapshot");
  const record = button(
    "Record",
    toolIcon("record"),
    () => (taps.recording ? taps.stopRecording() : taps.startRecording()),
    "dw-record",
  );
  const compare = button("Compare", toolIcon("compare"), () => wipe.toggle(), "dw-wipe");
  const full = button("Full screen", toolIcon("full"), () => void fullScreen(root), "dw-full");
  const note = h("span", { class: "dw-note", role: "status", "aria-live": "polite" });
  /** What the kernel sends, in place of the menus for what this page sends. */
  const sentName = h("span");
  const sent = h("span", { class: "dw-sent" }, toolIcon("film"), sentName);
  const gap = h("span", { class: "dw-gap" });
  const sound = soundTools(session, slots, signal);
  const buttons = [snapshot, record, compare].map((one) => one.element);
  slot.append(camera.element, sent, sound.microphone, mirror.element, shape.element, gap);
  slot.append(...buttons, sound.speaker, full.element);
  // In the row with the cost, which has room for the text at every width of the view.
  costGap.after(note);
  signal.addEventListener(
    "abort",
    () => {
      slot.replaceChildren();
      note.remove();
    },
    { once: true },
  );
  document.addEventListener("fullscreenchange", update, { signal });
  // Updates the duration that is shown while recording.
  const timer = setInterval(() => taps.recording && update(), 500);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });

  function update(): void {
    const obtained = source.capture?.obtained;
    const currentSource = obtained?.source ?? trait(model, "source");
    const cameras = source.cameras
      .filter(({ id }) => id)
      .map(({ id, label }, index) => ({
        value: `camera:${id}`,
        label: label || `Camera ${index + 1}`,
      }));
    // Browsers report no device ids until the user has allowed a camera.
    const listed = cameras.length ? cameras : [{ value: "camera:", label: "Camera" }];
    const current = obtained?.source === "camera" ? `camera:${obtained.id}` : listed[0]?.value;
    const value = currentSource === "camera" ? (current ?? "") : `source:${currentSource}`;
    const name = listed.find((one) => one.value === current)?.label ?? "Camera";
    camera.show(
      [listed, SOURCES, trait(model, "microphone") ? HEARD : UNHEARD],
      value,
      currentSource === "camera" ? short(name) : (SOURCE_WORDS[currentSource] ?? ""),
    );
    const { width, height, fps } = obtained ?? {};
    // The actual resolution, which may differ from the requested one.
    camera.element.title = obtained ? `${name} · ${width}×${height} · ${fps} fps` : "Camera";
    const { isKernelSource } = session;
    root.setAttribute("aria-label", isKernelSource ? "Decart video" : "Decart camera");
    show(camera.element, !isKernelSource);
    show(mirror.element, !isKernelSource);
    show(sent, isKernelSource);
    write(sentName, isKernelSource ? currentSource : "");
    sent.title = `${currentSource}, sent by the kernel`;
    const mirrorMode = trait(model, "mirror");
    mirror.show([MIRRORS], mirrorMode, `Mirror ${mirrorMode}`);
    const orientation = trait(model, "orientation");
    shape.show([SHAPES], orientation, orientation);

    sound.update();
    const isReadOnly = session.isOwnedElsewhere;
    for (const { select } of [camera, mirror, shape]) select.disabled = isReadOnly;
    // The kernel's engine takes the shape that it began with.
    if (isKernelSource && session.isActive) shape.select.disabled = true;
    const hasPicture = session.attempt?.revealed === true;
    const { recording } = taps;
    snapshot.element.disabled = compare.element.disabled = !hasPicture;
    record.element.disabled = !hasPicture && !recording;
    mark(record.element, "on", recording !== null);
    record.element.classList.toggle("dw-recording", recording !== null);
    write(record.label, recording ? `Stop ${clock(recording.seconds)}` : "Record");
    record.element.title = recording ? "Stop recording" : "Record";
    const icon = record.element.querySelector(".dw-icon") as SVGElement;
    const iconName = recording ? "halt" : "record";
    if (icon.dataset.icon !== iconName) icon.replaceWith(toolIcon(iconName));
    compare.element.setAttribute("aria-pressed", String(wipe.on));
    full.element.setAttribute("aria-pressed", String(document.fullscreenElement === root));
    show(full.element, document.fullscreenEnabled === true);
    write(note, taps.note);
    note.title = taps.note;
    show(note, taps.note !== "");
    mark(root, "source", source.isOpen ? currentSource : "");
  }
  return { update };
}

/** A camera's label without the USB vendor and product ids that browsers append. */
function short(label: string): string {
  return label.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/i, "");
}

async function fullScreen(root: HTMLElement): Promise<void> {
  try {
    if (document.fullscreenElement === root) await document.exitFullscreen();
    else await root.requestFullscreen();
  } catch {
    // The host page doesn't allow full screen.
  }
}
