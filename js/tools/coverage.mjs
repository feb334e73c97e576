// Merges the branch coverage of the unit tests (vitest) with that of the browser tests (profiles by V8,
// from tests/browser/script_coverage.py), prints it by folder, and fails below the minimum.
//
// Both become Istanbul's counts by the same converter, from the source maps: a branch has the same
// place in src/ in both, so the counts of one add to those of the other.

import { readdir, readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { mergeProcessCovs } from "@bcoe/v8-coverage";
import { convert } from "ast-v8-to-istanbul";
import istanbul from "istanbul-lib-coverage";
import { parseAstAsync } from "vite";

const here = fileURLToPath(new URL("..", import.meta.url));
const data = resolve(here, "../.coverage-data");
const sources = resolve(here, "src");

/** The least share of branches that the tests have to take, in per cent. */
const MIN_BRANCHES = 85;
/** How many of the least covered files are listed. */
const LISTED = 8;
/** What build.mjs puts before the name of a chunk. */
const SCHEME = "decart-widget:///";

const readJson = async (path) => JSON.parse(await readFile(path, "utf8"));

/**
 * A profile of a worker as profiles of chunks: its script is `(function)(function, ...)`, made of the
 * text of functions that are in chunks, each with what is nested in it.
 *
 * @param chunks the code of each chunk by its url
 */
async function ofChunks({ source, functions }, chunks) {
  const call = (await parseAstAsync(source)).body[0]?.expression;
  if (call?.type !== "CallExpression") return [];
  const moved = [];
  for (const { start, end } of [call.callee, ...call.arguments]) {
    const text = source.slice(start, end);
    for (const [url, code] of chunks) {
      const at = code.indexOf(text);
      if (at < 0) continue;
      const inside = functions.filter(
        ({ ranges: [{ startOffset, endOffset }] }) => startOffset >= start && endOffset <= end,
      );
      const shifted = inside.map((counted) => ({
        ...counted,
        ranges: counted.ranges.map(({ startOffset, endOffset, count }) => ({
          startOffset: startOffset - start + at,
          endOffset: endOffset - start + at,
          count,
        })),
      }));
      moved.push({ url, scriptId: "0", functions: shifted });
    }
  }
  return moved;
}

/** The profiles of all pages as one. */
async function profiles() {
  const folder = resolve(data, "browser");
  const names = await readdir(folder).catch(() => []);
  const pages = await Promise.all(names.map((name) => readJson(resolve(folder, name))));
  const bundle = resolve(data, "bundle");
  const chunks = new Map();
  for (const name of await readdir(bundle)) {
    if (name.endsWith(".js"))
      chunks.set(SCHEME + name, await readFile(resolve(bundle, name), "utf8"));
  }
  const workers = pages.flatMap((page) => page.workers ?? []);
  const moved = await Promise.all(workers.map((worker) => ofChunks(worker, chunks)));
  return mergeProcessCovs([...pages, ...moved.flat().map((script) => ({ result: [script] }))]);
}

/** Istanbul's counts of one chunk, for the files in src/ that are in it. */
async function counts({ url, functions }) {
  const path = resolve(data, "bundle", url.slice(SCHEME.length));
  const code = await readFile(path, "utf8");
  const converted = await convert({
    ast: parseAstAsync(code),
    code,
    coverage: { scriptId: "0", url: `file://${path}`, functions },
    sourceMap: await readJson(`${path}.map`),
  });
  const ours = Object.entries(converted).filter(([file]) => file.startsWith(`${sources}/`));
  // As vitest's: JSON makes the end of a line, Infinity, null.
  return JSON.parse(JSON.stringify(Object.fromEntries(ours)));
}

/**
 * Gives the branches of `counted` the places that `merged` has for them.
 *
 * A source map knows where a branch begins and ends, but not always where one of its paths does.
 */
function aligned(counted, merged) {
  const key = ({ type, loc, locations }) => JSON.stringify([type, loc, locations.length]);
  for (const [file, counts] of Object.entries(counted)) {
    if (!merged.files().includes(file)) continue;
    const known = Object.values(merged.fileCoverageFor(file).branchMap);
    const places = new Map(known.map((branch) => [key(branch), branch.locations]));
    for (const branch of Object.values(counts.branchMap)) {
      branch.locations = places.get(key(branch)) ?? branch.locations;
    }
  }
  return counted;
}

const row = (name, { total, covered, pct }) =>
  `${name.padEnd(42)} ${String(total).padStart(6)} ${String(total - covered).padStart(6)} ${pct.toFixed(1).padStart(6)}`;

const merged = istanbul.createCoverageMap(
  await readJson(resolve(data, "unit/coverage-final.json")),
);
const unitAlone = istanbul.createCoverageMap(JSON.parse(JSON.stringify(merged)));
for (const script of (await profiles()).result) {
  merged.merge(aligned(await counts(script), merged));
}

const folders = new Map();
const files = [];
for (const file of merged.files()) {
  const summary = merged.fileCoverageFor(file).toSummary();
  const folder = dirname(relative(here, file));
  if (!folders.has(folder)) folders.set(folder, istanbul.createCoverageSummary());
  folders.get(folder).merge(summary);
  files.push([relative(here, file), summary.branches]);
}
const { branches } = merged.getCoverageSummary();
console.log(`${" ".repeat(40)} branches missed      %`);
for (const [folder, summary] of [...folders].sort()) console.log(row(folder, summary.branches));
console.log(row("all of js/src", branches));
console.log(row("  by the unit tests alone", unitAlone.getCoverageSummary().branches));
console.log("least covered:");
for (const [name, counted] of files.sort((a, b) => a[1].pct - b[1].pct).slice(0, LISTED)) {
  console.log(row(`  ${name}`, counted));
}
if (branches.pct < MIN_BRANCHES) {
  console.error(
    `The tests take ${branches.pct} % of js/src's branches; the minimum is ${MIN_BRANCHES}.`,
  );
  process.exit(1);
}
