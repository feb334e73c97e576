/** The keys of a sheet: everything that the pointer does, without it. */

import type { SheetDocument } from "./document.ts";
import { isShown } from "./document.ts";
import type { Grid } from "./grid.ts";
import type { Inspector } from "./inspector.ts";
import type { Port } from "./port.ts";
import type { RankView } from "./rank.ts";
import type { ViewState } from "./state.ts";
import type { Strip } from "./strip.ts";

/** What the keys act on. */
export interface Parts {
  grid: Grid;
  strip: Strip;
  inspector: Inspector;
  ranking: RankView;
  state: ViewState;
  port: Port;
  document(): SheetDocument | null;
}

/** The keys, as the line under the sheet names them. */
export const HELP: [string[], string][] = [
  [["←", "↑", "→", "↓"], "cell"],
  [[",", "."], "moment"],
  [["Space"], "play all"],
  [["Enter"], "open"],
  [["C"], "wipe against"],
  [["S"], "star"],
  [["R"], "repeat"],
  [["I"], "hold for input"],
  [["⇧"], "hover wipes"],
];

/** Listens to keys on the sheet's root, until the signal. */
export function listenToKeys(root: HTMLElement, parts: Parts, signal: AbortSignal): void {
  const { state } = parts;
  const endInput = () => state.set({ showsInput: false });
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      // Keys of a field, of a menu and of the sliders are theirs.
      const target = event.target as Element;
      if (target.matches("input, select, textarea, [role=slider]")) return;
      if (onKey(event, parts)) event.preventDefault();
    },
    { signal },
  );
  root.addEventListener("keyup", ({ key }) => key.toLowerCase() === "i" && endInput(), { signal });
  // The key's release is not heard where the focus has left meanwhile.
  root.addEventListener("focusout", endInput, { signal });
}

/** Does what a key says; whether it says something here. */
function onKey(event: KeyboardEvent, parts: Parts): boolean {
  const { state, strip, ranking } = parts;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isButton = (event.target as Element).matches("button");
  if (ranking.key(key)) return true;
  const count = parts.document()?.moments.length ?? 1;
  const { moment } = state.values;
  if (key === ",") state.set({ moment: (moment + count - 1) % count });
  else if (key === ".") state.set({ moment: (moment + 1) % count });
  else if (key === "i") state.set({ showsInput: true });
  else if (key === " " && !isButton) strip.play(!state.values.isPlaying);
  else {
    const cell = parts.grid.cell(event.target);
    return cell?.dataset.key !== undefined && onCellKey(key, cell.dataset.key, parts);
  }
  return true;
}

function onCellKey(name: string, key: string, parts: Parts): boolean {
  const { grid, state, port, inspector } = parts;
  const order = grid.order();
  const columns = grid.columns();
  const index = order.indexOf(key);
  const start = index - (index % columns);
  const moves: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns,
    ArrowDown: index + columns,
    Home: start,
    End: Math.min(start + columns, order.length) - 1,
  };
  const to = moves[name];
  if (to !== undefined) {
    const next = order[to];
    if (next) grid.focus(next);
    return true;
  }
  const cell = parts.document()?.cells.find((one) => one.key === key);
  if (!cell) return false;
  const { opened, against } = state.values;
  switch (name) {
    case "Enter":
      state.set({ opened: key, ...(against === key ? { against: null } : {}) });
      return true;
    case "c":
      if (isShown(cell) && key !== opened) state.set({ against: key === against ? null : key });
      return true;
    case "s":
      if (port.isLive) port.ask({ type: "sheet-star", key, on: !cell.starred });
      return true;
    case "r":
      // It costs something: the key leads to the button with the price, and no further.
      state.set({ opened: key });
      inspector.focusRepeat();
      return true;
    default:
      return false;
  }
}
