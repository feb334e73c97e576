// Builds the front end: src/index.ts and src/view/styles.css -> ../decart_widget/static/widget.{js,css}.
// Every widget ships both over the kernel's socket, so their size is a budget, checked here.
// `--size` only measures what is built.

import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const products = ["widget.js", "widget.css"].map((name) => here(`../decart_widget/static/${name}`));
/** Bytes of script and styles together. */
const BUDGET = 40_000;

/** The version that decart_widget/_version.py holds, the only place where it is written. */
async function version() {
  const source = await readFile(here("../decart_widget/_version.py"), "utf8");
  const match = /^__version__\s*=\s*["']([^"']+)["']/m.exec(source);
  if (!match) throw new Error("decart_widget/_version.py holds no __version__");
  return match[1];
}

if (!process.argv.includes("--size")) {
  await build({
    entryPoints: { widget: here("src/index.ts") },
    outdir: here("../decart_widget/static"),
    bundle: true,
    format: "esm",
    target: ["es2022", "chrome111", "firefox114", "safari16.4"],
    minify: true,
    charset: "utf8",
    legalComments: "none",
    define: { __VERSION__: JSON.stringify(await version()) },
    logLevel: "warning",
  });
  await build({
    entryPoints: { widget: here("src/view/styles.css") },
    outdir: here("../decart_widget/static"),
    // Not lowered further: nesting and container queries are as old as the script's own target.
    target: ["chrome120", "firefox117", "safari17.2"],
    minify: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
}

const sizes = await Promise.all(products.map(async (path) => (await stat(path)).size));
const total = sizes.reduce((sum, size) => sum + size, 0);
console.log(`widget.js ${sizes[0]} + widget.css ${sizes[1]} = ${total} of ${BUDGET} bytes`);
if (total > BUDGET) {
  console.error(`The bundle is ${total - BUDGET} bytes over its budget.`);
  process.exit(1);
}
