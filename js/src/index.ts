/**
 * The chunk `main`, which the loader imports: the entry points of one model.
 *
 * All views of a model share one session, which the default export's closure holds. Hosts differ in
 * whether and how often they call `initialize`, so either entry point makes the session if there is none.
 */

import { type EntryPoints, type HostModel, type Load, lifetime, onAbort } from "./host.ts";
import { warmUp } from "./media/warm.ts";
import { Session } from "./session/session.ts";
import { mount } from "./view/view.ts";

/** The entry points of one model. */
export default function decartWidget(load: Load): EntryPoints {
  warmUp();
  let session: Session | undefined;
  let scope = new AbortController();
  let holders = 0;

  /** The model's session; it ends with the last signal that it was held with. */
  function hold(model: HostModel, signal: AbortSignal): Session {
    if (!session || scope.signal.aborted) {
      scope = new AbortController();
      session = new Session(model, load, scope.signal);
    }
    const heldScope = scope;
    holders++;
    onAbort(signal, () => --holders || heldScope.abort());
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
