/** The microphone's switch and its mark in the stage, and the switch for the received sound. */

import { setTrait, trait } from "../session/model.ts";
import type { Session } from "../session/session.ts";
import { h, mark, show, write } from "../view/dom.ts";
import type { ViewerSlots } from "../view/slots.ts";
import { toolIcon } from "./icons.ts";

/** The buttons for sound. */
interface SoundTools {
  /** Switches and mutes the microphone. */
  microphone: HTMLButtonElement;
  /** Switches the received sound; hidden while there is none. */
  speaker: HTMLButtonElement;
  update(): void;
}

/** Switches the microphone on; mutes and unmutes an open one; switches off one that isn't open yet. */
function toggleMicrophone(session: Session): void {
  if (!trait(session.model, "microphone")) setMicrophone(session, true);
  else if (session.source.capture?.sound)
    setTrait(session.model, "muted", !trait(session.model, "muted"));
  else setMicrophone(session, false);
}

/** Asks for the microphone, or closes it. */
export function setMicrophone(session: Session, on: boolean): void {
  setTrait(session.model, "muted", false);
  setTrait(session.model, "microphone", on);
}

/** Makes the buttons for sound, for the caller to place, and marks an open microphone in the stage. */
export function soundTools(
  session: Session,
  { root, stage, video }: ViewerSlots,
  signal: AbortSignal,
): SoundTools {
  const { model } = session;
  const button = (name: string, more: string, act: () => void) => {
    const element = h(
      "button",
      { type: "button", class: `dw-tool dw-bare ${more}`, title: name, "aria-pressed": "false" },
      h("span", {}, name),
    );
    element.addEventListener("click", act);
    return element;
  };
  const microphone = button("Microphone", "dw-microphone", () => toggleMicrophone(session));
  // Off at first: the loudspeaker would feed the person's own voice back into the microphone.
  const speaker = button("Sound", "dw-speaker", () => {
    video.muted = !video.muted;
    void video.play().catch(() => undefined);
    session.changed();
  });
  const words = h("span");
  const pill = h(
    "div",
    { class: "dw-pill dw-mic", role: "status", hidden: true },
    h("i", { class: "dw-dot" }),
    words,
  );
  stage.append(pill);
  signal.addEventListener(
    "abort",
    () => {
      pill.remove();
      video.muted = true;
    },
    { once: true },
  );

  const draw = (element: HTMLElement, name: Parameters<typeof toolIcon>[0]) => {
    const before = element.querySelector<SVGElement>(".dw-icon");
    if (before?.dataset.icon === name) return;
    before?.remove();
    element.prepend(toolIcon(name));
  };
  return {
    microphone,
    speaker,
    update() {
      const muted = trait(model, "muted");
      const wished = trait(model, "microphone");
      const open = session.source.capture?.sound != null;
      const heard = wished && !muted && (open || !session.isActive);
      draw(microphone, heard ? "microphone" : "silent");
      microphone.setAttribute("aria-pressed", String(heard));
      microphone.disabled = session.isOwnedElsewhere;
      show(microphone, !session.isKernelSource);
      microphone.title = !wished
        ? "Microphone off"
        : muted
          ? "Microphone muted"
          : heard
            ? "Microphone on"
            : "Microphone: with the next start";
      write(words, open ? (muted ? "mic muted" : "mic on") : "");
      show(pill, open);
      mark(root, "mic", open);
      pill.classList.toggle("dw-muted", muted);

      const comes = session.attempt?.stream?.getAudioTracks().length;
      show(speaker, Boolean(comes && session.attempt?.revealed));
      draw(speaker, video.muted ? "quiet" : "sound");
      speaker.setAttribute("aria-pressed", String(!video.muted));
      speaker.title = video.muted ? "Sound off" : "Sound on";
    },
  };
}

/** Adds the switch for received sound to a viewer. */
export function viewerSoundTools(
  session: Session,
  slots: ViewerSlots,
  signal: AbortSignal,
): Pick<SoundTools, "update"> {
  const sound = soundTools(session, slots, signal);
  slots.gap.after(sound.speaker);
  signal.addEventListener("abort", () => sound.speaker.remove(), { once: true });
  return sound;
}
