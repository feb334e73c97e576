/**
 * anywidget's doors.
 *
 * The default export is a function: what it closes over belongs to one model, and so all views of
 * the model share one session. Hosts differ in whether and how often they call `initialize`, so
 * both doors find the session, or make it.
 */

import type { HostModel } from "./model.ts";
import { Session } from "./session.ts";
import { mount } from "./view/view.ts";

interface Door {
  model: HostModel;
  /** Hosts that speak an older protocol have none, and call what the door returned. */
  signal?: AbortSignal;
}

export default function decartWidget() {
  let session: Session | undefined;
  let scope = new AbortController();
  let holders = 0;

  /** The model's session, held until the signal; it ends when nobody holds it any more. */
  function hold(model: HostModel, signal: AbortSignal): Session {
    if (!session || scope.signal.aborted) {
      scope = new AbortController();
      session = new Session(model, scope.signal);
    }
    const held = scope;
    holders++;
    signal.addEventListener("abort", () => --holders || held.abort(), { once: true });
    return session;
  }

  return {
    // Settles at once: a host drops a model's messages while it waits here.
    initialize({ model, signal }: Door) {
      const own = lifetime(signal);
      hold(model, own.signal);
      return () => own.abort();
    },

    render({ model, el, signal }: Door & { el: HTMLElement }) {
      const own = lifetime(signal);
      mount(hold(model, own.signal), model, el, own.signal);
      return () => own.abort();
    },
  };
}

function lifetime(signal?: AbortSignal): AbortController {
  const own = new AbortController();
  signal?.addEventListener("abort", () => own.abort(), { once: true });
  return own;
}
