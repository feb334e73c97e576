// Builds the front end into ../decart_widget/static: loader.js, which every widget carries, and the
// pieces that the kernel sends a page once: main.js (with the styles), by transport peer.js or room.js
// (with livekit-client), capture.js (the camera), tools.js (what a view has beyond picture and prompt)
// and take.js (what is taken away). What each may weigh is checked here. `--size` only measures what is
// built.

import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const product = (name) => here(`../decart_widget/static/${name}`);

/** Bytes of each piece; where `gzipped` is set, as it travels. */
const BUDGETS = [
  { name: "loader.js", limit: 4_000, gzipped: false },
  { name: "main.js", limit: 40_000, gzipped: false },
  { name: "peer.js", limit: 10_000, gzipped: false },
  { name: "capture.js", limit: 24_000, gzipped: false },
  { name: "tools.js", limit: 40_000, gzipped: false },
  { name: "take.js", limit: 16_000, gzipped: false },
  { name: "room.js", limit: 160_000, gzipped: true },
];

const MINIFIED = { minify: true, charset: "utf8", legalComments: "none", logLevel: "warning" };

/** The version that decart_widget/_version.py holds, the only place where it is written. */
async function version() {
  const source = await readFile(here("../decart_widget/_version.py"), "utf8");
  const match = /^__version__\s*=\s*["']([^"']+)["']/m.exec(source);
  if (!match) throw new Error("decart_widget/_version.py holds no __version__");
  return match[1];
}

async function styles(path) {
  const { outputFiles } = await build({
    ...MINIFIED,
    entryPoints: [here(path)],
    // Not lowered further: nesting and container queries are as old as the script's own target.
    target: ["chrome120", "firefox117", "safari17.2"],
    write: false,
  });
  return outputFiles[0].text.trim();
}

if (!process.argv.includes("--size")) {
  const common = {
    ...MINIFIED,
    outdir: here("../decart_widget/static"),
    bundle: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox114", "safari16.4"],
    define: {
      __VERSION__: JSON.stringify(await version()),
      __STYLES__: JSON.stringify(await styles("src/view/styles.css")),
      __TOOLS_STYLES__: JSON.stringify(await styles("src/tools/styles.css")),
    },
  };
  const entryPoints = {
    loader: here("src/loader.ts"),
    main: here("src/index.ts"),
    peer: here("src/media/peer.ts"),
    capture: here("src/capture/index.ts"),
    tools: here("src/tools/index.ts"),
    take: here("src/take/index.ts"),
  };
  await build({ ...common, entryPoints });
  await build({
    ...common,
    entryPoints: { room: here("src/media/room.ts") },
    // livekit-client makes its peer connection by the browser's name for it.
    inject: [here("src/media/room-peer.ts")],
  });
}

let over = false;
for (const { name, limit, gzipped } of BUDGETS) {
  const path = product(name);
  const size = gzipped
    ? gzipSync(await readFile(path), { level: 9 }).length
    : (await stat(path)).size;
  console.log(`${name} ${size} of ${limit} bytes${gzipped ? " gzipped" : ""}`);
  if (size > limit) {
    console.error(`${name} is ${size - limit} bytes over its budget.`);
    over = true;
  }
}
if (over) process.exit(1);
