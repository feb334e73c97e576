// The licences of everything that is bundled, as one text. A bundle of ours contains npm packages, and
// their builds contain their own dependencies in turn: livekit-client's is one file.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const RULE = "=".repeat(80);

/** Files of a package that hold its licence, or notices that have to go with it. */
const LICENSE_FILE = /^(licen[cs]e|copying|copyright|notice)/i;

/**
 * What stands above the standard text (js/licenses/<SPDX id>.txt) for packages that publish no licence
 * file, as their source files say it.
 */
const COPYRIGHTS = {
  "@bufbuild/protobuf": [
    "Copyright 2021-2024 Buf Technologies, Inc.",
    "Copyright 2008 Google Inc.",
  ],
};

/** "@scope/name" or "name" of the package that a path in node_modules leads into, or null. */
function packageOf(path) {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? null;
}

/**
 * The packages, with versions, whose sources a built file contains by its source map. pnpm's folders
 * bear the name and version: .pnpm/@scope+name@1.2.3/node_modules/@scope/name/...
 */
async function inside(file) {
  let map;
  try {
    map = JSON.parse(await readFile(`${file}.map`, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return new Map();
    throw error;
  }
  const found = new Map();
  for (const source of map.sources) {
    const name = packageOf(source);
    const version = /\.pnpm\/@?[^@]+@([^/_(]+)/.exec(source)?.[1];
    if (name) found.set(name, version);
  }
  return found;
}

/**
 * The packages in a bundle: those that esbuild read, what their own builds contain, and their runtime
 * dependencies (of which a build may have kept a helper or two).
 *
 * @param root the folder of package.json and node_modules
 * @param metafiles esbuild's, one for each build
 * @returns name to version, sorted by name
 */
async function bundledPackages(root, metafiles) {
  const versions = new Map();
  const paths = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const names = new Set();
  for (const path of paths.filter(packageOf)) {
    names.add(packageOf(path));
    for (const [name, version] of await inside(join(root, path))) {
      names.add(name);
      versions.set(name, version);
    }
  }
  for (const name of names) {
    // A set that grows while it is walked: the dependencies' dependencies are walked too.
    const { version, dependencies = {} } = await manifest(root, name);
    if (!versions.get(name)) versions.set(name, version);
    for (const dependency of Object.keys(dependencies)) names.add(dependency);
  }
  return new Map([...versions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function manifest(root, name) {
  const text = await readFile(join(root, "node_modules", name, "package.json"), "utf8");
  return JSON.parse(text);
}

/** The licence texts of a package: its own files, else the standard texts of its SPDX expression. */
async function texts(root, name, license) {
  const folder = join(root, "node_modules", name);
  const files = (await readdir(folder)).filter((file) => LICENSE_FILE.test(file)).sort();
  if (files.length) return Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  const copyrights = COPYRIGHTS[name];
  if (!copyrights) throw Error(`${name} has no licence file: add it to COPYRIGHTS in licenses.mjs`);
  const ids = license.replace(/[()]/g, "").split(/ AND | OR /);
  const standard = ids.map((id) => readFile(join(root, "licenses", `${id}.txt`), "utf8"));
  return [copyrights.join("\n"), ...(await Promise.all(standard))];
}

/**
 * The whole text of THIRD_PARTY_LICENSES.
 *
 * @param root the folder of package.json, node_modules and licenses
 * @param metafiles esbuild's, one for each build
 */
export async function thirdPartyLicenses(root, metafiles) {
  const parts = [
    "The JavaScript files beside this one contain the packages below, under these licences.",
  ];
  for (const [name, version] of await bundledPackages(root, metafiles)) {
    const { license } = await manifest(root, name);
    if (!license) throw Error(`${name} names no licence in its package.json`);
    const own = await texts(root, name, license);
    parts.push([RULE, `${name} ${version}`, `License: ${license}`, RULE].join("\n"));
    parts.push(...own.map((text) => text.replaceAll("\r\n", "\n").replace(/^\n+|\s+$/g, "")));
  }
  return `${parts.join("\n\n")}\n`;
}
