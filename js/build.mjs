// Builds the front end into ../decart_widget/static: the chunks that chunks.json lists, each within its
// budget, and THIRD_PARTY_LICENSES. The loader is what every widget carries; the kernel sends a page the
// others once: main (with the styles), peer or room (with livekit-client) by transport, capture (the
// camera), tools (what a view has besides picture and prompt), kernel (shows a session that runs in the
// kernel), take (stills, frames, recordings), deck (templates, and prompts as cards) and explore (a sheet of
// many prompts, in place of main).
//
// `--size` only measures what is built. `--coverage` builds chunks for the browser tests that measure
// coverage into .coverage-data/bundle instead: not minified, with source maps beside them (name.js.map) and
// names that a profile shows (decart-widget:///name.js), without budgets.

import { readFile, stat, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { thirdPartyLicenses } from "./tools/licenses.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const forCoverage = process.argv.includes("--coverage");
const folder = forCoverage ? "../.coverage-data/bundle" : "../decart_widget/static";
const product = (name) => here(`${folder}/${name}.js`);

const { browsers, chunks, licenses } = JSON.parse(await readFile(here("chunks.json"), "utf8"));
/** The oldest browsers that scripts and styles are made for; tools/compat.mjs checks the APIs. */
const target = Object.entries(browsers).map(([name, version]) => name + version);
const common = {
  absWorkingDir: here("."),
  minify: !forCoverage,
  charset: "utf8",
  legalComments: "none", // they are in THIRD_PARTY_LICENSES
  logLevel: "warning",
};

/** The version that decart_widget/_version.py holds, the only place where it is written. */
async function version() {
  const source = await readFile(here("../decart_widget/_version.py"), "utf8");
  const match = /^__version__\s*=\s*["']([^"']+)["']/m.exec(source);
  if (!match) throw Error("decart_widget/_version.py holds no __version__");
  return match[1];
}

async function styles(path) {
  const entryPoints = [here(path)];
  const options = { ...common, minify: true, bundle: true, entryPoints, target, write: false };
  const { outputFiles } = await build(options);
  return outputFiles[0].text.trim();
}

/** Builds every chunk, and writes the licences of what is in them. */
async function buildChunks() {
  const define = {
    __VERSION__: JSON.stringify(await version()),
    __STYLES__: JSON.stringify(await styles("src/view/styles.css")),
    __TOOLS_STYLES__: JSON.stringify(await styles("src/tools/styles.css")),
    __DECK_STYLES__: JSON.stringify(await styles("src/deck/styles.css")),
    __EXPLORE_STYLES__: JSON.stringify(await styles("src/explore/styles.css")),
  };
  const building = chunks.map(async ({ name, entry, inject }) => {
    const { metafile } = await build({
      ...common,
      entryPoints: { [name]: here(entry) },
      // livekit-client makes its connections by the browser's names for them: `inject` replaces these.
      inject: (inject ?? []).map(here),
      outdir: here(folder),
      bundle: true,
      metafile: true,
      format: "esm",
      target: ["es2022", ...target],
      sourcemap: forCoverage && "external",
      footer: forCoverage ? { js: `//# sourceURL=decart-widget:///${name}.js` } : {},
      define,
    });
    return metafile;
  });
  const built = await Promise.all(building);
  if (forCoverage) return;
  const text = await thirdPartyLicenses(here("."), built);
  await writeFile(here(`../${licenses}`), text);
}

/** Prints what each chunk weighs; whether all are within their budgets. */
async function areWithinBudgets() {
  let within = true;
  for (const { name, limitBytes, isGzipped } of chunks) {
    const path = product(name);
    // A chunk that is large enough to matter is measured as it travels.
    const size = isGzipped
      ? gzipSync(await readFile(path), { level: 9 }).length
      : (await stat(path)).size;
    console.log(`${name}.js ${size} of ${limitBytes} bytes${isGzipped ? " gzipped" : ""}`);
    if (size <= limitBytes) continue;
    console.error(`${name}.js is ${size - limitBytes} bytes over its budget.`);
    within = false;
  }
  return within;
}

if (!process.argv.includes("--size")) await buildChunks();
if (!forCoverage && !(await areWithinBudgets())) process.exit(1);
