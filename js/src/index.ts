/**
 * The front end proper, as the loader finds it: entryPoints for one model.
 *
 * What the default export closes over belongs to that model, and so all views of it share one
 * session. Hosts differ in whether and how often they call `initialize`, so both entryPoints find the
 * session, or make it.
 */

import { type EntryPoints, type HostModel, type Load, lifetime, onAbort } from "./host.ts";
import { warmUp } from "./media/warm.ts";
import { Session } from "./session/session.ts";
import { mount } from "./view/view.ts";

export default function decartWidget(load: Load): EntryPoints {
  warmUp();
  let session: Session | undefined;
  let scope = new AbortController();
  let holders = 0;

  /** The model's session, held until the signal; it ends when nobody holds it any more. */
  function hold(model: HostModel, signal: AbortSignal): Session {
    if (!session || scope.signal.aborted) {
      scope = new AbortController();
      session = new Session(model, load, scope.signal);
    }
    const held = scope;
    holders++;
    onAbort(signal, () => --holders || held.abort());
    return session;
  }

  return {
    initialize({ model, signal }) {
      const own = lifetime(signal);
      hold(model, own.signal);
      return () => own.abort();
    },

    render({ model, el, signal }) {
      const own = lifetime(signal);
      mount(hold(model, own.signal), el, own.signal);
      return () => own.abort();
    },
  };
}
